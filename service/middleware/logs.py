"""One log line for each request, as text or JSON, without anything of the payload."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Request, Response

from service.context import current_state

logger = logging.getLogger("paramcount.request")

_LINE = "%(method)s %(route)s %(status)s %(milliseconds)s ms %(request_id)s"
_TRACEPARENT = re.compile(r"[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?")


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if isinstance(record.args, Mapping):  # the fields of a request
            line |= record.args
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class GunicornFilter(logging.Filter):
    """Renames gunicorn's logger: what it calls gunicorn.error says when it starts, too."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.name = "gunicorn"
        return True


def make_config(log_format: str) -> dict[str, Any]:
    """Return the logging of the process, gunicorn's included, for `logging.config.dictConfig`."""
    text = {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JSONFormatter} if log_format == "json" else text},
        "filters": {"gunicorn": {"()": GunicornFilter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {
                "level": "INFO",
                "handlers": ["stderr"],
                "filters": ["gunicorn"],
                "propagate": False,
            }
        },
    }


def log_request(request: Request, response: Response, route: str | None, seconds: float) -> None:
    """Log one line about an answered request."""
    state = current_state()
    parent = request.environ.get("HTTP_TRACEPARENT")
    trace = _TRACEPARENT.fullmatch(parent) if parent else None
    fields = {
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 3),
        "received": request.content_length,
        "sent": response.content_length,
        "client": request.remote_addr,
        "request_id": state.request_id,
        "trace_id": trace[1] if trace else None,
        "token": state.get("token"),
    }
    if logger.isEnabledFor(logging.INFO):  # a record made by hand: finding the caller takes time and says nothing
        logger.handle(logger.makeRecord(logger.name, logging.INFO, "", 0, _LINE, (fields,), None))

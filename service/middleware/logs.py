"""One line a request, as text or JSON, with nothing of the payload in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Request, Response, g

logger = logging.getLogger("paramcount.request")

_LINE = "%(method)s %(route)s %(status)s %(milliseconds)s ms %(request_id)s"
_TRACEPARENT = re.compile(r"[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?")


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if isinstance(record.args, Mapping):  # a request's
            line |= record.args
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configuration(form: str) -> dict[str, Any]:
    """The logging of the process, gunicorn's own included, as `logging.config.dictConfig` takes it."""
    text = {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"it": {"()": JSONFormatter} if form == "json" else text},
        "handlers": {"it": {"class": "logging.StreamHandler", "formatter": "it", "stream": "ext://sys.stderr"}},
        "root": {"level": "INFO", "handlers": ["it"]},
        "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["it"], "propagate": False}},
    }


def write(asked: Request, response: Response, route: str | None, seconds: float) -> None:
    """The line of a request that is answered."""
    parent = asked.headers.get("traceparent")
    trace = _TRACEPARENT.fullmatch(parent) if parent else None
    fields = {
        "method": asked.method,
        "route": route,
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 3),
        "received": asked.content_length,
        "sent": response.content_length,
        "client": asked.remote_addr,
        "request_id": g.request_id,
        "trace_id": trace[1] if trace else None,
        "token": g.get("token"),
    }
    if logger.isEnabledFor(logging.INFO):  # where in the code that is said says nothing, and takes time to find
        logger.handle(logger.makeRecord(logger.name, logging.INFO, "", 0, _LINE, (fields,), None))

"""One line a request, as text or JSON, with nothing of the payload in it; and the ids that tie lines together."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

import orjson
from flask import Flask, Response, g, request

logger = logging.getLogger("paramcount.request")

_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
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


def register(app: Flask) -> None:
    """Give every request an id (the client's own, if it is one), and write a line when it is answered."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _ID.fullmatch(given) else uuid4().hex

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        trace = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
        fields = {
            "method": request.method,
            "route": request.url_rule.rule if request.url_rule else None,
            "status": response.status_code,
            "milliseconds": round((perf_counter() - g.began) * 1000, 3),
            "received": request.content_length,
            "sent": response.content_length,
            "client": request.remote_addr,
            "request_id": g.request_id,
            "trace_id": trace[1] if trace else None,
            "token": g.get("token"),
        }
        message = "%(method)s %(route)s %(status)s %(milliseconds)s ms %(request_id)s"
        logger.info(message, fields, extra=fields)
        return response

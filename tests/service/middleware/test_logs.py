"""The logging of the process: what gunicorn says of clients and of itself."""

from __future__ import annotations

import logging

import pytest

from service.middleware.logs import GunicornFilter


def record_of(error: Exception) -> logging.LogRecord:
    return logging.LogRecord("gunicorn.error", logging.ERROR, "", 0, "Socket error", (), (type(error), error, None))


@pytest.mark.parametrize(
    ("record", "is_logged"),
    [
        (record_of(TimeoutError("timed out")), False),
        (record_of(OSError("no space")), True),
        (record_of(ValueError("a bug")), True),
        (logging.LogRecord("gunicorn.error", logging.ERROR, "", 0, "worker timeout", (), None), True),
    ],
    ids=["stalled client", "other OSError", "bug", "no traceback"],
)
def test_only_a_stalled_client_is_not_logged(record: logging.LogRecord, is_logged: bool) -> None:
    assert GunicornFilter().filter(record) is is_logged

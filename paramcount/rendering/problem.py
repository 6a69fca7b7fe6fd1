"""Problems as RFC 9457 has them: all of a payload's errors at once, as JSON-able data."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from paramcount.model.errors import ArchitectureError, Problems
from paramcount.schema.validator import MAX_PROBLEMS


def members(status: int, detail: str, errors: Iterable[ArchitectureError] = ()) -> dict[str, Any]:
    """A problem's members."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in errors],
    }


def payload_problem(error: Problems) -> dict[str, Any]:
    """The members of the problem of a payload."""
    found = error.problems[:MAX_PROBLEMS]
    count = "one problem" if len(found) == 1 else f"{len(found)} problems"
    more = " (and there may be more)" if len(found) == MAX_PROBLEMS else ""
    return members(HTTPStatus.UNPROCESSABLE_ENTITY, f"The payload has {count}{more}.", found)

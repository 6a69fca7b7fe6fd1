"""Problems with the members of RFC 9457: all errors of a payload at once, as JSON-able data."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus  # only for the titles of statuses
from typing import Any

from paramcount.model.codes import PAGES
from paramcount.model.errors import MAX_PROBLEMS, ArchitectureError, Problems

INVALID_PAYLOAD_STATUS = 422

MAX_NEEDS = 1000
"""The most ranges of files that are asked for at once: a checkpoint may have hundreds of files."""


def members(status: int, detail: str, errors: Iterable[ArchitectureError] = ()) -> dict[str, Any]:
    """Return the members of a problem; without a `type` of its own, its title is that of the status."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "errors": [_error(error) for error in errors],
    }


def _error(error: ArchitectureError) -> dict[str, Any]:
    members = {
        "pointer": error.pointer,
        "code": error.code,
        "type": f"{PAGES}/{error.code}",
        "detail": error.detail,
    }
    return members if error.needs is None else members | {"needs": error.needs}


def payload_problem(problems: Problems) -> dict[str, Any]:
    """Return the members of the problem of an invalid payload, with at most MAX_PROBLEMS errors."""
    asks = all(problem.needs for problem in problems.problems)
    errors = problems.problems[: MAX_NEEDS if asks else MAX_PROBLEMS]
    count = "one problem" if len(errors) == 1 else f"{len(errors)} problems"
    more = " (and there may be more)" if len(errors) in (MAX_PROBLEMS, MAX_NEEDS) else ""
    return members(INVALID_PAYLOAD_STATUS, f"The payload has {count}{more}.", errors)

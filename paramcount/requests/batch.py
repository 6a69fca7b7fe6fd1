"""Batches: an envelope a line, an answer a line, in order; one that is broken is one problem, and never the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import orjson

from paramcount.model import budget
from paramcount.model.errors import Problems, TooLarge
from paramcount.rendering.problem import members, payload_problem


def lines(readline: Callable[[int], bytes], most: int) -> Iterator[bytes | None]:
    """The lines that `readline` gives; None for one that is longer than `most` bytes, whose rest is passed over."""
    while line := readline(most + 1):
        if len(line) <= most or line.endswith(b"\n"):
            yield line
            continue
        yield None
        while line and not line.endswith(b"\n"):
            line = readline(65536)


def too_long(most: int) -> dict[str, Any]:
    """The problem of a line that is longer than `most` bytes."""
    return payload_problem(Problems([TooLarge(f"is longer than {most:,} bytes")]))


def answer(line: bytes, tell: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """What `tell` makes of a line's JSON, or the problem that it has, under the id that the line gave."""
    named: dict[str, Any] = {}
    try:
        budget.check_values(line)
        given = orjson.loads(line)
    except TooLarge as error:
        return payload_problem(Problems([error]))
    except orjson.JSONDecodeError as error:
        return members(HTTPStatus.BAD_REQUEST, f"The line is not JSON: {error}.")
    if isinstance(given, dict) and "id" in given:
        named["id"] = given.pop("id")
    try:
        return named | tell(given)
    except Problems as problems:
        return named | payload_problem(problems)

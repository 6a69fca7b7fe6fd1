"""Batches: an envelope a line, an answer a line, in order; one that is broken is one problem, and never the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import orjson

from paramcount.formats.source import NotJSON, decode_unambiguous
from paramcount.model import budget
from paramcount.model.errors import Problems, TooLarge, prefix_pointers
from paramcount.rendering.problem import members as problem_members
from paramcount.rendering.problem import payload_problem
from paramcount.requests.envelope import split_unique_members


def read_lines(readline: Callable[[int], bytes], max_bytes: int) -> Iterator[bytes | None]:
    """Yield the lines that `readline` gives; None for one longer than `max_bytes`, whose rest is passed over."""
    while line := readline(max_bytes + 1):
        if len(line) <= max_bytes or line.endswith(b"\n"):
            yield line
            continue
        yield None
        while line and not line.endswith(b"\n"):
            line = readline(65536)


def long_line_problem(max_bytes: int) -> dict[str, Any]:
    """Return the problem of a line that is longer than `max_bytes` bytes."""
    return payload_problem(Problems([TooLarge(f"is longer than {max_bytes:,} bytes")]))


def answer_line(line: bytes, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to the members of a line, or its problem, under the id that the line states."""
    named: dict[str, Any] = {}
    try:
        budget.check_values(line)
        members = split_unique_members(line)
        if isinstance(members, dict) and "id" in members:
            named["id"] = _check_id(members.pop("id"))
        return named | answer(members)
    except TooLarge as error:
        return payload_problem(Problems([error]))
    except NotJSON as error:
        return named | problem_members(HTTPStatus.BAD_REQUEST, f"The line is not JSON: {error}.")
    except Problems as problems:
        return named | payload_problem(problems)


def _check_id(raw: Any) -> Any:
    """Return an id that an answer can hold. Raises Problems."""
    try:
        value = decode_unambiguous(raw)
        orjson.dumps([[value]])
    except TypeError:
        raise Problems([TooLarge("is nested too deeply", "/id")]) from None
    except Problems as problems:
        raise prefix_pointers("/id", problems) from None
    return value

"""The arguments in a printed module: "3, 64, kernel_size=(7, 7), bias=False" as values, parsed without evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_NAMED = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_CONSTANTS = {"True": True, "False": False, "None": None}
_OPENING, _CLOSING = "([{", ")]}"
_MAX_DEPTH = 8
"""The most brackets inside each other that are read as lists."""


class Arguments(NamedTuple):
    """Values by position and by name; a tuple is a list, and a text that is no value stays a text."""

    positional: tuple[Any, ...]
    named: dict[str, Any]
    repeated: str  # the first name that has two values, or ""


def parse_arguments(text: str) -> Arguments:
    """Return the arguments that a text lists, in linear time."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    repeated = ""
    for part in split(text):
        if match := _NAMED.match(part):
            if match[1] in named:
                repeated = repeated or match[1]
            named[match[1]] = _parse_value(part[match.end() :], 0)
        else:
            positional.append(_parse_value(part, 0))
    return Arguments(tuple(positional), named, repeated)


def split(text: str) -> Iterator[str]:
    """Yield the parts between commas, but for commas inside brackets or quotes."""
    depth, start, quote = 0, 0, ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif char == "," and depth <= 0:
            yield text[start:index].strip()
            start = index + 1
    if last := text[start:].strip():
        yield last


def _parse_value(text: str, depth: int) -> Any:
    if text.startswith("torch.Size("):
        text = text[len("torch.Size(") : -1]
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if len(text) > 1:
        if text[0] in "([" and text[-1] in ")]" and depth < _MAX_DEPTH:
            return [_parse_value(part, depth + 1) for part in split(text[1:-1])]
        if text[0] in "'\"" and text[-1] == text[0]:
            return text[1:-1]
    return text

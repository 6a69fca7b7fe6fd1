"""What one request may cost: how many values it may hold, known before any is read, and how long it may take."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from math import inf
from time import monotonic

from service.errors import TooLarge

_most: ContextVar[int] = ContextVar("most values", default=sys.maxsize)
_until: ContextVar[float] = ContextVar("until", default=inf)

# Each value stands first in what holds it, or after a comma; a module of a text stands in brackets, on a line.
_MARKS = b",", b"[", b"{", b"("
_LINES = {True: (b"\n",), False: (b"\\n", b"\\u000a", b"\\u000A")}
"""How a line of a text ends: in the text itself, or in a string of JSON."""


def bound(most: int) -> None:
    """Bound what this thread reads from now on."""
    _most.set(most)


def begin(seconds: float) -> None:
    """Give what this thread does from now on so many seconds."""
    _until.set(monotonic() + seconds)


def left() -> float:
    """How many seconds of them are left."""
    return _until.get() - monotonic()


def check(raw: bytes, *, text: bool = False) -> None:
    """Refuse JSON, or a text, of too many values. Raises TooLarge."""
    most = _most.get()
    if len(raw) > most and sum(map(raw.count, (*_MARKS, *_LINES[text]))) >= most:
        raise TooLarge(f"holds more than {most:,} values")

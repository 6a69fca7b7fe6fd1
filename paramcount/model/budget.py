"""The bounds of one request: its limits, its deadline, and the number of values in its documents."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from dataclasses import dataclass, fields
from math import inf
from time import monotonic

from paramcount.model.errors import TooLarge

MAX_PATH_CHARS = 32 * 2**20
"""The most characters of all paths of one document; 250,000 layers with paths of 100 characters have fewer."""

MIN_TENSORS, TENSORS_PER_BYTE = 5_000, 20
"""The tensors that a request may make: so many, and more for each of its bytes. No model's config makes as many."""

_max_values: ContextVar[int] = ContextVar("max_values", default=sys.maxsize)
_deadline: ContextVar[float] = ContextVar("deadline", default=inf)

_request_bytes: ContextVar[float] = ContextVar("request_bytes", default=inf)

# Each value comes first in its list or object, or after a comma; a module of a text has brackets and a line.
_MARKS = b",", b"[", b"{", b"("
_LINE_ENDS = {True: (b"\n",), False: (b"\\n", b"\\u000a", b"\\u000A")}
"""The ends of a line of text: in the text itself, and in a string of JSON."""


@dataclass(frozen=True)
class Limits:
    """The limits of one request; README.md describes each."""

    max_body_bytes: int = 32 * 1024 * 1024
    max_values: int = 2_000_000
    max_depth: int = 100  # layers inside layers
    max_layers: int = 250_000  # visited, a shared one once a call
    max_tensors: int = 1_000_000
    max_copies: int = 10_000  # of one block, when each copy is matched by rules
    max_rules: int = 1_000
    max_rows: int = 100_000
    max_seconds: int = 20

    def __post_init__(self) -> None:
        for field in fields(self):
            value, minimum = getattr(self, field.name), min(field.default, 1) if isinstance(field.default, int) else 0
            if isinstance(value, int) and not minimum <= value < 2**63:
                raise ValueError(f"{field.name.upper()} must be an integer of at least {minimum}, not {value}")

    @property
    def by_name(self) -> dict[str, int]:
        """The limits by name, those of a subclass included."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name.startswith("max_")}

    @property
    def deadline(self) -> float:
        """The time, by the monotonic clock, at which a count that starts now must stop."""
        return min(monotonic() + self.max_seconds, _deadline.get())


class ComputationEnded(BaseException):
    """Raised from outside in the thread that computes, to end it. No `except Exception` on its way may take it."""


class PathBudget:
    """The characters that the paths of one document's layers may have together.

    A long name above many layers is in the path of each of them: without a bound, n bytes make n² characters.
    """

    def __init__(self) -> None:
        self._left = MAX_PATH_CHARS

    @property
    def charged(self) -> int:
        """The number of characters that were taken."""
        return MAX_PATH_CHARS - self._left

    def charge(self, path: str, count: int = 1) -> None:
        """Take the length of a path, or of so many that begin with it. Raises TooLarge."""
        self._left -= len(path) * count
        if self._left < 0:
            raise TooLarge(f"has paths of layers that hold more than {MAX_PATH_CHARS:,} characters together")


def scale_to_request(most: int, least: int, per_byte: int) -> int:
    """Return a limit for what small numbers can make many of: it grows with the length of the request, up to `most`."""
    return int(min(most, least + per_byte * _request_bytes.get()))


def set_request_bytes(length: float) -> None:
    """State the length of the request of this context; inf: it answers none, as the library and the command line."""
    _request_bytes.set(length)


def set_max_values(number: int) -> None:
    """Bound the number of values in the documents of this context."""
    _max_values.set(number)


def max_values() -> int:
    """Return the most values that a document of this context may hold."""
    return _max_values.get()


def start_deadline(seconds: float) -> None:
    """Give this context so many seconds from now on."""
    _deadline.set(monotonic() + seconds)


def check_values(raw: bytes, *, text: bool = False) -> None:
    """Refuse JSON, or a text, of too many values before it is parsed. Raises TooLarge."""
    max_values = _max_values.get()
    if len(raw) > max_values and sum([raw.count(mark) for mark in (*_MARKS, *_LINE_ENDS[text])]) >= max_values:
        raise TooLarge(f"holds more than {max_values:,} values")

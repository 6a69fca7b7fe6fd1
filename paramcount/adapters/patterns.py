"""A user's regular expressions, run in linear time by RE2 and meaning what they mean to Python's re."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

import re2

from paramcount.model.errors import InvalidDocument

MAX_PATTERN_CHARS = 10_000
"""The longest expression."""

MAX_PATTERNS = 1_000
"""The most expressions of one adapter."""

MAX_ALL_PATTERNS_CHARS = 100_000
"""The length of all expressions of an adapter together: Python and RE2 each compile some 100,000 a second."""

MAX_PATTERN_MEMORY_BYTES = 256 << 10
"""The memory of one expression, beyond which RE2 refuses it or does without its fastest way."""

_DIFFERS_IN_RE2 = re.compile(r"\{,\d*\}|\[\[?:|\\z")
"""Syntax that RE2 reads otherwise than Python: a{,3}, [[:alpha:]]."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z_]*(\.[A-Za-z_]+)*")


class Pattern:
    """A compiled expression. Raises InvalidDocument where RE2 cannot run it."""

    def __init__(self, text: str, pointer: str) -> None:
        self.text, self._pointer = text, pointer
        self._compiled = _compile(text)
        if isinstance(self._compiled, str):
            raise InvalidDocument(self._compiled, pointer, "pattern")

    def matches(self, path: str) -> bool:
        """Return whether all of `path` matches, as re.fullmatch has it.

        Raises InvalidDocument where RE2 may see another text than Python.
        """
        return self._match(path) is not None

    def group(self, path: str, name: str) -> str | None:
        """Return what a named group matched, where all of `path` matches."""
        match = self._match(path)
        return None if match is None else str(match.groupdict()[name])

    def _match(self, path: str) -> Any:
        if not (path.isascii() and path.isprintable()):
            detail = f'cannot be held against "{path[:60]}": expressions are run on names of printable ASCII alone'
            raise InvalidDocument(detail, self._pointer, "pattern")
        return self._compiled.fullmatch(path)

    @property
    def ignores_block_index(self) -> bool:
        """True for a name without indices: it matches all copies of a block, or none."""
        return _PLAIN_NAME.fullmatch(self.text) is not None


@lru_cache(maxsize=64)
def _compile(text: str) -> Any:
    """Return the compiled expression, or a string that says why there is none."""
    if len(text) > MAX_PATTERN_CHARS:
        return f"has {len(text):,} characters, where an expression may have {MAX_PATTERN_CHARS:,}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what may come to mean something else in Python
            re.compile(text)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        return f"is no regular expression: {error}"
    options = re2.Options()
    options.max_mem, options.log_errors = MAX_PATTERN_MEMORY_BYTES, False
    try:
        compiled = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        return f"cannot be run in linear time ({reason}): lookaheads, lookbehinds and references to groups cannot"
    if _DIFFERS_IN_RE2.search(text):
        return 'means something else to RE2, which runs it: write "{0,n}" for "{,n}", and no [: or \\z'
    return compiled

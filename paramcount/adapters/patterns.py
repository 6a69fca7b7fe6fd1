"""A user's regular expressions, run in linear time by RE2 and meaning what they mean to Python's re."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

import re2

from paramcount.model.errors import InvalidDocument

LONGEST = 10_000
"""How many characters one expression may have."""

MOST = 1_000
"""How many expressions one adapter may have."""

LONGEST_OF_ALL = 100_000
"""How many characters they may have together: Python and RE2 each compile some 100,000 a second."""

_MEMORY = 256 << 10  # bytes of one expression, beyond which RE2 refuses it or does without its fastest way
_UNLIKE = re.compile(r"\{,\d*\}|\[\[?:|\\z")
"""What RE2 takes for something else than Python does: a{,3}, [[:alpha:]]."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z_]*(\.[A-Za-z_]+)*")


class Pattern:
    """A compiled expression."""

    def __init__(self, text: str, pointer: str) -> None:
        self.text, self._pointer = text, pointer
        self._compiled = _compiled(text)
        if isinstance(self._compiled, str):
            raise InvalidDocument(self._compiled, pointer, "pattern")

    def matches(self, path: str) -> bool:
        """Whether all of `path` matches, as re.fullmatch has it. Raises InvalidDocument where RE2 may see another text
        than Python."""
        return self._match(path) is not None

    def group(self, path: str, name: str) -> str | None:
        """What a named group matched, where all of `path` matches."""
        found = self._match(path)
        return None if found is None else str(found.groupdict()[name])

    def _match(self, path: str) -> Any:
        if not (path.isascii() and path.isprintable()):
            detail = f'cannot be held against "{path[:60]}": expressions are run on names of printable ASCII alone'
            raise InvalidDocument(detail, self._pointer, "pattern")
        return self._compiled.fullmatch(path)

    @property
    def blind(self) -> bool:
        """Whether it cannot tell the copies of a block apart: it is a name, without indices."""
        return _PLAIN.fullmatch(self.text) is not None


@lru_cache(maxsize=64)
def _compiled(text: str) -> Any:
    """The expression, or what is wrong with it."""
    if len(text) > LONGEST:
        return f"has {len(text):,} characters, where an expression may have {LONGEST:,}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what may come to mean something else in Python
            re.compile(text)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        return f"is no regular expression: {error}"
    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    try:
        found = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        return f"cannot be run in linear time ({reason}): lookaheads, lookbehinds and references to groups cannot"
    if _UNLIKE.search(text):
        return 'means something else to RE2, which runs it: write "{0,n}" for "{,n}", and no [: or \\z'
    return found

"""A user's regular expressions, run in bounded time and meaning what they mean to Python's re.

RE2 runs them where it can; position_sets.py runs lookarounds, and backtracking.py what is left.
"""

from __future__ import annotations

import re
import warnings
from contextvars import ContextVar
from re import _parser as parser  # there is no other way to a tree of an expression
from typing import Any

import re2

from paramcount.adapters.backtracking import BacktrackingPattern
from paramcount.adapters.position_sets import NotRegular, PositionPattern, TooManySteps
from paramcount.model.budget import scale_to_request
from paramcount.model.cache import cache_by_text
from paramcount.model.errors import InvalidDocument, TooLarge

MAX_PATTERN_CHARS = 10_000
"""The longest expression."""

MAX_PATTERNS = 1_000
"""The most expressions of one adapter."""

MAX_ALL_PATTERNS_CHARS = 100_000
"""The length of all expressions of an adapter together: Python and RE2 each compile some 100,000 a second."""

MAX_PATTERN_MEMORY_BYTES = 256 << 10
"""The memory of one expression, beyond which RE2 refuses it or does without its fastest way."""

MAX_TREE_CHARS = 2_000
"""The longest expression that RE2 does not run."""

MAX_RANGE_CHARS = 2**18
"""The characters of all ranges of an expression that RE2 does not run: Python goes through them one by one."""

MAX_MATCH_STEPS = 500_000
"""The steps that expressions which RE2 does not run may take on all names of a model: some tenth of a second."""

_DIFFERS_IN_RE2 = re.compile(r"\{,\d*\}|\\z")
"""Syntax that RE2 reads otherwise than Python: a{,3}."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z_]*(\.[A-Za-z_]+)*")


MAX_MATCHES, MIN_MATCHES, MATCHES_PER_BYTE = 1_000_000, 60_000, 100
"""The names that expressions of one adapter may be held against, all together; a long name counts for several."""

_CHARS_PER_MATCH = 256


class _StepCounter:
    """The steps that expressions of one adapter have taken, and the names that they may yet be held against."""

    def __init__(self) -> None:
        self.steps = 0
        self._matches_left = scale_to_request(MAX_MATCHES, MIN_MATCHES, MATCHES_PER_BYTE)

    def charge_match(self, path: str) -> None:
        """Count a name that an expression is held against. Raises TooLarge."""
        self._matches_left -= 1 + len(path) // _CHARS_PER_MATCH
        if self._matches_left < 0:
            raise TooLarge("has more expressions, on more names of modules, than a request of this length may")


_counter: ContextVar[_StepCounter] = ContextVar("match_steps")


def start_matching() -> None:
    """Give the expressions of this context MAX_MATCH_STEPS from now on, and as many names as its request may have."""
    _counter.set(_StepCounter())


class Pattern:
    """A compiled expression. Raises InvalidDocument where it cannot be run in bounded time.

    With `is_prefix`, it matches a path or its beginning, as re.match does; with `captures`, its groups can be read.
    """

    def __init__(self, text: str, pointer: str, *, is_prefix: bool = False, captures: bool = False) -> None:
        self.text, self._pointer = text, pointer
        self._compiled = _compile(text, is_prefix, captures)
        if isinstance(self._compiled, str):
            raise InvalidDocument(self._compiled, pointer, "pattern")

    def matches(self, path: str) -> bool:
        """Return whether `path` matches, as re.fullmatch has it.

        Raises InvalidDocument where that takes too long, or RE2 may see another text than Python.
        """
        return bool(self._match(path))

    def group(self, path: str, name: str) -> str | None:
        """Return what a named group matched, where `path` matches."""
        match = self._match(path)
        return str(match.groupdict()[name]) if match else None

    def _match(self, path: str) -> Any:
        if not (path.isascii() and path.isprintable()):
            detail = f'cannot be held against "{path[:60]}": expressions are run on names of printable ASCII alone'
            raise InvalidDocument(detail, self._pointer, "pattern")
        counter = _counter.get()
        counter.charge_match(path)
        if not isinstance(self._compiled, PositionPattern | BacktrackingPattern):
            return self._compiled.fullmatch(path)
        try:
            match, steps = self._compiled.fullmatch(path, MAX_MATCH_STEPS - counter.steps)
        except TooManySteps:
            detail = (
                f"takes more than {MAX_MATCH_STEPS:,} steps on this model's names: lookarounds and references to groups"
                " are tried step by step, so write fewer of them, or list names"
            )
            raise InvalidDocument(detail, self._pointer, "pattern") from None
        except RecursionError:
            raise InvalidDocument("is nested too deep to be run", self._pointer, "pattern") from None
        counter.steps += steps
        return match

    @property
    def ignores_block_index(self) -> bool:
        """True for a name without indices: it matches all copies of a block, or none."""
        return _PLAIN_NAME.fullmatch(self.text) is not None


@cache_by_text(32)
def _compile(text: str, is_prefix: bool, captures: bool) -> Any:
    """Return the compiled expression, or a string that says why there is none."""
    if len(text) > MAX_PATTERN_CHARS:
        return f"has {len(text):,} characters, where an expression may have {MAX_PATTERN_CHARS:,}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what may come to mean something else in Python
            parser.parse(text)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        return f"is no regular expression: {error}"
    if is_prefix:
        text = f"(?:{text})(?s:.*)"
    options = re2.Options()
    options.max_mem, options.log_errors = MAX_PATTERN_MEMORY_BYTES, False
    try:
        compiled = re2.compile(text, options)
    except re2.error:
        return _compile_tree(text, captures)
    return _compile_tree(text, captures) if _DIFFERS_IN_RE2.search(text) else compiled


def _compile_tree(text: str, captures: bool) -> PositionPattern | BacktrackingPattern | str:
    """Return an expression that RE2 does not run, compiled, or a string that says why there is none."""
    if len(text) > MAX_TREE_CHARS:
        return f"has {len(text):,} characters, where one that RE2 does not run may have {MAX_TREE_CHARS:,}"
    try:
        if _sum_ranges(parser.parse(text)) > MAX_RANGE_CHARS:
            return f"has ranges of more than {MAX_RANGE_CHARS:,} characters, and RE2 does not run it"
        re.compile(text)  # which knows more mistakes than the parser
    except re.error as error:
        return f"is no regular expression: {error}"
    except RecursionError:
        return "is nested too deep to be run"
    try:
        return BacktrackingPattern(text) if captures else PositionPattern(text)
    except NotRegular:
        return BacktrackingPattern(text)
    except RecursionError:
        return "is nested too deep to be run"


def _sum_ranges(tree: Any) -> int:
    """Return the number of characters in all ranges of an expression's tree."""
    total, pending = 0, [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple) and str(node[0]) == "RANGE":
            first, last = node[1]
            total += last - first + 1
        elif isinstance(node, tuple | list | parser.SubPattern):
            pending += node
    return total

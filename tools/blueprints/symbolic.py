"""Numbers, flags, strings and lists of a config that record how they were computed."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tools.blueprints.terms import Term, paths, size

MAX_TERM_NODES = 80
MAX_BRANCHES = 20_000
IDENTITIES = ("_token_id", "_token_index", "_token_ids")
"""Fields that name tokens: code compares them with the vocabulary, and no parameter depends on the answer."""


@dataclass(slots=True)
class Trace:
    """The use of symbolic values by code: comparisons with their outcomes, reads, and every number that occurred."""

    branches: dict[Term, set[bool]] = field(default_factory=dict)
    reads: set[tuple[str, bool]] = field(default_factory=set)  # a field, and whether it was null
    numbers: dict[int, dict[Term, None]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)  # asked for, not there
    fallbacks: dict[str, Any] = field(default_factory=dict)  # what getattr gave instead

    def branch(self, term: Term, outcome: bool) -> None:
        if (seen := self.branches.get(term)) is not None:
            seen.add(outcome)
        elif (
            len(self.branches) < MAX_BRANCHES
            and size(term) <= MAX_TERM_NODES
            and not any(path.endswith(IDENTITIES) for path in paths(term))
        ):
            self.branches[term] = {outcome}

    def number(self, value: int, term: Term) -> None:
        self.numbers.setdefault(value, {}).setdefault(term)


class _Current:
    """The trace of the code that runs now; while it is off, the code runs as it would without us."""

    trace = Trace()
    on = False


CURRENT = _Current()


def term_of(value: Any) -> Term:
    """Return how a value came to be; a plain one is a constant."""
    term = (
        getattr(value, "term", None)
        if isinstance(value, SymbolicInt | SymbolicFloat | SymbolicFlag | SymbolicText)
        else None
    )
    return ("c", value) if term is None else term


def made(value: Any, term: Term) -> Any:
    """A number with its term; one whose term is too large to be of use is plain."""
    if isinstance(value, bool | complex) or size(term) > MAX_TERM_NODES:
        return value
    if isinstance(value, int):
        return SymbolicInt(value, term)
    return SymbolicFloat(value, term) if isinstance(value, float) else value


def plain(value: Any) -> Any:
    """A value without its history."""
    if isinstance(value, SymbolicInt | SymbolicFloat):
        return value.raw()
    if isinstance(value, SymbolicFlag):
        return int.__index__(value) != 0
    if isinstance(value, SymbolicText):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _record(op: str, left: Any, right: Any, outcome: Any) -> None:
    first, second = term_of(left), term_of(right)
    if first[0] == "c" and second[0] == "c":
        return
    try:
        CURRENT.trace.branch((op, first, second), bool(outcome))
    except TypeError:  # compared with something that cannot be hashed
        return


class SymbolicInt(int):
    """An integer of a config, or computed of such."""

    term: Term

    def __new__(cls, value: int, term: Term) -> SymbolicInt:
        made = int.__new__(cls, value)
        made.term = term
        CURRENT.trace.number(int.__index__(made), term)
        return made

    def raw(self) -> int:
        return int.__index__(self)

    def __copy__(self) -> SymbolicInt:
        return self

    def __deepcopy__(self, memo: Any) -> SymbolicInt:
        return self

    def __reduce__(self) -> Any:
        return int, (self.raw(),)

    __hash__ = int.__hash__

    def __neg__(self) -> Any:
        return made(-self.raw(), ("neg", self.term))

    def __abs__(self) -> Any:
        return made(abs(self.raw()), ("abs", self.term))

    def __bool__(self) -> bool:
        _record("!=", self, 0, self.raw() != 0)
        return self.raw() != 0

    def __int__(self) -> int:
        return self.raw()

    def __index__(self) -> int:
        return self.raw()

    def __float__(self) -> float:
        return float(self.raw())

    def __round__(self, *_: Any) -> Any:
        return self

    def __ceil__(self) -> Any:
        return self

    def __floor__(self) -> Any:
        return self

    def __trunc__(self) -> Any:
        return self

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def bit_length(self) -> Any:
        return made(self.raw().bit_length(), ("bit_length", self.term))


class SymbolicFloat(float):
    """A float of a config, or computed of such."""

    term: Term

    def __new__(cls, value: float, term: Term) -> SymbolicFloat:
        made = float.__new__(cls, value)
        made.term = term
        if math.isfinite(value):
            CURRENT.trace.number(int(value), ("int", term))
        return made

    def raw(self) -> float:
        return float.__add__(self, 0.0)

    def __copy__(self) -> SymbolicFloat:
        return self

    def __deepcopy__(self, memo: Any) -> SymbolicFloat:
        return self

    def __reduce__(self) -> Any:
        return float, (self.raw(),)

    __hash__ = float.__hash__

    def __bool__(self) -> bool:
        _record("!=", self, 0, self.raw() != 0)
        return self.raw() != 0

    def __neg__(self) -> Any:
        return made(-self.raw(), ("neg", self.term))

    def __round__(self, *digits: Any) -> Any:
        return round(self.raw(), *digits) if digits and digits[0] else made(round(self.raw()), ("round", self.term))

    def __ceil__(self) -> Any:
        return made(math.ceil(self.raw()), ("ceil", self.term))

    def __floor__(self) -> Any:
        return made(math.floor(self.raw()), ("floor", self.term))

    def __trunc__(self) -> Any:
        return made(math.trunc(self.raw()), ("int", self.term))


_Number = SymbolicInt | SymbolicFloat


def _raw(value: Any) -> Any:
    return value.raw() if isinstance(value, _Number) else value


def _operation(op: str, operate: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        left, right = (other, self) if swapped else (self, other)
        result, first, second = operate(_raw(left), _raw(right)), term_of(left), term_of(right)
        return made(result, ("c", result) if first[0] == second[0] == "c" else (op, first, second))

    return method


def _comparison(op: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        outcome = compare(self.raw(), _raw(other))
        _record(op, self, other, outcome)
        return outcome

    return method


_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%", "truediv": "/", "pow": "**"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
for _class in (SymbolicInt, SymbolicFloat):
    for _name, _op in _ARITHMETIC.items():
        setattr(_class, f"__{_name}__", _operation(_op, getattr(operator, _name), swapped=False))
        setattr(_class, f"__r{_name}__", _operation(_op, getattr(operator, _name), swapped=True))
    for _name, _op in _COMPARISONS.items():
        setattr(_class, f"__{_name}__", _comparison(_op, getattr(operator, _name)))


class SymbolicFlag(int):
    """A flag of a config. Python allows no subclass of bool."""

    term: Term

    def __new__(cls, value: bool, term: Term) -> SymbolicFlag:
        made = int.__new__(cls, value)
        made.term = term
        return made

    def __bool__(self) -> bool:
        outcome = int.__index__(self) != 0
        CURRENT.trace.branch(("t", self.term), outcome)
        return outcome

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        return bool(self) == bool(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __copy__(self) -> SymbolicFlag:
        return self

    def __deepcopy__(self, memo: Any) -> SymbolicFlag:
        return self

    def __reduce__(self) -> Any:
        return bool, (int.__index__(self),)

    def __repr__(self) -> str:
        return repr(int.__index__(self) != 0)


class SymbolicText(str):
    """A string of a config, or a part of one."""

    term: Term

    def __new__(cls, value: str, term: Term) -> SymbolicText:
        made = str.__new__(cls, value)
        made.term = term
        return made

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        outcome = str.__eq__(self, other) is True
        if isinstance(other, str):
            _record("==", self, other if isinstance(other, SymbolicText) else str.__str__(other), outcome)
        return outcome

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __contains__(self, part: Any) -> bool:
        outcome = str.__contains__(self, part)
        _record("has", self, part, outcome)
        return outcome

    def startswith(self, start: Any, *rest: Any) -> bool:
        outcome = str.startswith(self, start, *rest)
        if isinstance(start, str):
            _record("sw", self, start, outcome)
        return outcome

    def lower(self) -> Any:
        return SymbolicText(str.lower(self), ("lower", self.term))

    def strip(self, *characters: Any) -> Any:
        text = str.strip(self, *characters)
        return self if text == str.__str__(self) else text

    def split(self, separator: Any = None, *rest: Any) -> Any:
        words = str.split(self, separator, *rest)
        if not separator:
            return words
        CURRENT.trace.number(len(words), ("nspl", self.term, separator))
        return [SymbolicText(part, ("spl", self.term, separator, index)) for index, part in enumerate(words)]

    def __copy__(self) -> SymbolicText:
        return self

    def __deepcopy__(self, memo: Any) -> SymbolicText:
        return self

    def __reduce__(self) -> Any:
        return str, (str.__str__(self),)


class SymbolicList(list[Any]):
    """A list of a config; `path` is the field it is, as long as nothing changed it."""

    path: str | None = None

    def __deepcopy__(self, memo: Any) -> SymbolicList:
        copied = SymbolicList(self)
        copied.path = self.path
        return copied

    def __contains__(self, item: Any) -> bool:
        outcome = plain(item) in plain(list(self))
        if self.path is not None:
            CURRENT.trace.branch(("in", term_of(item), ("l", self.path)), outcome)
        return outcome

    def append(self, item: Any) -> None:
        self.path = None
        super().append(item)

    def extend(self, items: Any) -> None:
        self.path = None
        super().extend(items)


def symbolic(value: Any, path: str, flags: bool = True) -> Any:
    """A plain value of a field as a symbolic one; with `flags` false, bools stay what they are."""
    if isinstance(value, SymbolicInt | SymbolicFloat | SymbolicFlag | SymbolicText):
        return value
    if isinstance(value, list | tuple):
        items = SymbolicList(_one(item, ("idx", path, ("i", index)), flags) for index, item in enumerate(value))
        items.path = path
        return tuple(items) if isinstance(value, tuple) else items
    return _one(value, ("f", path), flags)


def _one(value: Any, term: Term, flags: bool) -> Any:
    if isinstance(value, bool):
        return SymbolicFlag(value, term) if flags else value
    if type(value) is int:
        return SymbolicInt(value, term)
    if type(value) is float:
        return SymbolicFloat(value, term)
    if type(value) is str:
        return SymbolicText(value, term)
    return value

"""Terms: what a class computes from its config, as nested tuples; their values, their sizes, their text.

("f", path) a field, ("c", value) a constant, ("i", n) an index of a loop as it ran, ("n", axis, shift) an index of a
name, ("idx", path, term) an item of a list, ("?", n) a number that nobody saw being computed; of a list of words
("count", path, word) how many are that word, ("nth", path, word, term) where the n-th of those is; else
(operator, term, ...).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

Term = tuple[Any, ...]
Env = Mapping[str, Any]

TRUE: Term = ("T",)
FALSE: Term = ("F",)


class Unknown(Exception):
    """A term has no value in a config."""


def _equal_in_kind(left: Any, right: Any) -> bool:
    """Equality of values of one kind: whether 64 is "auto" is no question that code could have meant."""
    if isinstance(left, str) != isinstance(right, str):
        raise TypeError
    return bool(left == right)


BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "max": max, "min": min, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": _equal_in_kind, "!=": lambda a, b: not _equal_in_kind(a, b),
    "gcd": math.gcd, "has": operator.contains, "sw": str.startswith,
}  # fmt: skip
UNARY: Mapping[str, Callable[[Any], Any]] = {
    "neg": operator.neg, "int": int, "round": round, "ceil": math.ceil, "floor": math.floor, "float": float, "abs": abs,
    "bit_length": int.bit_length, "sqrt": math.sqrt, "log2": math.log2, "log": math.log, "lower": str.lower,
}  # fmt: skip
INFIX = frozenset(("+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!="))
_OF_WORDS = ("count", "nth")
_ERRORS = (TypeError, ZeroDivisionError, OverflowError, AttributeError, ValueError, LookupError)


def value(term: Term, env: Env, at: tuple[int, ...] = ()) -> Any:  # noqa: C901 - one case a tag
    """Return what a term is in a config, at the indices of a name. Raises Unknown."""
    tag = term[0]
    if tag == "f":
        return _require(env.get(term[1]))
    if tag in ("c", "i"):
        return term[1]
    if tag == "n":
        return at[term[1]] + term[2]
    if tag == "idx":
        return _item(env.get(term[1]), value(term[2], env, at))
    if tag in ("len", "suml", "l"):
        items = env.get(term[1])
        if not isinstance(items, list):
            raise Unknown
        return len(items) if tag == "len" else items if tag == "l" else _sum(items)
    if tag in _OF_WORDS:
        return _of_words(term, env, at)
    if tag == "tab":
        table = dict(term[1])
        if at not in table:
            raise Unknown
        return table[at]
    if tag == "inset":
        return at in term[1]
    if tag == "isnone":
        return env.get(term[1]) is None
    if tag == "isl":
        return isinstance(env.get(term[1]), list)
    if tag == "maxl":
        return max([0, *_known(term[1:], env, at)])
    try:
        if tag == "spl":
            index = term[3] if isinstance(term[3], int) else value(term[3], env, at)
            return value(term[1], env, at).split(term[2])[index]
        if tag == "nspl":
            return len(value(term[1], env, at).split(term[2]))
        if tag == "t":
            return bool(value(term[1], env, at))
        if tag == "in":
            return value(term[1], env, at) in value(term[2], env, at)
        if tag in UNARY:
            return UNARY[tag](value(term[1], env, at))
        return BINARY[tag](value(term[1], env, at), value(term[2], env, at))
    except _ERRORS:
        raise Unknown from None


def _require(value: Any) -> Any:
    if value is None:
        raise Unknown
    return value


def _item(items: Any, index: Any) -> Any:
    if not isinstance(items, list) or not isinstance(index, int) or not 0 <= index < len(items):
        raise Unknown
    return _require(items[index])


def _of_words(term: Term, env: Env, at: tuple[int, ...]) -> int:
    items = env.get(term[1])
    if not isinstance(items, list):
        raise Unknown
    if term[0] == "count":
        return items.count(term[2])
    number = value(term[3], env, at)
    if not isinstance(number, int) or number < 0:
        raise Unknown
    indices = [at for at, item in enumerate(items) if item == term[2]]
    if number >= len(indices):
        raise Unknown
    return indices[number]


def _sum(items: list[Any]) -> Any:
    try:
        return sum(items)
    except TypeError:
        raise Unknown from None


def _known(terms: tuple[Term, ...], env: Env, at: tuple[int, ...]) -> Iterator[int]:
    for term in terms:
        try:
            number = value(term, env, at)
        except Unknown:
            continue
        if isinstance(number, int):
            yield number


def holds(term: Term, env: Env, at: tuple[int, ...] = ()) -> bool:
    """Return whether an atom holds; what has no value does not."""
    try:
        return bool(value(term, env, at))
    except Unknown:
        return False


def parts(term: Term) -> Iterator[Term]:
    """The terms inside a term."""
    if term[0] not in ("tab", "inset", "c"):
        yield from (part for part in term[1:] if isinstance(part, tuple))


@lru_cache(maxsize=200_000)
def size(term: Term) -> int:
    """Return how large a term is to read."""
    return 3 if term[0] in ("tab", "inset") else 1 + sum(map(size, parts(term)))


@lru_cache(maxsize=200_000)
def mentions(term: Term, tags: frozenset[str]) -> bool:
    """Return whether a term holds another of one of these tags."""
    return term[0] in tags or any(mentions(part, tags) for part in parts(term))


def paths(term: Term) -> Iterator[str]:
    """The fields that a term reads."""
    if term[0] in ("f", "idx", "len", "suml", "l", "isnone", "isl", *_OF_WORDS):
        yield term[1]
    for part in parts(term):
        yield from paths(part)


def simple(term: Term) -> Term:
    """A term without what changes nothing."""
    if term[0] in ("tab", "inset", "c"):
        return term
    term = (term[0], *(simple(part) if isinstance(part, tuple) else part for part in term[1:]))
    if term[0] == "//" and term[2] == ("c", 1):
        return tuple(term[1])
    if term[0] == "//" and term[1] == term[2]:
        return ("c", 1)
    if term[0] == "+" and term[1] == ("c", 0):
        return tuple(term[2])
    if term[0] == "*" and ("c", 1) in term[1:]:
        return tuple(term[1] if term[2] == ("c", 1) else term[2])
    return term


def skeleton(term: Term, slots: list[Term]) -> Term:
    """A term with its concrete indices and unseen numbers taken out, into `slots`."""
    if term[0] in ("i", "?"):
        slots.append(term)
        return ("S", len(slots) - 1)
    if term[0] == "idx":
        slots.append(("x", term[2][1] if term[2][0] == "i" else term[2], term[1]))
        return ("idx", term[1], ("S", len(slots) - 1))
    if term[0] in ("c", "tab", "inset"):
        return term
    return (term[0], *(skeleton(part, slots) if isinstance(part, tuple) else part for part in term[1:]))


def fill(term: Term, values: Callable[[int], Term]) -> Term:
    """A skeleton with a term in each of its slots."""
    if term[0] == "S":
        return values(term[1])
    if term[0] in ("c", "tab", "inset"):
        return term
    return (term[0], *(fill(part, values) if isinstance(part, tuple) else part for part in term[1:]))


_OF_LISTS = {"len": "len", "suml": "sum", "isl": "is_list"}
_NAMES = "ijkl"
_LOOSE, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _TIGHT = range(10)
_LEVELS = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "//": _PRODUCT, "%": _PRODUCT, "**": _POWER}


def text(term: Term) -> str:
    """A term in the language of blueprints."""
    return _text(term)[0]


def _within(term: Term, level: int) -> str:
    written, binding = _text(term)
    return written if binding > level else f"({written})"


def _text(term: Term) -> tuple[str, int]:
    """A term's text, and how tightly it binds."""
    tag = term[0]
    if tag in INFIX:
        binding = _LEVELS.get(tag, _COMPARE)
        left = _within(term[1], binding - 1 if binding in (_SUM, _PRODUCT) else binding)
        return f"{left} {tag} {_within(term[2], binding)}", binding
    if tag == "and" or tag == "or":
        binding = _AND if tag == "and" else _OR
        return f"{_within(term[1], binding - 1)} {tag} {_within(term[2], binding - 1)}", binding
    if tag == "not":
        return f"not {_within(term[1], _NOT)}", _NOT
    if tag == "ite":
        return f"{_within(term[2], _LOOSE)} if {_within(term[1], _LOOSE)} else {_within(term[3], _LOOSE)}", _LOOSE
    if tag == "isnone":
        return f"{term[1]} is None", _COMPARE
    if tag == "in":
        return f"{_within(term[1], _COMPARE)} in {_within(term[2], _COMPARE)}", _COMPARE
    if tag == "inset":
        return f"{_index_text(term[1][0])} in {{{', '.join(map(_literal, term[1]))}}}", _COMPARE
    if tag == "neg":
        return f"-{_within(term[1], _SIGN)}", _SIGN
    if tag == "n":
        name = _NAMES[term[1]]
        return (f"{name} {'+' if term[2] > 0 else '-'} {abs(term[2])}", _SUM) if term[2] else (name, _TIGHT)
    return _call(term), _TIGHT


def _call(term: Term) -> str:
    tag = term[0]
    if tag in ("f", "l"):
        return str(term[1])
    if tag in ("c", "i", "?", "T", "F"):
        return repr(term[1]) if len(term) > 1 else str(tag == "T")
    if tag == "t":
        return text(term[1])
    if tag == "idx":
        return f"{term[1]}[{text(term[2])}]"
    if tag == "tab":
        items = ", ".join(f"{_literal(at)}: {number!r}" for at, number in term[1])
        return f"{{{items}}}[{_index_text(term[1][0][0])}]"
    if tag in ("len", "suml", "isl"):
        return f"{_OF_LISTS[tag]}({term[1]})"
    if tag == "spl":
        return f"split({text(term[1])}, {term[2]!r}, {term[3] if isinstance(term[3], int) else text(term[3])})"
    if tag == "nspl":
        return f"parts({text(term[1])}, {term[2]!r})"
    if tag in _OF_WORDS:
        return f"{tag}({', '.join((term[1], repr(term[2]), *map(text, term[3:])))})"
    name = {"has": "contains", "sw": "startswith", "maxl": "most"}.get(tag, tag)
    return f"{name}({', '.join(text(part) for part in term[1:])})"


def _literal(at: tuple[int, ...]) -> str:
    return repr(at[0] if len(at) == 1 else at)


def _index_text(at: tuple[int, ...]) -> str:
    return _NAMES[0] if len(at) == 1 else f"({', '.join(_NAMES[: len(at)])})"

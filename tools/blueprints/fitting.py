"""Terms for numbers whose computation no run saw: the simplest that gives them in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tools.blueprints.phases import Phase
from tools.blueprints.symbolic import IDENTITIES
from tools.blueprints.terms import Term, Unknown, mentions, simple, size, value

_CONCRETE = frozenset(("i",))
MAX_CANDIDATES = 400
_MAX_INSTANCES = 300
_MAX_LAYERS = 130


class Seen(NamedTuple):
    """A value in a run, at the indices of a name."""

    run: int
    at: tuple[int, ...]
    value: Any


def fits(term: Term, seen: Seen, phases: Sequence[Phase]) -> bool:
    """Return whether a term gives the value that was seen."""
    try:
        fitted = value(term, phases[seen.run].env, seen.at)
    except Unknown:
        return False
    return bool(fitted == seen.value) and isinstance(fitted, bool) == isinstance(seen.value, bool)


def fit(seen: Sequence[Seen], phases: Sequence[Phase]) -> Term | None:
    """The simplest term that gives every value; None where none is found."""
    if len({one.value for one in seen}) == 1:
        return ("c", seen[0].value)
    if not all(isinstance(one.value, int | float) for one in seen):
        return None
    some = seen if len(seen) < _MAX_INSTANCES else [*seen[: _MAX_INSTANCES // 2], *seen[-_MAX_INSTANCES // 2 :]]
    largest = max(some, key=lambda one: one.value)
    for term in candidates(largest, phases)[:MAX_CANDIDATES]:
        if all(fits(term, one, phases) for one in some):
            return term
    return None


def table(seen: Sequence[Seen]) -> Term | None:
    """A value for each index, where it depends on nothing else."""
    values: dict[tuple[int, ...], Any] = {}
    for one in seen:
        if not one.at or values.setdefault(one.at, one.value) != one.value:
            return None
    return ("tab", tuple(sorted(values.items())))


def candidates(seen: Seen, phases: Sequence[Phase]) -> list[Term]:
    """Terms that give a value, simplest first: what the code computed, then fields and what is near to them."""
    phase, wanted = phases[seen.run], seen.value
    costs: dict[Term, int] = {}
    for term in phase.trace.numbers.get(wanted, ()) if isinstance(wanted, int) else ():
        general = simple(generalise(term, seen.at))
        if not mentions(general, _CONCRETE):
            costs[general] = size(general)
    guessed = _guessable(phase, phases)
    for path, field in guessed.items():
        if isinstance(field, list):
            for term, cost in _of_list(path, field, wanted, seen.at):
                costs.setdefault(term, cost)
            for term, cost in _of_words(path, field, seen) if isinstance(wanted, int) else ():
                costs.setdefault(term, cost)
        elif isinstance(field, int | float) and not isinstance(field, bool):
            for term, cost in _of_number(path, field, wanted):
                costs.setdefault(term, cost)
    for term in _quotients(guessed, wanted):
        costs.setdefault(term, 6)
    return sorted(costs, key=lambda term: (costs[term], str(term)))


def _guessable(phase: Phase, phases: Sequence[Phase]) -> Mapping[str, Any]:
    """The fields that a number may follow from: those that are not the same in all runs, since of the others nothing
    can be told from a constant; and none that names tokens, which are numbers that size nothing."""
    return {path: field for path, field in phase.env.items() if not path.endswith(IDENTITIES) and varies(path, phases)}


def varies(path: str, phases: Sequence[Phase]) -> bool:
    """Return whether a field is not the same in all runs."""
    return any(phase.env.get(path) != phases[0].env.get(path) for phase in phases)


def _quotients(fields: Mapping[str, Any], wanted: Any) -> Iterator[Term]:
    """Every n-th of so many layers."""
    small = [(path, field) for path, field in fields.items() if type(field) is int and 0 < field <= _MAX_LAYERS]
    if not isinstance(wanted, int) or not 0 < wanted < _MAX_LAYERS:
        return
    for path, field in small:
        for other, divisor in small:
            if path != other and field // divisor == wanted:
                yield ("//", ("f", path), ("f", other))


def _of_number(path: str, field: float, wanted: Any) -> Iterator[tuple[Term, int]]:
    number: Term = ("f", path)
    if field == wanted:
        yield number, 1
    for shift in (1, 2):
        if field + shift == wanted:
            yield ("+", number, ("c", shift)), 2 + shift
        if field - shift == wanted:
            yield ("-", number, ("c", shift)), 2 + shift
    if isinstance(field, int) and field * field == wanted > 1:  # a window has as many places
        yield ("*", number, number), 4
    if 2 * field == wanted:
        yield ("*", number, ("c", 2)), 4
    if isinstance(field, int) and field % 2 == 0 and field // 2 == wanted:
        yield ("//", number, ("c", 2)), 5


def _of_list(path: str, items: list[Any], wanted: Any, at: tuple[int, ...]) -> Iterator[tuple[Term, int]]:
    length: Term = ("len", path)
    for shift, op, cost in ((0, "+", 2), (1, "+", 4), (-1, "-", 4)):
        if len(items) + shift == wanted:
            yield (length if not shift else (op, length, ("c", 1))), cost
    for axis, index in enumerate(at):
        if index < len(items) and items[index] == wanted:
            yield ("idx", path, ("n", axis, 0)), 2
    if items and items[-1] == wanted:
        yield ("idx", path, ("-", length, ("c", 1))), 5
    if items and items[0] == wanted:
        yield ("idx", path, ("c", 0)), 5
    if all(isinstance(item, int) and not isinstance(item, bool) for item in items) and sum(items) == wanted:
        yield ("suml", path), 4


def _of_words(path: str, items: list[Any], seen: Seen) -> Iterator[tuple[Term, int]]:
    """Yield terms: how many of a list are a word, or where the n-th of them is: the block's own, or the first."""
    for word in sorted({item for item in items if isinstance(item, str)}):
        if items.count(word) == seen.value:
            yield ("count", path, word), 5
        if not 0 <= seen.value < len(items) or items[seen.value] != word:
            continue
        nth = items[: seen.value].count(word)
        if nth == 0:
            yield ("nth", path, word, ("c", 0)), 5
        for axis, index in enumerate(seen.at):
            if nth == index:
                yield ("nth", path, word, ("n", axis, 0)), 4


def generalise(term: Term, at: tuple[int, ...]) -> Term:
    """A term with the indices of a loop as indices of a name."""
    if term[0] == "i":
        for axis, index in enumerate(at):
            if index == term[1]:
                return ("n", axis, 0)
        return ("n", 0, term[1] - at[0]) if at else ("c", term[1])
    if term[0] in ("c", "tab", "inset"):
        return term
    return (term[0], *(generalise(part, at) if isinstance(part, tuple) else part for part in term[1:]))

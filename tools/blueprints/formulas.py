"""The shortest formula of atoms that holds in some rows (a run, and the indices of a name) and in no others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tools.blueprints.terms import FALSE, TRUE, Term

_MAX_LITERALS = 500
_MAX_DEPTH = 7


class Literal(NamedTuple):
    """An atom and the rows where it holds, as bits."""

    cost: float
    rows: int
    term: Term


def formula(wanted: int, full: int, atoms: Sequence[Literal]) -> Term | None:
    """A formula that holds for the rows `wanted` of all of `full`; None where the atoms cannot tell them apart."""
    if wanted == full:
        return TRUE
    literals = sorted(
        [*atoms, *(Literal(atom.cost + 0.5, full & ~atom.rows, ("not", atom.term)) for atom in atoms)],
        key=lambda literal: literal.cost,
    )[:_MAX_LITERALS]
    for literal in literals:
        if literal.rows == wanted:
            return literal.term
    return _pair(wanted, full, literals) or _three(wanted, literals) or _tree(wanted, full, atoms, _MAX_DEPTH)


def rows_where(term: Term, full: int, rows: Mapping[Term, int]) -> int:
    """The rows of all of `full` where a formula holds, by those of its atoms."""
    if term in rows:
        return rows[term]
    match term:
        case ("T",):
            return full
        case ("F",):
            return 0
        case ("not", inner):
            return full & ~rows_where(inner, full, rows)
        case ("and", first, second):
            return rows_where(first, full, rows) & rows_where(second, full, rows)
        case ("or", first, second):
            return rows_where(first, full, rows) | rows_where(second, full, rows)
        case ("ite", test, then, other):
            where = rows_where(test, full, rows)
            return where & rows_where(then, full, rows) | full & ~where & rows_where(other, full, rows)
    raise ValueError(term)


def _pair(wanted: int, full: int, literals: Sequence[Literal]) -> Term | None:
    """Two literals, both or either."""
    implied = [literal for literal in literals if literal.rows & wanted == wanted]
    wide = [literal for literal in literals if literal.rows & full & ~wanted == 0]
    pairs: list[tuple[float, Term]] = []
    for first, second in itertools.combinations(implied, 2):
        if first.rows & second.rows == wanted:
            pairs.append((first.cost + second.cost, ("and", first.term, second.term)))
    for first, second in itertools.combinations(wide, 2):
        if first.rows | second.rows == wanted:
            pairs.append((first.cost + second.cost, ("or", first.term, second.term)))
    return min(pairs, key=lambda pair: pair[0])[1] if pairs else None


def _three(wanted: int, literals: Sequence[Literal]) -> Term | None:
    """Three literals at once."""
    implied = [literal for literal in literals if literal.rows & wanted == wanted]
    narrow = sorted(implied, key=lambda literal: literal.rows.bit_count())[:24]
    for first, second, third in itertools.combinations(narrow, 3):
        if first.rows & second.rows & third.rows == wanted:
            return ("and", first.term, ("and", second.term, third.term))
    return None


def _entropy(wanted: int, all_: int) -> float:
    if wanted in (0, all_):
        return 0
    share = wanted / all_
    return -all_ * (share * math.log(share) + (1 - share) * math.log(1 - share))


def _tree(wanted: int, rows: int, atoms: Sequence[Literal], depth: int) -> Term | None:
    """A decision tree, greedily."""
    if wanted & rows == rows:
        return TRUE
    if wanted & rows == 0:
        return FALSE
    if depth == 0:
        return None
    best: tuple[float, Literal] | None = None
    total, inside = rows.bit_count(), (wanted & rows).bit_count()
    for atom in atoms:
        yes = rows & atom.rows
        if yes in (0, rows):
            continue
        there, here = yes.bit_count(), (yes & wanted).bit_count()
        cost = _entropy(here, there) + _entropy(inside - here, total - there) + 0.01 * atom.cost
        if best is None or cost < best[0]:
            best = cost, atom
    if best is None:
        return None
    then = _tree(wanted, rows & best[1].rows, atoms, depth - 1)
    other = _tree(wanted, rows & ~best[1].rows, atoms, depth - 1)
    return None if then is None or other is None else tidy(best[1].term, then, other)


def tidy(test: Term, then: Term, other: Term) -> Term:
    """`then` where `test` holds, else `other`, without constants."""
    if then == TRUE:
        return test if other == FALSE else ("or", test, other)
    if then == FALSE:
        return ("not", test) if other == TRUE else ("and", ("not", test), other)
    if other == FALSE:
        return ("and", test, then)
    if other == TRUE:
        return ("or", ("not", test), then)
    return ("ite", test, then, other)

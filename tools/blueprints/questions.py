"""Values of a field that would turn the outcome of a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.blueprints.raw import Flat
from tools.blueprints.terms import Term, Unknown, value


def answers(atom: Term, env: Flat) -> Iterator[tuple[str, Any]]:
    """Values of a field that would change an atom's outcome."""
    op = atom[0]
    if op == "t" and atom[1][0] == "f" and env.get(atom[1][1]) is not None:
        yield atom[1][1], not env[atom[1][1]]
    elif op in ("==", "has", "sw") and atom[2][0] == "c" and isinstance(atom[2][1], str):
        yield from _words(atom[1], atom[2][1], env)
    elif op in ("==", "!=", "<", ">", "<=", ">="):
        for term, other in ((atom[1], atom[2]), (atom[2], atom[1])):
            if term[0] != "f":
                continue
            try:
                bound = value(other, env)
            except Unknown:
                continue
            stated = env.get(term[1])
            if isinstance(bound, int | float) and not isinstance(bound, bool):
                for near in (bound, bound + 1, bound - 1):
                    if near != stated and isinstance(stated, int) == isinstance(near, int) and near >= 0:
                        yield term[1], near


def _words(term: Term, word: str, env: Flat) -> Iterator[tuple[str, str]]:
    """Strings that hold a word where code looked for it."""
    separator = ""
    while term[0] in ("spl", "lower"):
        separator = term[2] if term[0] == "spl" else separator
        term = term[1]
    value = env.get(term[1]) if term[0] == "f" else None
    if isinstance(value, str):
        if value != word:
            yield term[1], word
        if separator and separator not in value:
            yield term[1], word + separator + value
        elif separator:
            yield from ((term[1], part) for part in value.split(separator) if part not in ("", word))

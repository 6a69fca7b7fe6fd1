"""What code asked of a config, turned round: values of a field that would have been answered otherwise."""

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
        for own, other in ((atom[1], atom[2]), (atom[2], atom[1])):
            if own[0] != "f":
                continue
            try:
                bound = value(other, env)
            except Unknown:
                continue
            given = env.get(own[1])
            if isinstance(bound, int | float) and not isinstance(bound, bool):
                for near in (bound, bound + 1, bound - 1):
                    if near != given and isinstance(given, int) == isinstance(near, int) and near >= 0:
                        yield own[1], near


def _words(asked: Term, word: str, env: Flat) -> Iterator[tuple[str, str]]:
    """Strings that hold a word where code looked for it."""
    separator = ""
    while asked[0] in ("spl", "lower"):
        separator = asked[2] if asked[0] == "spl" else separator
        asked = asked[1]
    given = env.get(asked[1]) if asked[0] == "f" else None
    if isinstance(given, str):
        if given != word:
            yield asked[1], word
        if separator and separator not in given:
            yield asked[1], word + separator + given
        elif separator:
            yield from ((asked[1], part) for part in given.split(separator) if part not in ("", word))

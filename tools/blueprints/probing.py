"""One change at a time: what guards ask about as small as can be, sizes so that little divides them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, Entry, Rule
from paramcount.formats.huggingface.expressions import Expression
from tools.blueprints.explorer import Explorer
from tools.blueprints.raw import Flat
from tools.blueprints.symbolic import IDENTITIES

MOST = 80
"""Probes that a class is asked, of all."""

_FEW = (1, 2, 3, 4, 6, 9, 17, 33)
_NEAR = (1, 6, -1)


def probes(found: Blueprint, explorer: Explorer) -> list[Flat]:
    """Changes of one field each: of those that decide what is there from the class's own config on, whose layers are
    all there; of those that size something from the smallest."""
    parts: list[Rule | Entry] = [*found.rules, *found.entries]
    deciding = _fields(one for part in parts for one in (part.guard, *part.counts))
    sizing = _fields(one for part in parts for one in (part.shape if isinstance(part, Entry) else (part.value,)))
    options = [
        *_changed(explorer, explorer.start, deciding, _FEW),
        *_changed(explorer, explorer.first.changes, sizing - deciding, ()),
    ]
    return explorer.chance.sample(options, min(MOST, len(options)))


def _fields(expressions: Iterable[Expression]) -> set[str]:
    return {path for one in expressions for path in one.fields if not path.endswith(IDENTITIES)}


def _changed(explorer: Explorer, base: Flat, fields: set[str], few: tuple[int, ...]) -> Iterator[Flat]:
    free = fields & explorer.fields.defaults.keys() - explorer.pinned
    for path in sorted(free):
        given = base.get(path, explorer.first.config.env.get(path))
        for other in _others(given, few):
            if other != given:
                yield {**base, path: other}


def _others(given: Any, few: tuple[int, ...]) -> Iterator[Any]:
    if isinstance(given, bool):
        yield not given
    elif isinstance(given, int):
        yield from few or (given + shift for shift in _NEAR if given + shift > 0)
    elif isinstance(given, list) and given and all(type(item) is int for item in given):
        yield from ([item + shift for item in given] for shift in _NEAR[:2])
        yield from (given[:-1], [*given, given[-1]], [0] * len(given))

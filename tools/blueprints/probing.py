"""Configs of one change each: fields of guards as small as they can be, sizes that little divides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, Entry, Rule
from paramcount.formats.huggingface.expressions import Expression
from tools.blueprints.explorer import Explorer
from tools.blueprints.library import LIBRARY
from tools.blueprints.raw import Flat
from tools.blueprints.symbolic import IDENTITIES

MAX_PROBES = 80
"""Probes that a class is asked, of all."""

_FEW = (1, 2, 3, 4, 6, 9, 17, 33)
_NEAR = (1, 6, -1)
_UNKNOWN = ["unheard-of"] if LIBRARY == "diffusers" else []
"""Words that no class knows. Some classes of diffusers build of them all the same, and otherwise than of any other."""


def probes(blueprint: Blueprint, explorer: Explorer) -> list[Flat]:
    """Changes of one field each: of those that decide what is there from the class's own config on, whose layers are
    all there; of those that size something from the smallest."""
    parts: list[Rule | Entry] = [*blueprint.rules, *blueprint.entries]
    deciding = _fields(one for part in parts for one in (part.guard, *part.counts))
    sizing = _fields(one for part in parts for one in (part.shape if isinstance(part, Entry) else (part.value,)))
    options = [
        *_change_each(explorer, explorer.start, deciding, _FEW),
        *_change_each(explorer, explorer.first.changes, sizing - deciding, ()),
    ]
    return explorer.chance.sample(options, min(MAX_PROBES, len(options)))


def _fields(expressions: Iterable[Expression]) -> set[str]:
    return {path for one in expressions for path in one.fields if not path.endswith(IDENTITIES)}


def _change_each(explorer: Explorer, base: Flat, fields: set[str], few: tuple[int, ...]) -> Iterator[Flat]:
    free = fields & explorer.fields.defaults.keys() - explorer.pinned
    for path in sorted(free):
        current = base.get(path, explorer.first.config.env.get(path))
        for other in _others(current, few):
            if other != current:
                yield {**base, path: other}


def _others(value: Any, few: tuple[int, ...]) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        yield from _UNKNOWN
    elif isinstance(value, int):
        yield from few or (value + shift for shift in _NEAR if value + shift > 0)
    elif isinstance(value, list) and value and all(type(item) is int for item in value):
        yield from ([item + shift for item in value] for shift in _NEAR[:2])
        yield from (value[:-1], [*value, value[-1]], [0] * len(value))

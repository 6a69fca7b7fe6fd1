"""Alike blocks under one name: "0-2,5" stands for blocks 0, 1, 2 and 5."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from service.model import Row

_INDICES = re.compile(r"\d{1,18}(-\d{1,18})?(,\d{1,18}(-\d{1,18})?)*", re.ASCII)


def indices(name: str, most: int) -> list[str]:
    """'0-2,5' -> ['0', '1', '2', '5'], at most one more than `most`; nothing where `name` is no list of indices."""
    if not _INDICES.fullmatch(name):
        return []
    found: list[str] = []
    for part in name.split(","):
        first, _, last = part.partition("-")
        found += map(str, range(int(first), min(int(last or first), int(first) + most - len(found)) + 1))
        if len(found) > most:
            break
    return found


def intervals(name: str) -> list[tuple[int, int]]:
    """'0-2,5' -> [(0, 2), (5, 5)]; nothing where `name` is no list of indices."""
    parts = (part.partition("-") for part in name.split(",")) if _INDICES.fullmatch(name) else ()
    return [(int(first), int(last or first)) for first, _, last in parts]


def joined(numbers: Iterable[int]) -> str:
    """[0, 1, 2, 5] -> '0-2,5'; the numbers ascend."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def fold(rows: Sequence[Row]) -> list[Row]:
    """The rows of a block's copies, those that are alike folded into one under all their indices."""
    alike: dict[object, list[Row]] = {}
    for row in rows:
        alike.setdefault(_essence(row, len(row.path)), []).append(row)
    return [_folded(group) for group in alike.values()]


def _essence(row: Row, prefix: int) -> object:
    """All of a row but where it stands."""
    return (
        row.path[prefix:],
        row.type,
        row.repeat,
        row.tensors,
        tuple(_essence(child, prefix) for child in row.children),
    )


def _folded(group: Sequence[Row]) -> Row:
    first = group[0]
    if len(group) == 1:
        return first
    name = joined(int(row.name) for row in group)
    parent = first.path.removesuffix(first.name)
    row = _moved(first, first.path, parent + name)
    return row._replace(name=name, repeat=len(group), totals=first.totals * len(group))


def _moved(row: Row, before: str, after: str) -> Row:
    """The row, and all beneath it, under another path."""
    children = tuple(_moved(child, before, after) for child in row.children)
    return row._replace(path=after + row.path[len(before) :], children=children)

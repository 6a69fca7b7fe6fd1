"""Fold the rows of equal blocks into one."""

from __future__ import annotations

from collections.abc import Sequence

from paramcount.model import block_ranges
from paramcount.model.report import Row


def fold(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a block's copies, equal ones folded into one that has all their indices as its name."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault(_content(row, len(row.path)), []).append(row)
    return [_fold_group(group) for group in groups.values()]


def _content(row: Row, prefix_length: int) -> object:
    """Return a row's content as a key, its path relative to the block's."""
    return (
        row.path[prefix_length:],
        row.type,
        row.repeat,
        row.summary.tensors,
        tuple(_content(child, prefix_length) for child in row.children),
    )


def _fold_group(group: Sequence[Row]) -> Row:
    first = group[0]
    if len(group) == 1:
        return first
    name = block_ranges.format(int(row.name) for row in group)
    parent = first.path.removesuffix(first.name)
    row = _move(first, first.path, parent + name)
    return row._replace(name=name, repeat=len(group), totals=first.totals * len(group))


def _move(row: Row, before: str, after: str) -> Row:
    """Return the row and its descendants with the path prefix `before` replaced by `after`."""
    children = tuple(_move(child, before, after) for child in row.children)
    return row._replace(path=after + row.path[len(before) :], children=children)

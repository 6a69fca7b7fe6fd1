"""Rows of alike blocks, folded into one."""

from __future__ import annotations

from collections.abc import Sequence

from paramcount.model import block_ranges
from paramcount.model.report import Row


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
        row.summary.tensors,
        tuple(_essence(child, prefix) for child in row.children),
    )


def _folded(group: Sequence[Row]) -> Row:
    first = group[0]
    if len(group) == 1:
        return first
    name = block_ranges.format(int(row.name) for row in group)
    parent = first.path.removesuffix(first.name)
    row = _moved(first, first.path, parent + name)
    return row._replace(name=name, repeat=len(group), totals=first.totals * len(group))


def _moved(row: Row, before: str, after: str) -> Row:
    """The row, and all beneath it, under another path."""
    children = tuple(_moved(child, before, after) for child in row.children)
    return row._replace(path=after + row.path[len(before) :], children=children)

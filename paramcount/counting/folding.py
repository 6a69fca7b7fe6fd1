"""Fold the rows of equal blocks into one."""

from __future__ import annotations

from collections.abc import Sequence

from paramcount.model import block_ranges
from paramcount.model.report import Row


def fold(rows: Sequence[Row], names: Sequence[Sequence[str]]) -> list[Row]:
    """Return the rows of a block's copies, equal ones folded into one that has all their indices as its name.

    Each row stands for the copies of these `names`, of which its own is the first.
    """
    groups: dict[object, tuple[Row, list[str]]] = {}
    for row, row_names in zip(rows, names, strict=True):
        groups.setdefault(_content(row, len(row.path)), (row, []))[1].extend(row_names)
    folded = [_fold_group(row, sorted(map(int, group))) for row, group in groups.values()]
    return sorted(folded, key=lambda row: block_ranges.parse(row.name))


def _content(row: Row, prefix_length: int) -> object:
    """Return a row's content as a key, its path relative to the block's."""
    return (
        row.path[prefix_length:],
        row.type,
        row.repeat,
        row.summary.tensors,
        tuple(_content(child, prefix_length) for child in row.children),
    )


def _fold_group(row: Row, indices: Sequence[int]) -> Row:
    if len(indices) == 1:
        return row
    name = block_ranges.format(indices)
    moved = _move(row, row.path, row.path.removesuffix(row.name) + name)
    return moved._replace(name=name, repeat=len(indices), totals=row.totals * len(indices))


def _move(row: Row, before: str, after: str) -> Row:
    """Return the row and its descendants with the path prefix `before` replaced by `after`."""
    children = tuple(_move(child, before, after) for child in row.children)
    return row._replace(path=after + row.path[len(before) :], children=children)

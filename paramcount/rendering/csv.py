"""A report as a table for a spreadsheet (RFC 4180): a row for the model, then one for each layer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from paramcount.model.report import Report, Row
from paramcount.model.tensors import Tensor
from paramcount.rendering.fields import (
    NO_LIMIT,
    TOTALS,
    FrozenElements,
    printable,
    reason_name,
    shape_text,
    total_fields,
    walk,
)

_COLUMNS = (
    "level",
    "path",
    "name",
    "type",
    "repeat",
    "output_shape",
    *TOTALS,
    "frozen_by",
    "tensors",
    "copies",
    "total_all",
)

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
"""The beginnings of what a spreadsheet takes for a formula (OWASP, CSV Injection)."""


def as_csv(report: Report, depth: int = NO_LIMIT) -> str:
    """Render the model at level 0, its layers from level 1 on, `depth` levels of them; each row counts its children.

    The `total_all` of the rows without rows beneath them adds up to the model's.
    """
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)  # spreadsheets split at other marks than commas, too
    writer.writerow(_COLUMNS)
    frozen = FrozenElements(report)
    for level, row, outer in _rows(report, depth):
        totals = total_fields(row.totals, report.convention)
        reasons = "; ".join(map(reason_name, frozen.of(row)))
        tensors = "; ".join(map(_tensor, row.tensors))
        names = map(cell, (row.path, row.name, row.type))
        shape = cell(shape_text(row.output))
        numbers = (outer * row.repeat, outer * totals["total"])
        writer.writerow((level, *names, row.repeat, shape, *totals.values(), cell(reasons), cell(tensors), *numbers))
    return text.getvalue()


def _rows(report: Report, depth: int) -> Iterator[tuple[int, Row, int]]:
    """Yield each row with its level, and how often the model holds what it counts."""
    yield 0, report.root, 1
    if report.root.children:
        for tree_row in walk(report, depth):
            yield tree_row.level + 1, tree_row.row, tree_row.outer


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.name}[{','.join(map(str, tensor.shape))}]"


def cell(text: str) -> str:
    """Return text that no spreadsheet runs: an apostrophe before a formula makes it text."""
    text = printable(text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text

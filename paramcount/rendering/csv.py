"""A report as a table for a spreadsheet (RFC 4180): a row for the model, then one for each layer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from paramcount.model.report import Report, Row
from paramcount.model.tensors import Tensor
from paramcount.rendering.fields import NO_LIMIT, Frozen, phrase, printable, shape, total_fields, walk

_COLUMNS = (
    "level", "path", "name", "type", "repeat", "output_shape", "total", "trainable", "frozen", "buffers", "bytes",
    "frozen_by", "tensors",
)  # fmt: skip

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection)."""


def as_csv(report: Report, depth: int = NO_LIMIT) -> str:
    """The model at level 0, its layers from level 1 on, `depth` levels of them; each row counts all beneath it."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    frozen = Frozen(report)
    for level, row in _rows(report, depth):
        totals = total_fields(row.totals, report.convention)
        tensors = "; ".join(map(_tensor, row.tensors))
        reasons = "; ".join(map(phrase, frozen.of(row)))
        texts = map(cell, (row.path, row.name, row.type))
        counts = totals.values()
        writer.writerow((level, *texts, row.repeat, cell(shape(row.output)), *counts, cell(reasons), cell(tensors)))
    return text.getvalue()


def _rows(report: Report, depth: int) -> Iterator[tuple[int, Row]]:
    yield 0, report.root
    for level, row in walk(report, depth) if report.root.children else ():
        yield level + 1, row


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.name}[{','.join(map(str, tensor.shape))}]"


def cell(text: str) -> str:
    """Text that no spreadsheet runs: one that would be a formula begins with an apostrophe, which makes it text."""
    text = printable(text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text

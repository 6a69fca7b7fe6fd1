"""The tensors of a report, one per line: what `detail=tensors` adds to a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from paramcount.model.report import Report
from paramcount.model.tensors import Tensor
from paramcount.rendering.columns import clip, column_width
from paramcount.rendering.fields import printable
from paramcount.rendering.markdown import code, table

_HEADINGS = ("Tensor", "Shape", "Dtype", "Elements", "Copies", "Status")
_MIN_NAME_WIDTH = 16


class _TensorLine(NamedTuple):
    name: str
    shape: str
    dtype: str
    elements: str
    copies: str
    status: str


def as_text(report: Report, columns: int) -> str:
    """Render a line for each tensor, as wide as `columns`; a name that does not fit is cut in the middle."""
    lines = [_TensorLine(*_HEADINGS), *_lines(report)]
    widths = [max(map(column_width, cells)) for cells in zip(*lines, strict=True)]
    others = sum(widths[1:]) + 2 * (len(widths) - 1)
    widths[0] = max(_MIN_NAME_WIDTH, min(widths[0], columns - others))
    return "\n".join(_draw(line, widths) for line in lines) + "\n"


def as_markdown(report: Report) -> str:
    """Render a section of a model card."""
    rows = [
        [code(line.name), line.shape, line.dtype, line.elements, line.copies, code(line.status)]
        for line in _lines(report)
    ]
    return "\n".join(("## Tensors", "", *table(list(_HEADINGS), rows, 3, 2)))


def _lines(report: Report) -> Iterator[_TensorLine]:
    for row, copies in report.root.walk():
        for tensor in row.tensors:
            yield _TensorLine(
                name=printable(f"{row.path}.{tensor.name}" if row.path else tensor.name),
                shape="×".join(map(str, tensor.shape)) or "scalar",
                dtype=tensor.dtype,
                elements=f"{tensor.size:,}",
                copies=f"{copies:,}",
                status=printable(_status(tensor)),
            )


def _status(tensor: Tensor) -> str:
    if tensor.tied_to:
        return f"tied to {tensor.tied_to}"
    if tensor.role == "buffer":
        return "buffer"
    return "trains" if tensor.trainable else "frozen"


def _draw(line: _TensorLine, widths: list[int]) -> str:
    name = clip(line.name, widths[0], widths[0] // 2)
    cells = [name + " " * (widths[0] - column_width(name)), line.shape.ljust(widths[1]), line.dtype.ljust(widths[2])]
    cells += [line.elements.rjust(widths[3]), line.copies.rjust(widths[4]), line.status]
    return "  ".join(cells)

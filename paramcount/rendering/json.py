"""A report as JSON-able data."""

from __future__ import annotations

from typing import Any, Literal, get_args

from paramcount.model.report import Report, ReportWarning, Row
from paramcount.model.tensors import Tensor
from paramcount.rendering.fields import (
    NO_LIMIT,
    FrozenElements,
    active,
    by_dtype,
    embedding,
    explanation,
    inexact,
    total_fields,
)

Detail = Literal["totals", "layers", "tensors"]
DETAILS: tuple[Detail, ...] = get_args(Detail)

MAX_CACHED_EXPLANATION_CHARACTERS = 200
"""The longest explanation of fragments that are cached: it names every tensor that is cached with it."""


def as_json(report: Report, detail: Detail = "layers", depth: int = NO_LIMIT) -> dict[str, Any]:
    """Return the report's members; rows deeper than `depth` are left out."""
    root, writer = report.root, _RowWriter(report, detail)
    layers = root.children if detail != "totals" and depth > 0 else ()
    roles = {"embedding": embedding(report), "active": active(report)}
    return {
        "name": root.name,
        "format": report.format,
        "convention": report.convention,
        "exact": report.exact,
        "inexact": inexact(report),
        "totals": total_fields(root.totals, report.convention),
        "frozen_by": writer.frozen.of(root),
        "by_dtype": by_dtype(report),
        "tensors": [_tensor(tensor) for tensor in root.tensors] if detail == "tensors" else [],
        "layers": [writer.render(row, depth) for row in layers],
        "warnings": [warning_as_json(warning) for warning in report.warnings],
        **{name: weights for name, weights in roles.items() if weights is not None},
    }


def warning_as_json(warning: ReportWarning) -> dict[str, str]:
    """Return a warning's members."""
    return {"code": warning.code, "path": warning.path, "detail": warning.detail}


class _RowWriter:
    """Renders the rows of one report; equal layers without children share what follows from their tensors."""

    def __init__(self, report: Report, detail: Detail) -> None:
        self.frozen = FrozenElements(report)
        self._convention, self._with_tensors = report.convention, detail == "tensors"
        self._key = report.convention, detail == "tensors"

    def render(self, row: Row, depth: int) -> dict[str, Any]:
        if row.children or row.repeat > 1:
            content = self._content(row)
            if row.children and depth > 1:
                content["children"] = [self.render(child, depth - 1) for child in row.children]
        else:
            cached = row.summary.rendered
            content = (cached and cached.get(self._key)) or self._keep_content(row)
        return {
            "path": row.path,
            "name": row.name,
            "type": row.type,
            "repeat": row.repeat,
            "output_shape": row.output,
            **content,
        }

    def _keep_content(self, row: Row) -> dict[str, Any]:
        """Return the content of a row without children, and keep it for equal layers that follow."""
        content, cached = self._content(row), row.summary.rendered
        if cached is not None and len(content["explanation"]) <= MAX_CACHED_EXPLANATION_CHARACTERS:
            cached[self._key] = content
        return content

    def _content(self, row: Row) -> dict[str, Any]:
        """Return the members of a row that depend on its tensors alone; its children are left out."""
        content: dict[str, Any] = {
            "totals": total_fields(row.totals, self._convention),
            "frozen_by": self.frozen.of(row),
            "explanation": explanation(row, self._convention),
            "children": (),
        }
        if self._with_tensors:
            content["tensors"] = [_tensor(tensor) for tensor in row.tensors]
        return content


def _tensor(tensor: Tensor) -> dict[str, Any]:
    members: dict[str, Any] = {
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.dtype,
        "size": tensor.size,
        "trainable": tensor.trainable,
        "role": tensor.role,
    }
    if tensor.tied_to:
        members["tied_to"] = tensor.tied_to
    return members

"""A report as JSON-able data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

from paramcount.model.report import Report, ReportWarning, Row
from paramcount.model.tensors import Tensor
from paramcount.rendering.fields import (
    NO_LIMIT,
    FrozenElements,
    active,
    by_dtype,
    direct_total,
    embedding,
    explanation,
    inexact,
    total_fields,
)
from paramcount.rendering.parameters import parameters_as_json, versions_as_json

Detail = Literal["totals", "layers", "tensors"]
DETAILS: tuple[Detail, ...] = get_args(Detail)

MAX_CACHED_EXPLANATION_CHARACTERS = 200
"""The longest explanation of fragments that are cached: it names every tensor that is cached with it."""


def as_json(report: Report, detail: Detail = "layers", depth: int = NO_LIMIT) -> dict[str, Any]:
    """Return the report's members; rows deeper than `depth` are left out."""
    root, writer = report.root, _RowWriter(report, detail)
    totals = total_fields(root.totals, report.convention)
    layers = root.children if detail != "totals" and depth > 0 else ()
    roles = {"embedding": embedding(report), "active": active(report)}
    direct = {"direct_all": direct_total(root, report.convention)} if root.children and root.tensors else {}
    return {
        "name": root.name,
        "format": report.format,
        "convention": report.convention,
        "exact": report.exact,
        "inexact": inexact(report),
        "totals": totals,
        "frozen_by": writer.frozen.of(root),
        "by_dtype": by_dtype(report),
        "tensors": [_tensor(tensor) for tensor in root.tensors] if detail == "tensors" else [],
        "layers": writer.render(layers, depth, 1),
        "warnings": [warning_as_json(warning) for warning in report.warnings],
        "parameters": parameters_as_json(report, totals),
        "counted_by": versions_as_json(report),
        **{name: weights for name, weights in roles.items() if weights is not None},
        **direct,
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

    def render(self, rows: Iterable[Row], depth: int, outer: int) -> list[dict[str, Any]]:
        """Return the members of rows, of which the model holds `outer` times the copies that they count."""
        key, rendered = self._key, []
        for row in rows:
            path, name, kind, repeat, summary, _, children, output = row
            if children or repeat > 1:
                content = self._content(row, outer)
                if children and depth > 1:
                    content["children"] = self.render(children, depth - 1, outer * repeat)
            else:
                cached = summary.rendered
                content = (cached and cached.get(key)) or self._keep_content(row)
                if outer > 1:
                    content = {**content, "copies": outer, "total_all": outer * content["total_all"]}
            rendered.append(
                {"path": path, "name": name, "type": kind, "repeat": repeat, "output_shape": output, **content}
            )
        return rendered

    def _keep_content(self, row: Row) -> dict[str, Any]:
        """Return the content of a row without children, in one copy, and keep it for equal layers that follow."""
        content, cached = self._content(row, 1), row.summary.rendered
        if cached is not None and len(content["explanation"]) <= MAX_CACHED_EXPLANATION_CHARACTERS:
            cached[self._key] = content
        return content

    def _content(self, row: Row, outer: int) -> dict[str, Any]:
        """Return the members of a row that depend on its tensors and its copies alone; its children are left out."""
        totals = total_fields(row.totals, self._convention)
        content: dict[str, Any] = {
            "totals": totals,
            "copies": outer * row.repeat,
            "total_all": outer * totals["total"],
            "frozen_by": self.frozen.of(row),
            "explanation": explanation(row, self._convention),
            "children": (),
        }
        if row.children and row.tensors:
            content["direct_all"] = outer * row.repeat * direct_total(row, self._convention)
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

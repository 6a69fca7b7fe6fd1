"""A report as JSON-able data."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, cast

from paramcount.model.report import Report, Row
from paramcount.model.tensors import Tensor
from paramcount.rendering.fields import (
    NO_LIMIT,
    Frozen,
    FrozenBy,
    TotalFields,
    active,
    by_dtype,
    embedding,
    explanation,
    total_fields,
)

Detail = Literal["totals", "layers", "tensors"]


def as_json(report: Report, detail: Detail = "layers", depth: int = NO_LIMIT) -> dict[str, Any]:
    """The report; rows deeper than `depth` are left out."""
    root, rows = report.root, _RowWriter(report, detail)
    shown = root.children if detail != "totals" and depth > 0 else ()
    shares = {"embedding": embedding(report), "active": active(report)}
    return {
        "name": root.name,
        "format": report.format,
        "convention": report.convention,
        "exact": report.exact,
        "totals": total_fields(root.totals, report.convention),
        "frozen_by": rows.frozen.of(root),
        "by_dtype": by_dtype(report),
        "tensors": [_tensor(tensor) for tensor in root.tensors] if detail == "tensors" else [],
        "layers": [rows.render(row, depth) for row in shown],
        "warnings": [{"code": n.code, "path": n.path, "detail": n.detail} for n in report.warnings],
        **{name: found for name, found in shares.items() if found is not None},
    }


class _Fragments(NamedTuple):
    """What a row says of its own tensors alone; equal layers share it."""

    totals: TotalFields
    frozen_by: list[FrozenBy]
    explanation: str
    tensors: list[dict[str, Any]]


MAX_CACHED_EXPLANATION = 200
"""How many characters the explanation of a kept fragment may have: it names all that is kept with it."""


class _RowWriter:
    """The rows of one report; what a layer without any beneath it has is made once for all that are equal."""

    def __init__(self, report: Report, detail: Detail) -> None:
        self.frozen = Frozen(report)
        self._convention, self._with_tensors = report.convention, detail == "tensors"

    def render(self, row: Row, depth: int) -> dict[str, Any]:
        fragments = self._make(row) if row.children or row.repeat > 1 else self._get_or_make(row)
        children = [self.render(child, depth - 1) for child in row.children] if row.children and depth > 1 else ()
        rendered = {
            "path": row.path,
            "name": row.name,
            "type": row.type,
            "repeat": row.repeat,
            "output_shape": row.output,
            "totals": fragments.totals,
            "frozen_by": fragments.frozen_by,
            "explanation": fragments.explanation,
            "children": children,
        }
        if self._with_tensors:
            rendered["tensors"] = fragments.tensors
        return rendered

    def _get_or_make(self, row: Row) -> _Fragments:
        kept, key = row.summary.rendered, (self._convention, self._with_tensors)
        if kept is None:
            return self._make(row)
        if (fragments := kept.get(key)) is None:
            fragments = self._make(row)
            if len(fragments.explanation) <= MAX_CACHED_EXPLANATION:
                kept[key] = fragments
        return cast("_Fragments", fragments)

    def _make(self, row: Row) -> _Fragments:
        tensors = [_tensor(tensor) for tensor in row.tensors] if self._with_tensors else []
        return _Fragments(total_fields(row.totals, self._convention), self.frozen.of(row), explanation(row), tensors)


def _tensor(tensor: Tensor) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.dtype,
        "size": tensor.size,
        "trainable": tensor.trainable,
        "role": tensor.role,
    }
    if tensor.tied_to:
        rendered["tied_to"] = tensor.tied_to
    return rendered

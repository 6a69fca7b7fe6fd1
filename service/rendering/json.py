"""A report as JSON-able data."""

from __future__ import annotations

from typing import Any, Literal

from service.model import Convention, Report, Row, Tensor
from service.rendering.figures import DEEPEST, Frozen, active, by_dtype, embedding, explanation, figures

Detail = Literal["totals", "layers", "tensors"]


def as_json(report: Report, form: str, detail: Detail = "layers", depth: int = DEEPEST) -> dict[str, Any]:
    """The report; `form` is the name of the document's format, rows deeper than `depth` are left out."""
    root, frozen = report.root, Frozen(report)
    shown = root.children if detail != "totals" else ()
    shares = {"embedding": embedding(report), "active": active(report)}
    return {
        "name": root.name,
        "format": form,
        "convention": report.convention,
        "exact": report.exact,
        "totals": figures(root.totals, report.convention),
        "frozen_by": frozen.of(root),
        "by_dtype": by_dtype(report),
        "tensors": [_tensor(tensor) for tensor in root.tensors] if detail == "tensors" else [],
        "layers": [_row(row, report.convention, frozen, detail, depth) for row in shown] if depth > 0 else [],
        "warnings": [{"code": n.code, "path": n.path, "detail": n.detail} for n in report.notices],
        **{name: found for name, found in shares.items() if found is not None},
    }


def _row(row: Row, convention: Convention, frozen: Frozen, detail: Detail, depth: int) -> dict[str, Any]:
    rendered = {
        "path": row.path,
        "name": row.name,
        "type": row.type,
        "repeat": row.repeat,
        "output_shape": row.output,
        "totals": figures(row.totals, convention),
        "frozen_by": frozen.of(row),
        "explanation": explanation(row),
        "children": [_row(child, convention, frozen, detail, depth - 1) for child in row.children] if depth > 1 else [],
    }
    if detail == "tensors":
        rendered["tensors"] = [_tensor(tensor) for tensor in row.tensors]
    return rendered


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

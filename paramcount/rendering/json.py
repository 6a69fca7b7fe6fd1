"""A report as JSON-able data."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal

from paramcount.model.report import Report, Row
from paramcount.model.tensors import Convention, Tensor
from paramcount.rendering.fields import (
    DEEPEST,
    Figures,
    Frozen,
    FrozenBy,
    active,
    by_dtype,
    embedding,
    explanation,
    figures,
)

Detail = Literal["totals", "layers", "tensors"]


def as_json(report: Report, form: str, detail: Detail = "layers", depth: int = DEEPEST) -> dict[str, Any]:
    """The report; `form` is the name of the document's format, rows deeper than `depth` are left out."""
    root, rows = report.root, _Rows(report, detail)
    shown = root.children if detail != "totals" and depth > 0 else ()
    shares = {"embedding": embedding(report), "active": active(report)}
    return {
        "name": root.name,
        "format": form,
        "convention": report.convention,
        "exact": report.exact,
        "totals": figures(root.totals, report.convention),
        "frozen_by": rows.frozen.of(root),
        "by_dtype": by_dtype(report),
        "tensors": [_tensor(tensor) for tensor in root.tensors] if detail == "tensors" else [],
        "layers": [rows.rendered(row, depth) for row in shown],
        "warnings": [{"code": n.code, "path": n.path, "detail": n.detail} for n in report.warnings],
        **{name: found for name, found in shares.items() if found is not None},
    }


_Told = tuple[tuple[Tensor, ...], Figures, list[FrozenBy], str, list[dict[str, Any]]]
"""Of a row's tensors what is told beside its name and its place: totals, why they are frozen, an explanation, they
themselves."""

MOST = 500
"""How many rows are remembered."""

LONGEST = 200
"""How long the explanation of one may be: it names all that is remembered with it."""

_TOLD: dict[tuple[Convention, bool], dict[int, _Told]] = defaultdict(dict)
"""For each convention, with tensors and without, by what holds a row's: as long as that is kept, nothing else has its
id."""


class _Rows:
    """The rows of a report; what layers without any beneath are told to have is made once for all that are alike."""

    def __init__(self, report: Report, detail: Detail) -> None:
        self.frozen = Frozen(report)
        self._convention, self._detailed = report.convention, detail == "tensors"
        self._alike = _TOLD[report.convention, self._detailed]

    def rendered(self, row: Row, depth: int) -> dict[str, Any]:
        path, name, kind, repeat, tensors, _, children, output = row
        alone = not children and repeat == 1
        told = (self._alike.get(id(tensors)) or self._remembered(row)) if alone else self._told(row)
        _, totals, frozen_by, explained, own = told
        rendered = {
            "path": path,
            "name": name,
            "type": kind,
            "repeat": repeat,
            "output_shape": output,
            "totals": totals,
            "frozen_by": frozen_by,
            "explanation": explained,
            "children": [self.rendered(child, depth - 1) for child in children] if children and depth > 1 else (),
        }
        if self._detailed:
            rendered["tensors"] = own
        return rendered

    def _remembered(self, row: Row) -> _Told:
        """What is told of it, for those that are alike and follow; when there are too many, all are forgotten."""
        told = self._told(row)
        if len(told[3]) <= LONGEST:
            if len(self._alike) >= MOST:
                self._alike.clear()
            self._alike[id(row.tensors)] = told
        return told

    def _told(self, row: Row) -> _Told:
        tensors = [_tensor(tensor) for tensor in row.tensors] if self._detailed else []
        totals = figures(row.totals, self._convention)
        return row.tensors, totals, self.frozen.of(row), explanation(row), tensors


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

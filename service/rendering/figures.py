"""What every form of a report says: totals in its convention, and how a row's number comes about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

from service.model import Convention, Report, Row, Tensor, Totals

DEEPEST = 1_000_000
"""A depth that no report has."""


class Figures(TypedDict):
    """Elements, and the bytes they take; total = trainable + frozen."""

    total: int
    trainable: int
    frozen: int
    buffers: int
    bytes: int


def figures(totals: Totals, convention: Convention) -> Figures:
    """The totals as a convention counts them: torch leaves buffers out, the others count them as frozen."""
    counted = convention != "torch"
    frozen = totals.frozen + counted * totals.buffers
    return {
        "total": totals.trainable + frozen,
        "trainable": totals.trainable,
        "frozen": frozen,
        "buffers": totals.buffers,
        "bytes": totals.bytes + counted * totals.buffer_bytes,
    }


def by_dtype(report: Report) -> Mapping[str, int]:
    """The elements of `total`, by dtype."""
    buffers = report.buffers_by_dtype if report.convention != "torch" else {}
    return dict(Counter(report.weights_by_dtype) + Counter(buffers))


def explanation(row: Row) -> str:
    """How a row's number comes about: "kernel 7×7×3×64 + bias 64"."""
    own = " + ".join(map(_term, row.tensors))
    if row.children:
        own = f"{own} + what is beneath" if own else ""
    if row.repeat == 1:
        return own
    return f"{row.repeat:,} × ({own})" if own else f"{row.repeat:,} × what is beneath"


def _term(tensor: Tensor) -> str:
    size = "×".join(map(str, tensor.shape)) or "1"
    note = f" (tied to {tensor.tied_to})" if tensor.tied_to else ""
    return f"{tensor.name} {size}{note}"

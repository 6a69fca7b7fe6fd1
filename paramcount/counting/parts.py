"""The counts of models, and of parts that many share: the body of a model with another number of classes."""

from __future__ import annotations

from typing import NamedTuple

from paramcount.model.cache import Cache
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning, Row
from paramcount.model.tensors import TensorSummary

MAX_CACHED_ROWS = 16_000
"""The most rows of all cached parts together."""


class PartCount(NamedTuple):
    """A layer as counted, with all below it, and what the walk over it adds to the count of a model."""

    row: Row
    sums: TensorSummary  # over its own tensors and those below it, of all its copies
    row_count: int
    depth: int  # of the layers below it
    tensor_count: int
    path_chars: int
    has_dots: bool
    assumes_dtype: bool


class Counts(NamedTuple):
    """The counts of a document's layers; documents of one interned model share them."""

    root: Row
    row_count: int
    sums: TensorSummary  # over all tensors
    assumes_dtype: bool
    warnings: tuple[ReportWarning, ...]


PARTS: Cache[PartCount] = Cache(MAX_CACHED_ROWS, lambda part: part.row_count)


def measure_depth(layer: Layer) -> int:
    """Return the number of levels below a layer."""
    return 1 + max(map(measure_depth, layer.children)) if layer.children else 0

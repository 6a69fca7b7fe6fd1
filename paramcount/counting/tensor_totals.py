"""What becomes of a layer's own tensors, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import NamedTuple

from paramcount.model.dtypes import DTYPES
from paramcount.model.tensors import FreezeReason, Tensor, Totals


class TensorSummary(NamedTuple):
    """Tensors with their fate, and the sums of those that are not counted elsewhere."""

    tensors: tuple[Tensor, ...]
    totals: Totals
    weights: Mapping[str, int]  # elements by dtype
    buffers: Mapping[str, int]


NOTHING = TensorSummary((), Totals(), {}, {})


def summarize(
    tensors: Iterable[Tensor], fates: Iterable[FreezeReason | None], dtype: str, shares: str
) -> TensorSummary:
    """Each tensor with what freezes it, in `dtype` unless it has its own; with `shares` they are that layer's."""
    settled: list[Tensor] = []
    weights: dict[str, int] = {}
    buffers: dict[str, int] = {}
    trains = frozen = size_bytes = buffer_bytes = 0
    for tensor, frozen_by in zip(tensors, fates, strict=True):
        name, shape, role, own_dtype, trainable, tied_to, _, logical_size, layer_types = tensor
        if not own_dtype or frozen_by or shares or not trainable:
            own_dtype = own_dtype or dtype
            tied_to = tied_to or (shares and f"{shares}.{name}")
            tensor = Tensor(name, shape, role, own_dtype, not frozen_by, tied_to, frozen_by, logical_size, layer_types)  # noqa: PLW2901
        settled.append(tensor)
        if tied_to:
            continue
        size = prod(shape)
        taken = -(-size * DTYPES[own_dtype] // 8)
        if role == "buffer":
            buffer_bytes += taken
            buffers[own_dtype] = buffers.get(own_dtype, 0) + size
            continue
        if not frozen_by:
            trains += size
        else:
            frozen += size
        size_bytes += taken
        weights[own_dtype] = weights.get(own_dtype, 0) + size
    totals = Totals(trains, frozen, sum(buffers.values()) if buffers else 0, size_bytes, buffer_bytes)
    return TensorSummary(tuple(settled), totals, weights, buffers)

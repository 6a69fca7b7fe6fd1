"""Sum up one layer's tensors."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from paramcount.model.dtypes import DTYPES
from paramcount.model.tensors import FreezeReason, Tensor, TensorSummary, Totals

NO_TENSORS = TensorSummary(rendered={})


def summarize(
    tensors: Iterable[Tensor], reasons: Iterable[FreezeReason | None], dtype: str, shares: str
) -> TensorSummary:
    """Each tensor with what freezes it, and their sums.

    `dtype` is of the tensors that have none of their own; `shares` the path of the layer that owns them, where that is
    another: they are then tied to its, and not counted.
    """
    summed: list[Tensor] = []
    weights: dict[str, int] = {}
    buffers: dict[str, int] = {}
    trainable = frozen = weight_bytes = buffer_bytes = 0
    for tensor, frozen_by in zip(tensors, reasons, strict=True):
        if not tensor.dtype or frozen_by or shares or not tensor.trainable:
            tied_to = tensor.tied_to or (shares and f"{shares}.{tensor.name}")
            tensor = tensor.with_status(tensor.dtype or dtype, tied_to, frozen_by)  # noqa: PLW2901
        summed.append(tensor)
        if tensor.tied_to:
            continue
        size = prod(tensor.shape)
        size_bytes = -(-size * DTYPES[tensor.dtype] // 8)
        if tensor.role == "buffer":
            buffer_bytes += size_bytes
            buffers[tensor.dtype] = buffers.get(tensor.dtype, 0) + size
            continue
        if not frozen_by:
            trainable += size
        else:
            frozen += size
        weight_bytes += size_bytes
        weights[tensor.dtype] = weights.get(tensor.dtype, 0) + size
    totals = Totals(trainable, frozen, sum(buffers.values()) if buffers else 0, weight_bytes, buffer_bytes)
    return TensorSummary(tuple(summed), totals, weights, buffers)

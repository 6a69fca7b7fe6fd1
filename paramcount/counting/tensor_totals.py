"""Sum up the tensors of one layer, each with its freeze reason."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from paramcount.counting.evaluate import FreezeStatus
from paramcount.counting.freezing import FROZEN, Rules, Trainability
from paramcount.model.dtypes import DTYPES
from paramcount.model.layers import Layer
from paramcount.model.tensors import (
    ADAPTER,
    DESIGN,
    NO_PACKED,
    UNKNOWN_SIZE,
    FreezeReason,
    PackedTotals,
    Tensor,
    TensorSummary,
    Totals,
)

NO_TENSORS = TensorSummary(rendered={})


class TensorSummarizer:
    """Sums up the tensors of the layers of one document."""

    def __init__(self, rules: Rules, default_dtype: str, *, adapted: bool) -> None:
        """`adapted`: the document has an adapter, which freezes all that the document says is frozen."""
        self._rules, self._default_dtype, self._adapted = rules, default_dtype, adapted
        self._frozen_by_document = ADAPTER if adapted else FROZEN.frozen_by
        self.assumes_dtype = False  # a tensor had none of its own

    def summarize(
        self,
        tensors: tuple[Tensor, ...],
        summaries: dict[FreezeStatus, TensorSummary],
        layer: Layer,
        path: str,
        trainability: Trainability,
        *,
        with_rules: bool,
    ) -> TensorSummary:
        """Return the summary of a layer's own tensors. `summaries` keeps it for equal layers, unless rules decide."""
        dtype = layer.dtype
        if not dtype:
            dtype = self._default_dtype
            if not self.assumes_dtype:
                self.assumes_dtype = not all(tensor.dtype for tensor in tensors)
        if layer.shares or with_rules:
            reasons = self._find_reasons(tensors, layer, path, trainability, with_rules=with_rules)
            return summarize(tensors, reasons, dtype, layer.shares)
        status = dtype, trainability.frozen_by, self._adapted
        if (summary := summaries.get(status)) is None:
            reasons = self._find_reasons(tensors, layer, path, trainability, with_rules=False)
            summary = summaries[status] = summarize(tensors, reasons, dtype, "")
        elif summary.rendered is None:
            summary.rendered = {}
        return summary

    def _find_reasons(
        self, tensors: tuple[Tensor, ...], layer: Layer, path: str, trainability: Trainability, *, with_rules: bool
    ) -> list[FreezeReason | None]:
        """Return the freeze reason of each tensor; None for one that trains."""
        has_formula = layer.config is not None  # then a tensor's `trainable` is the formula's, not the document's
        layer_reason = self._find_reason(trainability)
        reasons = [
            DESIGN
            if tensor.role == "buffer" or (has_formula and not tensor.trainable)
            else layer_reason
            if tensor.trainable
            else self._frozen_by_document
            for tensor in tensors
        ]
        if with_rules:
            prefix = f"{path}." if path else ""
            for index, tensor in enumerate(tensors):
                flag = tensor.trainable or has_formula
                decided = self._rules.decide(prefix + tensor.name, trainability, flag, owner_types=tensor.layer_types)
                if reasons[index] is not DESIGN:
                    reasons[index] = self._find_reason(decided)
        return reasons

    def _find_reason(self, trainability: Trainability) -> FreezeReason | None:
        return self._frozen_by_document if trainability is FROZEN else trainability.frozen_by


def summarize(
    tensors: Iterable[Tensor], reasons: Iterable[FreezeReason | None], dtype: str, shares: str
) -> TensorSummary:
    """Return the tensors with their freeze reasons, and their sums.

    `dtype` is for tensors that have none of their own. `shares` is the path of another layer that owns the tensors, or
    ''; tensors of another layer are tied to that layer's, and not counted.
    """
    summed: list[Tensor] = []
    weights: dict[str, int] = {}
    buffers: dict[str, int] = {}
    trainable = frozen = weight_bytes = buffer_bytes = 0
    packed: PackedTotals | None = None
    for tensor, frozen_by in zip(tensors, reasons, strict=True):
        if not tensor.dtype or frozen_by or shares or not tensor.trainable:
            tied_to = tensor.tied_to or (shares and f"{shares}.{tensor.name}")
            tensor = tensor.with_status(tensor.dtype or dtype, tied_to, frozen_by)  # noqa: PLW2901
        summed.append(tensor)
        if tensor.tied_to:
            continue
        size = prod(tensor.shape)
        if tensor.logical_size is not None:
            packed = (packed or NO_PACKED).add(_packed_totals(tensor, size), 1)
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
    totals = Totals(
        trainable=trainable,
        frozen=frozen,
        buffers=sum(buffers.values()) if buffers else 0,
        bytes=weight_bytes,
        buffer_bytes=buffer_bytes,
    )
    return TensorSummary(tuple(summed), totals, weights, buffers, packed)


def _packed_totals(tensor: Tensor, size: int) -> PackedTotals:
    """Return what the elements of a packed weight, or of a tensor beside one, are off its values."""
    assert tensor.logical_size is not None
    unknown = int(tensor.logical_size == UNKNOWN_SIZE)
    values = size if unknown else tensor.logical_size
    if tensor.role == "buffer":
        return PackedTotals(buffers=size, buffer_values=values, unknown=unknown)
    if tensor.trainable:
        return PackedTotals(trainable=values - size, unknown=unknown)
    return PackedTotals(frozen=values - size, unknown=unknown)


def sum_by_dtype(
    summaries: Iterable[tuple[TensorSummary, int]],
) -> TensorSummary:
    """Return the elements of all copies by dtype, of weights and of buffers, and the corrections of packed weights.

    `summaries` are of layers' own tensors, each with the copies that the model holds.
    """
    weights: dict[str, int] = {}
    buffers: dict[str, int] = {}
    packed = NO_PACKED
    for summary, copies in summaries:
        for dtype, size in summary.weights.items():
            weights[dtype] = weights.get(dtype, 0) + size * copies
        for dtype, size in summary.buffers.items():
            buffers[dtype] = buffers.get(dtype, 0) + size * copies
        if summary.packed is not None:
            packed = packed.add(summary.packed, copies)
    return TensorSummary(weights=weights, buffers=buffers, packed=packed)

"""Notes on a counted model: the purposes of its weights, its inactive experts, and where checkpoints differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blocks import Builder, CountedWeight
from paramcount.formats.huggingface.purposes import FUSED
from paramcount.formats.huggingface.routing import count_visited_experts
from paramcount.formats.named_tensors.packed.quantization import find_quantization
from paramcount.model.report import ReportWarning, WeightRoles

_UNBUILT_LAYER_FIELDS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
"""The fields that count multi-token-prediction layers: checkpoints hold them, and the class does not build them."""

_ALWAYS_TIED = frozenset(("t5", "mt5", "longt5"))
"""The model types whose code ties lm_head to the embeddings, though configs say that it does not."""


class ModelNotes(NamedTuple):
    """Return the warnings about a model."""

    roles: WeightRoles | None
    warnings: tuple[ReportWarning, ...]
    has_fused_experts: bool  # the experts of a layer are one tensor


def describe(builder: Builder, model_type: str) -> ModelNotes:
    """Sum up the weights of a built model by purpose."""
    inputs = heads = 0
    experts: list[tuple[int, int]] = []  # (elements, how many experts share them)
    has_fused = False
    for weight in builder.weights:
        size = weight.tensor.size * weight.copies
        inputs += size * weight.purpose.embeds_tokens
        heads += size * weight.purpose.is_head
        if expert_count := _count_experts(weight, builder):
            experts.append((size, expert_count))
            has_fused = has_fused or weight.purpose.expert_axis == FUSED
    if not experts:
        return ModelNotes(WeightRoles(inputs, heads) if inputs else None, (), has_fused)
    visited = count_visited_experts(builder.scope, model_type)
    inactive = _count_inactive(visited, experts)
    warnings: tuple[ReportWarning, ...] = ()
    if inactive is None:
        detail = "a mixture of experts, but no field says how many a token visits"
        warnings = (ReportWarning("active_unknown", "", detail),)
    unknown = "" if warnings == () else warnings[0].detail
    return ModelNotes(WeightRoles(inputs, heads, inactive, unknown), warnings, has_fused)


def _count_experts(weight: CountedWeight, builder: Builder) -> int:
    """Return how many experts share the elements of a weight; 0 where it belongs to none, or to all of them."""
    axis, shape = weight.purpose.expert_axis, weight.tensor.shape
    if axis is None:
        return 0
    if axis != FUSED:
        return builder.count(weight.entry.counts[axis])
    return shape[0] if len(shape) > 1 else 0


def _count_inactive(visited: int | None, experts: list[tuple[int, int]]) -> int | None:
    """Count the elements of the experts that a token does not visit; None where it is not known how many it visits."""
    if visited is None or any(not 0 < visited <= expert_count for _, expert_count in experts):
        return None
    return sum(size // expert_count * (expert_count - visited) for size, expert_count in experts)


def warn_of_checkpoints(payload: Mapping[str, Any], *, has_fused_experts: bool) -> Iterator[ReportWarning]:
    """Yield a warning for everything that checkpoints hold otherwise than the class builds it."""
    if payload.get("model_type") in _ALWAYS_TIED and payload.get("tie_word_embeddings") is False:
        detail = (
            "transformers ties lm_head to the embeddings whatever tie_word_embeddings says; "
            "checkpoints hold a separate lm_head, which is not counted"
        )
        yield ReportWarning("checkpoint_differs", "lm_head.weight", detail)
    if has_fused_experts:
        detail = (
            "the experts of a layer are one tensor here; checkpoints may hold one for each expert: "
            "equal totals, other names"
        )
        yield ReportWarning("checkpoint_differs", "", detail)
    if any(isinstance(payload.get(name), int) and payload[name] for name in _UNBUILT_LAYER_FIELDS):
        detail = (
            "checkpoints may hold multi-token-prediction layers, which the class does not build: they are not counted"
        )
        yield ReportWarning("checkpoint_differs", "", detail)
    if find_quantization(payload):
        detail = "the count is of the model before it is quantized, whatever quantization_config says"
        yield ReportWarning("quantization", "", detail)

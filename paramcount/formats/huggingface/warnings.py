"""What a reader of the count must know: what is active per token, what embeds, where checkpoints differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blocks import Builder, Stands
from paramcount.formats.huggingface.expressions import Scope
from paramcount.model.report import ReportWarning, WeightRoles

_CHOSEN = (
    "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "top_k_experts", "moe_k", "top_k",
    "num_selected_experts", "router_top_k", "experts_per_token", "expert_top_k", "num_experts_per_layer",
)  # fmt: skip
"""The fields that hold how many experts a token visits, by the names that configs have for it."""

_BY_DESIGN = {"switch_transformers": 1, "nllb-moe": 2}
"""How many experts a token visits where no field says so (SwitchTransformersTop1Router, NllbMoeTop2Router)."""

_MORE_LAYERS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
_ALWAYS_TIED = frozenset(("t5", "mt5", "longt5"))


class Said(NamedTuple):
    """What there is to say about a tree."""

    roles: WeightRoles | None
    warnings: tuple[ReportWarning, ...]
    fused: bool  # the experts of a layer are one tensor


def said(builder: Builder, model_type: str) -> Said:
    """What the weights of a tree are for."""
    inputs = heads = 0
    experts, fused = [], False
    for each in builder.weights:
        embeds, is_head, axis = each.purpose
        size = each.tensor.size * each.times
        inputs += size * embeds
        heads += size * is_head
        if axis is not None and (held := _held(each, axis, builder)):
            experts.append((size, held))
            fused = fused or axis < 0
    if not experts:
        return Said(WeightRoles(inputs, heads) if inputs else None, (), fused)
    idle = _idle(_chosen(builder.scope) or _BY_DESIGN.get(model_type), experts)
    unknown = "a mixture of experts, but no field says how many a token visits"
    warnings = () if idle is not None else (ReportWarning("active_unknown", "", unknown),)
    return Said(WeightRoles(inputs, heads, idle), warnings, fused)


def _held(each: Stands, axis: int, builder: Builder) -> int:
    """Among how many experts a tensor's elements are divided; 0 where it is one for all of them."""
    if axis >= 0:
        return builder.count(each.entry.counts[axis])
    return each.tensor.shape[0] if len(each.tensor.shape) > 1 else 0


def _idle(chosen: int | None, experts: list[tuple[int, int]]) -> int | None:
    """The elements of the experts that a token does not visit; None where nobody knows how many it does."""
    if chosen is None or any(not 0 < chosen <= held for _, held in experts):
        return None
    return sum(size // held * (held - chosen) for size, held in experts)


def of_experts(fields: Iterable[str]) -> list[str]:
    """Those that may say how many experts a token visits."""
    return [field for field in fields if field.rpartition(".")[2] in _CHOSEN]


def _chosen(fields: Scope) -> int | None:
    """How many experts a token visits."""
    held = [(field.rpartition(".")[2], fields[field]) for field in of_experts(fields)]
    for name in _CHOSEN:
        values = {value for own, value in held if own == name and _is_count(value)}
        if len(values) == 1:
            return int(values.pop())
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def differences(payload: Mapping[str, Any], *, fused: bool) -> Iterator[ReportWarning]:
    """Where files of weights hold more, or other names, than the class builds."""
    if payload.get("model_type") in _ALWAYS_TIED and payload.get("tie_word_embeddings") is False:
        detail = (
            "transformers ties lm_head to the embeddings whatever tie_word_embeddings says; "
            "checkpoints hold a separate lm_head, which is not counted"
        )
        yield ReportWarning("checkpoint_differs", "lm_head.weight", detail)
    if fused:
        detail = (
            "the experts of a layer are one tensor here; checkpoints may hold one for each expert: "
            "equal totals, other names"
        )
        yield ReportWarning("checkpoint_differs", "", detail)
    if any(isinstance(payload.get(name), int) and payload[name] for name in _MORE_LAYERS):
        detail = (
            "checkpoints may hold multi-token-prediction layers, which the class does not build: they are not counted"
        )
        yield ReportWarning("checkpoint_differs", "", detail)
    if isinstance(payload.get("quantization_config"), dict):
        detail = "the count is of the model before it is quantized, whatever quantization_config says"
        yield ReportWarning("quantization", "", detail)

"""What a reader of the count must know: what is active per token, what embeds, where checkpoints differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from service.formats.huggingface.expressions import Scope
from service.model import Layer, Notice, Tensor

_EXPERTS = re.compile(r"(?:\w+_)?experts", re.ASCII)
_SHARED = re.compile(r".*shared", re.ASCII)
_INPUT_EMBEDDING = re.compile(r"(^|\.)(embed_tokens|embed_in|wte|word_embeddings|tok_embeddings|shared)\.weight$")
_HEAD = re.compile(r"^(lm_head|embed_out|output_projection)\.weight$")
_CHOSEN = (
    "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "top_k_experts", "moe_k", "top_k",
    "num_selected_experts", "router_top_k", "experts_per_token", "expert_top_k", "num_experts_per_layer",
)  # fmt: skip
"""The fields that hold how many experts a token visits, by the names that configs have for it."""

_MORE_LAYERS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
_ALWAYS_TIED = frozenset(("t5", "mt5", "longt5"))


class Standing(NamedTuple):
    """A tensor, where it stands, and how often."""

    path: str
    tensor: Tensor
    times: int


def standings(layer: Layer, prefix: str = "", times: int = 1) -> Iterator[Standing]:
    """Every tensor of a tree, blocks folded."""
    for tensor in layer.tensors:
        if tensor.role == "weight" and not tensor.tied_to:
            yield Standing(prefix + tensor.name, tensor, times)
    for child in layer.children:
        yield from standings(child, f"{prefix}{child.name}.", times * child.repeat)


def notices(payload: Mapping[str, Any], fields: Scope, root: Layer) -> Iterator[Notice]:
    """What there is to say about the count of a config."""
    found = list(standings(root))
    total = sum(each.tensor.size * each.times for each in found)
    inputs = sum(each.tensor.size * each.times for each in found if _INPUT_EMBEDDING.search(each.path))
    heads = sum(each.tensor.size * each.times for each in found if _HEAD.search(each.path))
    if inputs:
        detail = f"embedding {inputs:,}, non_embedding {total - inputs:,}: without the input embeddings of tokens"
        yield Notice("embedding_split", "", detail + (f"; output embeddings (untied) {heads:,}" if heads else ""))
    yield from _active(fields, found, total, inputs, heads)
    yield from _differences(payload, found)


def _active(fields: Scope, found: list[Standing], total: int, inputs: int, heads: int) -> Iterator[Notice]:
    idle, experts = 0, 0
    for each in found:
        held = _experts(each)
        if not held:
            continue
        chosen = _chosen(fields)
        if chosen is None or not 0 < chosen <= held:
            yield Notice("active_parameters", "", "a mixture of experts, but no field says how many a token visits")
            return
        size = each.tensor.size * each.times
        experts += size
        idle += size // held * (held - chosen)
    if experts:
        active = total - idle
        yield Notice(
            "active_parameters",
            "",
            f"{active:,} active per token: all {total:,} less the routed experts that a token does not visit "
            f"({idle:,}); without input embeddings {active - inputs:,}, without input and output embeddings "
            f"{active - inputs - heads:,}",
        )


def _experts(each: Standing) -> int:
    """Among how many experts a tensor's elements are divided; 0 for a tensor that every token meets."""
    if "experts" not in each.path:
        return 0
    steps = each.path.split(".")
    for place, step in enumerate(steps[:-1]):
        if not _EXPERTS.fullmatch(step) or _SHARED.match(step):
            continue
        below = steps[place + 1]
        if below[0].isdigit():
            first, _, last = below.partition("-")
            return int(last or first) + 1 - int(first) if "," not in below else 0
        return each.tensor.shape[0] if len(each.tensor.shape) > 1 else 0
    return 0


def _chosen(fields: Scope) -> int | None:
    """How many experts a token visits."""
    for name in _CHOSEN:
        values = {value for field, value in fields.items() if field.rpartition(".")[2] == name and _is_count(value)}
        if len(values) == 1:
            return int(values.pop())
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _differences(payload: Mapping[str, Any], found: list[Standing]) -> Iterator[Notice]:
    """Where files of weights hold more, or other names, than the class builds."""
    if payload.get("model_type") in _ALWAYS_TIED and payload.get("tie_word_embeddings") is False:
        detail = (
            "transformers ties lm_head to the embeddings whatever tie_word_embeddings says; "
            "checkpoints hold a separate lm_head, which is not counted"
        )
        yield Notice("checkpoint_differs", "lm_head.weight", detail)
    if any(_experts(each) and not re.search(r"experts\.\d", each.path) for each in found):
        detail = (
            "the experts of a layer are one tensor here; checkpoints may hold one for each expert: "
            "equal totals, other names"
        )
        yield Notice("checkpoint_differs", "", detail)
    if any(isinstance(payload.get(name), int) and payload[name] for name in _MORE_LAYERS):
        detail = (
            "checkpoints may hold multi-token-prediction layers, which the class does not build: they are not counted"
        )
        yield Notice("checkpoint_differs", "", detail)
    if isinstance(payload.get("quantization_config"), dict):
        detail = "the count is of the model before it is quantized, whatever quantization_config says"
        yield Notice("quantization", "", detail)

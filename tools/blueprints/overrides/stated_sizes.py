"""Sizes that a config class derives where a config does not state them, and that the compiler never saw stated."""

from collections.abc import Mapping
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, SetFields

_SIZE = "vision_config.intermediate_size"
_PROJECTOR = "vision_config.projector_bias"
_FREE = (
    f"not {_PROJECTOR}",
    f"{_PROJECTOR} == False",
    "vision_config.hidden_act == 'gelu'",
    "vision_config.layer_scale_init_value == 0.1",
    "vision_config.mlp_ratio == 4.0",
    "vision_config.projection_hidden_dim == 4096",
)


def _list_changes(prefix: str) -> tuple[Change, ...]:
    merger = f"{prefix}vision_tower.merger.linear_"
    biases = (
        f"{merger}1.bias [vision_config.projection_hidden_dim] where {_PROJECTOR}",
        f"{merger}2.bias [vision_config.text_hidden_size] where {_PROJECTOR}",
    )
    derived = f"{_SIZE} = int(vision_config.hidden_size * vision_config.mlp_ratio) where {_SIZE} is None"
    return (
        SetFields({_SIZE: "in"}),
        Replace("rules", rf"{_SIZE} = .*", (derived, f"{_SIZE} = {_SIZE} where not {_SIZE} is None")),
        Remove("given", frozenset(_FREE)),
        Remove("assumed", frozenset(_FREE)),
        Append("tensors", biases),
    )


_VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "text_hidden_size": 48}
_SMALL = {
    "text_config": {"hidden_size": 48, "num_hidden_layers": 18, "n_routed_experts": 4, "moe_intermediate_size": 24},
    "vision_config": _VISION,
}
_STATED: tuple[dict[str, Any], ...] = (
    {},
    {"intermediate_size": 40},
    {"intermediate_size": None, "mlp_ratio": 2.7},
    {"intermediate_size": 72, "mlp_ratio": 3.5, "hidden_act": "relu", "layer_scale_init_value": 0.5},
    {"projection_hidden_dim": 56, "projector_bias": True},
    {"projection_hidden_dim": 56, "spatial_merge_size": 3, "layer_scale_init_value": 0.0},
)

OVERRIDES: Mapping[str, Override] = {
    "inkling2_loop": Override(
        reason=(
            "Inkling2VisionConfig derives intermediate_size only where it is null. Within this config the compiler did "
            "not state it, so it learned that it is always derived. It pinned the sizes of the projector beside it."
        ),
        classes={
            "Inkling2LoopForConditionalGeneration": _list_changes("model."),
            "Inkling2LoopModel": _list_changes(""),
        },
        proofs=tuple(_SMALL | {"vision_config": _VISION | stated} for stated in _STATED),
        refused=tuple(
            _SMALL | {"vision_config": _VISION | {"intermediate_size": value}} for value in (40.5, "40", [40])
        ),
    ),
}

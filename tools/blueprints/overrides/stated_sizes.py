"""Sizes that a config class derives where a config does not state them, and that the compiler never saw stated."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Override, Replace, SetFields

_SIZE = "vision_config.intermediate_size"
_CHANGES = (
    SetFields({_SIZE: "in"}),
    Replace(
        "rules",
        rf"{_SIZE} = .*",
        (
            f"{_SIZE} = int(vision_config.hidden_size * vision_config.mlp_ratio) where {_SIZE} is None",
            f"{_SIZE} = {_SIZE} where not {_SIZE} is None",
        ),
    ),
)
_SMALL = {
    "text_config": {"hidden_size": 48, "num_hidden_layers": 18, "n_routed_experts": 4, "moe_intermediate_size": 24},
    "vision_config": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "text_hidden_size": 48},
}

OVERRIDES: Mapping[str, Override] = {
    "inkling2_loop": Override(
        reason=(
            "Inkling2VisionConfig derives intermediate_size only where it is null. Within this config the compiler did "
            "not state it, so it learned that it is always derived."
        ),
        classes={"Inkling2LoopForConditionalGeneration": _CHANGES, "Inkling2LoopModel": _CHANGES},
        proofs=(
            _SMALL,
            _SMALL | {"vision_config": _SMALL["vision_config"] | {"intermediate_size": 40}},
            _SMALL | {"vision_config": _SMALL["vision_config"] | {"intermediate_size": None}},
        ),
        refused=(
            _SMALL | {"vision_config": _SMALL["vision_config"] | {"intermediate_size": 40.5}},
            _SMALL | {"vision_config": _SMALL["vision_config"] | {"intermediate_size": "40"}},
        ),
    ),
}

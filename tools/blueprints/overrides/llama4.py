"""Llama 4 as it is published: sizes of the vision model, and experts in every second layer."""

from tools.blueprints.overrides.changes import Append, Change, Override, Replace, SetFields

_TEXT_CHANGES: tuple[Change, ...] = (
    Replace("given", r"text_config\.(interleave_moe_layer_step == 1|no_rope_layer_interval == 4)"),
    Append("given", ("text_config.interleave_moe_layer_step > 0", "not text_config.no_rope_layer_interval == 0")),
    SetFields({"text_config.interleave_moe_layer_step": "i", "text_config.no_rope_layer_interval": "i"}),
    SetFields({"text_config.moe_layers": "nIE"}),
)
_VISION_CHANGES: tuple[Change, ...] = (
    Replace(
        "given",
        r"vision_config\.(patch_size == 14|pixel_shuffle_ratio == 0\.5|vision_output_dim == 7680)",
        ("vision_config.patch_size > 0", "vision_config.pixel_shuffle_ratio > 0"),
    ),
    SetFields({"vision_config.pixel_shuffle_ratio": "f"}),
)
_TEXT = {
    "hidden_size": 32, "intermediate_size": 24, "intermediate_size_mlp": 40, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "num_local_experts": 4, "vocab_size": 90,
}  # fmt: skip
_VISION = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "image_size": 28,
    "projector_input_dim": 20, "projector_output_dim": 20, "vision_output_dim": 20,
}  # fmt: skip

OVERRIDE = Override(
    reason=(
        "The compiler varied fields of both configs inside for as long as it had, and these not: vision_output_dim is "
        "the width that Llama4MultiModalProjector takes, interleave_moe_layer_step says which layers have experts "
        "(Llama4TextConfig.moe_layers), and the others size nothing but positions."
    ),
    classes={
        "Llama4ForCausalLM": _TEXT_CHANGES,
        "Llama4ForConditionalGeneration": (*_TEXT_CHANGES, *_VISION_CHANGES),
        "Llama4TextModel": _TEXT_CHANGES,
        "Llama4VisionModel": _TEXT_CHANGES,
    },
    proofs=(
        {"text_config": _TEXT, "vision_config": _VISION},
        {"text_config": {**_TEXT, "interleave_moe_layer_step": 2, "no_rope_layer_interval": 3},
         "vision_config": {**_VISION, "patch_size": 7, "pixel_shuffle_ratio": 0.25, "vision_output_dim": 36}},
        {"text_config": {**_TEXT, "interleave_moe_layer_step": 4}, "vision_config": {**_VISION, "image_size": 56}},
        {"text_config": {**_TEXT, "moe_layers": [0, 2]}, "vision_config": _VISION},
    ),
    refused=(
        {"text_config": {**_TEXT, "interleave_moe_layer_step": 0}, "vision_config": _VISION},
        {"text_config": {**_TEXT, "no_rope_layer_interval": 0}, "vision_config": _VISION},
    ),
)  # fmt: skip

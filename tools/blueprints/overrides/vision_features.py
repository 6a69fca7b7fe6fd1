"""LLaVA and its kin: features of one layer of the vision model, or of several side by side."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Override, Rewrite, SetFields

_LINEAR = "multi_modal_projector.linear_1.weight [text_config.hidden_size; vision_config.hidden_size"
_CHANGES = (
    SetFields({"vision_feature_layer": "iI"}),
    Rewrite(
        "tensors", f"{_LINEAR}]", f"{_LINEAR} * (len(vision_feature_layer) if is_list(vision_feature_layer) else 1)]"
    ),
)
_CLASSES: Mapping[str, tuple[str, ...]] = {
    "llava": ("LlavaForConditionalGeneration", "LlavaModel"),
    "llava_next": ("LlavaNextForConditionalGeneration", "LlavaNextModel"),
    "llava_next_video": ("LlavaNextVideoForConditionalGeneration", "LlavaNextVideoModel"),
    "llava_onevision": ("LlavaOnevisionForConditionalGeneration", "LlavaOnevisionModel"),
    "mistral3": ("Mistral3ForConditionalGeneration", "Mistral3Model"),
    "video_llava": ("VideoLlavaForConditionalGeneration", "VideoLlavaModel"),
}

OVERRIDES: Mapping[str, Override] = {
    model_type: Override(
        reason=(
            "The projector's first layer takes as many vision features side by side as vision_feature_layer lists "
            "(num_feature_layers in the class's multi-modal projector). It asks for the field's type, which the "
            "compiler does not see."
        ),
        classes=dict.fromkeys(names, _CHANGES),
        proofs=(
            {},
            {"vision_feature_layer": -3},
            {"vision_feature_layer": [-2]},
            {"vision_feature_layer": [-24, -20, -12, -1]},
        ),
        refused=({"vision_feature_layer": None}, {"vision_feature_layer": "default"}, {"vision_feature_layer": [[1]]}),
    )
    for model_type, names in _CLASSES.items()
}

"""Parts that a word in the config chooses, of which the compiler drew one only."""

from collections.abc import Mapping, Sequence

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Rewrite


def _clap(prefix: str = "") -> Sequence[Change]:
    kind, fusion = f"{prefix}fusion_type", f"{prefix}enable_fusion"
    mapped = f"{kind} == 'channel_map'"
    return (
        Remove("assumed", frozenset([mapped])),
        Rewrite("tensors", f"where not {kind} is None and {fusion}", f"where {mapped} and {fusion}"),
        Rewrite("tensors", f"where {kind} is None or not {fusion}", f"where not ({mapped} and {fusion})"),
    )


def _internvl(prefix: str, encoder: str) -> Sequence[Change]:
    kind, width, layers = f"{prefix}norm_type", f"{prefix}hidden_size", f"{prefix}num_hidden_layers"
    with_bias = f"{kind} == 'layer_norm'"
    biases = [
        f"{encoder}layer.{{i}}.{name}.bias [{width}] for {layers}" for name in ("layernorm_before", "layernorm_after")
    ]
    return (
        Remove("given", frozenset([with_bias])),
        Append("given", (f"{kind} in ['layer_norm', 'rms_norm']",)),
        Remove("assumed", frozenset([with_bias])),
        *(Rewrite("tensors", bias, f"{bias} where {with_bias}") for bias in biases),
    )


_AUDIO = {
    "patch_embeds_hidden_size": 16, "depths": [1, 2], "num_attention_heads": [2, 4], "hidden_size": 32,
    "num_mel_bins": 16, "spec_size": 64, "aff_block_r": 2, "window_size": 4,
}  # fmt: skip
_AUDIOS = tuple(
    _AUDIO | {"enable_fusion": fusion, "fusion_type": kind}
    for fusion, kind in ((True, "aff_2d"), (True, "channel_map"), (True, None), (False, "aff_2d"))
)
_VISION = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20}
_VISIONS = (
    _VISION,
    _VISION | {"norm_type": "rms_norm"},
    _VISION | {"norm_type": "rms_norm", "use_qk_norm": True, "use_mean_pooling": False, "attention_bias": True},
)
_LANGUAGE = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 24, "vocab_size": 90,
}  # fmt: skip
_FUSION_TYPE = (
    'ClapAudioPatchEmbed takes four times as many channels where fusion_type is "channel_map". The compiler drew no '
    "other word."
)
_NORM_TYPE = (
    'InternVLVisionLayer has layer norms or, where norm_type is "rms_norm", norms without biases. The compiler drew '
    "layer norms only."
)

OVERRIDES: Mapping[str, Override] = {
    "clap": Override(
        reason=_FUSION_TYPE,
        classes={"ClapModel": _clap("audio_config.")},
        proofs=({}, *({"audio_config": audio} for audio in _AUDIOS)),
        refused=({"audio_config": _AUDIO | {"fusion_type": 2}},),
    ),
    "clap_audio_model": Override(
        reason=_FUSION_TYPE,
        classes={"ClapAudioModel": _clap(), "ClapAudioModelWithProjection": _clap()},
        proofs=({}, *_AUDIOS),
        refused=(_AUDIO | {"fusion_type": 2},),
    ),
    "internvl": Override(
        reason=_NORM_TYPE,
        classes={
            "InternVLForConditionalGeneration": _internvl("vision_config.", "model.vision_tower.encoder."),
            "InternVLModel": _internvl("vision_config.", "vision_tower.encoder."),
        },
        proofs=tuple({"vision_config": vision, "text_config": _LANGUAGE} for vision in _VISIONS),
        refused=({"vision_config": _VISION | {"norm_type": "batch_norm"}, "text_config": _LANGUAGE},),
    ),
    "internvl_vision": Override(
        reason=_NORM_TYPE,
        classes={"InternVLVisionModel": _internvl("", "encoder.")},
        proofs=_VISIONS,
        refused=(_VISION | {"norm_type": "batch_norm"},),
    ),
}

"""Models inside a model that the compiler did not look for there: their own blueprints fill the slots."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Change, Override, Remove, Rewrite, SetSlots

_TEXTS = {"llama": "LlamaForCausalLM", "t5": "T5ForConditionalGeneration"}
_BLIP: tuple[Change, ...] = (
    SetSlots({"text_config": {"at": "language_model.", "takes": _TEXTS}}),
    Remove("assumed", frozenset(["qformer_config.tie_word_embeddings or text_config.do_layer_norm_before"])),
)
_VISION = {
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "image_size": 28,
}
_QUERIES = {
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 50,
}
_BLIPS = tuple(
    {"vision_config": _VISION, "qformer_config": _QUERIES, "num_query_tokens": 7, "text_config": text}
    for text in (
        {"model_type": "llama", "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1,
         "num_attention_heads": 2, "vocab_size": 40},
        {"model_type": "t5", "d_model": 16, "d_ff": 20, "d_kv": 4, "num_layers": 1, "num_heads": 3, "vocab_size": 40},
        {"model_type": "t5", "d_model": 24, "d_ff": 20, "d_kv": 4, "num_layers": 1, "num_decoder_layers": 2,
         "num_heads": 3, "vocab_size": 40, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        {"model_type": "opt", "hidden_size": 16, "ffn_dim": 20, "num_hidden_layers": 1, "num_attention_heads": 2,
         "vocab_size": 40},
    )
)  # fmt: skip


def _blip(name: str) -> Override:
    return Override(
        reason=(
            "The class builds whichever language model text_config describes. The compiler looked no further than at "
            "the default, OPT."
        ),
        classes={name: _BLIP},
        proofs=_BLIPS,
        refused=({"text_config": {"model_type": "bert"}},),
    )


_POSE = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 3, "image_size": [256, 192]}
_MATTE = {"hidden_size": 24, "num_attention_heads": 2, "image_size": 64, "num_channels": 4}
_DECODER = {"hidden_size": 24, "fusion_hidden_sizes": [20, 16, 12, 8]}

OVERRIDES: Mapping[str, Override] = {
    "instructblip": _blip("InstructBlipForConditionalGeneration"),
    "instructblipvideo": _blip("InstructBlipVideoForConditionalGeneration"),
    "vitmatte": Override(
        reason=(
            "VitMatteForImageMatting builds the backbone that backbone_config describes. The compiler drew none, and "
            "took blocks of the decoder for its stages."
        ),
        classes={
            "VitMatteForImageMatting": (
                SetSlots({"backbone_config": {"at": "backbone.", "takes": {"vitdet": "VitDetBackbone"}}}),
                *(Rewrite("tensors", f"backbone_config.stage_names[i] == 'stage{i}'", f"i == {i}") for i in (1, 2, 3)),
            )
        },
        proofs=(
            {"backbone_config": {"model_type": "vitdet", **_MATTE, "num_hidden_layers": 2}, **_DECODER},
            {"backbone_config": {"model_type": "vitdet", **_MATTE, "residual_block_indices": [2, 5]}, **_DECODER,
             "convstream_hidden_sizes": [5, 6, 7]},
        ),
        refused=({"backbone_config": {"model_type": "swin"}},),
    ),
    "vitpose": Override(
        reason="VitPoseForPoseEstimation builds the backbone that backbone_config describes. The compiler drew none.",
        classes={
            "VitPoseForPoseEstimation": (
                SetSlots({"backbone_config": {"at": "backbone.", "takes": {"vitpose_backbone": "VitPoseBackbone"}}}),
            )
        },
        proofs=(
            {},
            {"backbone_config": {"model_type": "vitpose_backbone", **_POSE}, "use_simple_decoder": False},
            {"backbone_config": {"model_type": "vitpose_backbone", **_POSE, "num_experts": 3, "part_features": 6,
                                 "out_features": ["stage3"]}, "num_labels": 5},
        ),
        refused=({"backbone_config": {"model_type": "swin"}},),
    ),
}  # fmt: skip

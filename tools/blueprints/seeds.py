"""Changes without which a class does not build, by model type or class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _mix(count: int, rest: str, every_third: str = "full_attention") -> list[str]:
    return [every_third if index % 3 == 2 else rest for index in range(count)]


_INDEXER = {"indexer_n_heads": 4, "indexer_kv_heads": 1, "indexer_head_dim": 256, "indexer_budget": 64,
            "indexer_compress_ratio": 4, "ple_embed_dim": 64}  # fmt: skip

_OF_DIFFUSERS: dict[str, Mapping[str, Any]] = {
    "DreamLiteTransformer2DModel": {"in_channels": 320, "cross_attention_dim": 768},
    "EasyAnimateTransformer3DModel": {"in_channels": 16, "out_channels": 16, "patch_size": 2},
    "HiDreamImageTransformer2DModel": {"patch_size": 2, "in_channels": 16, "caption_channels": [4096, 4096]},
    "HunyuanDiT2DControlNetModel": {"in_channels": 4, "patch_size": 2, "hidden_size": 1408},
    "HunyuanDiT2DModel": {"in_channels": 4, "patch_size": 2, "hidden_size": 1408},
    "LatteTransformer3DModel": {"in_channels": 4, "patch_size": 2, "caption_channels": 4096, "num_layers": 28,
                                "cross_attention_dim": 1152, "attention_head_dim": 72, "attention_bias": True,
                                "norm_type": "ada_norm_single", "norm_elementwise_affine": False,
                                "activation_fn": "gelu-approximate"},
    "LuminaNextDiT2DModel": {"num_kv_heads": 8},
    "TransformerTemporalModel": {"in_channels": 320},
    "ZImageControlNetModel": {"control_layers_places": [0, 2, 4], "control_refiner_layers_places": [0, 1],
                              "control_in_dim": 33},
}  # fmt: skip
"""Components whose arguments have no defaults that a model is built of: as the models that were published have them."""

SEEDS: Mapping[str, Mapping[str, Any]] = {
    "dots1": {"n_shared_experts": 2, "n_routed_experts": 16, "num_experts_per_tok": 4},
    "lfm2_moe": {"num_hidden_layers": 8, "layer_types": _mix(8, "conv")},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "hunyuan_vl_text": {"head_dim": 128},
    "hunyuan_vl": {"text_config.head_dim": 128},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "autoformer": {"prediction_length": 24},
    "informer": {"prediction_length": 24},
    "time_series_transformer": {"prediction_length": 24},
    "esm": {"vocab_size": 33, "mask_token_id": 32, "pad_token_id": 1},
    "moonshine_streaming": {"num_key_value_heads": 8, "head_dim": 128},
    "qwen4_exp_text": _INDEXER,
    "qwen4_exp": {f"text_config.{name}": value for name, value in _INDEXER.items()},
    "gemma4_assistant": {"text_config.hidden_size_per_layer_input": 0},
    "timm_backbone": {"backbone": "resnet18"},
    "ReformerModelWithLMHead": {"is_decoder": True},
    "BeitForSemanticSegmentation": {"out_indices": [3, 5, 7, 11]},
    "T5GemmaEncoderModel": {"is_encoder_decoder": False},
    "Wav2Vec2ConformerForCTC": {"vocab_size": 32},
    "Wav2Vec2BertForCTC": {"vocab_size": 32},
    **_OF_DIFFUSERS,
}

"""Configs that bring modules which the defaults leave out, where no change of one field does, by model type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EXPERTS = {"enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 64}
_TOWERS = {"vision_config": {"model_type": "gemma4_vision"}, "audio_config": {"model_type": "gemma4_audio"}}
_DENSE = {"num_hidden_layers": 2, "mlp_layer_types": ["dense", "sparse"]}
_LANGUAGES = {"adapter_attn_dim": 16, "do_stable_layer_norm": True}
_NARROWER = {"add_adapter": True, "output_hidden_size": 512}
_CROSS_ATTENTION = {"is_decoder": True, "add_cross_attention": True}

ALTERNATIVES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "gemma4_text": (_EXPERTS,),
    "gemma4": (_TOWERS | {f"text_config.{name}": value for name, value in _EXPERTS.items()},),
    "bamba": ({"attn_layer_indices": [1]},),
    "lfm2": ({"num_hidden_layers": 2, "layer_types": ["conv", "full_attention"]},),
    "mellum": (_DENSE,),
    "minimax_m3_vl_text": (_DENSE,),
    "minimax_m3_vl": ({f"text_config.{name}": value for name, value in _DENSE.items()},),
    "muse_spark_text": (_DENSE,),
    "muse_spark": ({f"text_config.{name}": value for name, value in _DENSE.items()},),
    "wav2vec2": (_LANGUAGES, _NARROWER),
    "hubert": (_LANGUAGES,),
    "unispeech": (_LANGUAGES,),
    "unispeech-sat": (_LANGUAGES,),
    "wav2vec2-bert": (
        _NARROWER | {"use_intermediate_ffn_before_adapter": True},
        {"position_embeddings_type": "relative"},
    ),
    "wav2vec2-conformer": (_NARROWER,),
    "tapas": (_CROSS_ATTENTION,),
}

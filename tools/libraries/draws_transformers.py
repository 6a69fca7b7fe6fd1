"""Random configs of transformers that are built by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.libraries.fields import Draw, fields

_ACTIVATIONS = ["gelu", "gelu-approximate", "geglu", "geglu-approximate", "swiglu", "linear-silu"]
_KINDS = ["full_attention", "sliding_attention"]

_FACE: dict[str, list[Any]] = {
    "cross_attn_interval": [1, 3, 4], "cross_attn_dim_head": [6], "cross_attn_num_heads": [3], "LFE_id_dim": [7],
    "LFE_vit_dim": [10], "LFE_depth LFE_num_scale": [(2, 1), (4, 2), (6, 3), (5, 2)], "LFE_dim_head": [3],
    "LFE_num_heads": [2], "LFE_num_id_token": [2], "LFE_num_querie": [4], "LFE_output_dim": [9], "LFE_ff_mult": [2],
}  # fmt: skip

DRAWS: Mapping[str, Draw] = {
    "AceStepTransformer1DModel": fields(
        {"hidden_size": [8, 12], "intermediate_size": [6, 10], "num_hidden_layers": [1, 2, 4],
         "num_attention_heads": [2, 4], "num_key_value_heads": [1, 2], "head_dim": [4, 6]},
        {"in_channels": [5], "audio_acoustic_hidden_dim": [7], "patch_size": [1, 3], "attention_bias": [True],
         "layer_types": [_KINDS, _KINDS * 2], "encoder_hidden_size": [9], "is_turbo": [True],
         "model_version": ["turbo"]},
    ),
    "ConsisIDTransformer3DModel": fields(
        {"num_attention_heads attention_head_dim": [(2, 16), (1, 16), (3, 16), (4, 4), (2, 9)],
         "num_layers": [1, 2, 5], "LFE_vit_dim": [12], "time_embed_dim": [6, 14]},
        {"in_channels": [4], "out_channels": [3], "text_embed_dim": [7], "attention_bias": [False],
         "sample_width sample_height sample_frames": [(20, 12, 9), (7, 9, 13)], "patch_size": [1, 3],
         "temporal_compression_ratio": [1, 8], "max_text_seq_length": [11], "activation_fn": _ACTIVATIONS,
         "timestep_activation_fn": ["gelu", "relu", "mish"], "norm_elementwise_affine": [False],
         "use_rotary_positional_embeddings": [True, True, False], "use_learned_positional_embeddings": [True],
         "is_train_face": [True], **_FACE},
    ),
}  # fmt: skip

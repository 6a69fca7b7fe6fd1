"""Random configs of transformers that are built by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.libraries.fields import Draw, fields

_ACTIVATIONS = ["gelu", "gelu-approximate", "geglu", "geglu-approximate", "swiglu", "linear-silu"]
_KINDS = ["full_attention", "sliding_attention"]

_FACTORS: dict[str, Any] = {"short_factor": [1.0], "long_factor": [2.0]}

_STRATEGIES = ["leave_first_three_blocks_dense", "leave_first_block_dense", "all_moe", "all_dense"]
_SANA: dict[str, list[Any]] = {
    "num_attention_heads attention_head_dim": [(2, 12), (3, 8), (1, 6), (3, 5)],
    "num_cross_attention_heads cross_attention_head_dim": [(2, 4), (3, 5)], "cross_attention_dim": [9, 12, None],
    "num_layers": [1, 2, 3], "caption_channels": [7], "mlp_ratio": [2.5, 3],
}  # fmt: skip
_SANA_OPTIONS: dict[str, list[Any]] = {
    "in_channels": [4], "out_channels": [3, None], "attention_bias": [True], "norm_elementwise_affine": [True],
}  # fmt: skip

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
    "BriaFibo2Transformer2DModel": fields(
        {"dim n_heads": [(64, 4), (48, 3), (300, 7), (24, 1), (32, 2), (56, 3)], "n_layers": [1, 2, 5],
         "n_refiner_layers": [1, 3], "cap_feat_dim": [9, 40], "max_num_gist_tokens": [4, 512]},
        {"in_channels": [3], "patch_size": [1, 3], "injection_layer_ids": [[], [0], [1, 3], [9, 2], [-1]],
         "perceiver_num_layers": [1, 4], "gist_step": [8], "axes_dims": [[8, 12], [8, 12, 12]],
         "axes_lens": [[8, 12], [8, 12, 12]]},
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
    "HiDreamImageTransformer2DModel": fields(
        {"num_attention_heads attention_head_dim": [(1, 8), (2, 6), (10, 32), (7, 64)], "num_layers": [1, 2, 3],
         "num_single_layers": [1, 2, 4], "caption_channels": [[4, 6], [5, 5], [6, 4, 3], [4], None],
         "patch_size": [2, 1]},
        {"in_channels": [16], "out_channels": [3, None], "text_emb_dim": [9], "num_routed_experts": [0, 1, 3],
         "num_activated_experts": [1], "llama_layers": [[0, 1]], "max_resolution": [[8, 8]]},
    ),
    "OmniGenTransformer2DModel": fields(
        {"hidden_size num_attention_heads num_key_value_heads": [(16, 4, 2), (24, 2, 2), (36, 5, 1), (8, 1, 1),
                                                                  (30, 3, 3)],
         "intermediate_size": [6, 10], "num_layers": [1, 2, 4], "pos_embed_max_size": [8, 16],
         "rope_scaling": [*[_FACTORS] * 4, _FACTORS | {"type": "su"}, {"type": "su"}, None],
         "vocab_size pad_token_id": [(32064, 32000), (9, 3), (9, None), (9, -9), (9, 9)]},
        {"in_channels": [16], "patch_size": [1], "time_step_dim": [8], "timestep_activation_fn": ["gelu"]},
    ),
    "Krea2Transformer2DModel": fields(
        {"attention_head_dim num_attention_heads num_key_value_heads axes_dims_rope":
             [(8, 3, 1, [2, 2, 4]), (6, 2, 2, [2, 2, 2]), (6, 4, 2, [4, 2]), (7, 2, None, [1, 2, 4]),
              (8, 1, 1, [4, 2])],
         "num_layers": [1, 2, 4], "intermediate_size": [10], "text_hidden_dim": [12, 18],
         "text_num_attention_heads text_num_key_value_heads": [(3, 1), (6, 6), (2, 1), (2, None), (5, 5)]},
        {"in_channels": [5], "timestep_embed_dim": [8], "num_text_layers": [3], "text_intermediate_size": [7],
         "num_layerwise_text_blocks": [1, 3], "num_refiner_text_blocks": [1, 3]},
    ),
    "NucleusMoEImageTransformer2DModel": fields(
        {"attention_head_dim num_attention_heads num_key_value_heads": [(16, 4, 2), (8, 3, None), (40, 2, 1)],
         "num_layers": [1, 2, 5, 6], "joint_attention_dim": [10], "mlp_ratio": [4.0, 8, 15.5],
         "dense_moe_strategy": [*_STRATEGIES, "leave_first_three_and_last_block_dense"], "num_experts": [3, 5],
         "moe_intermediate_dim": [7]},
        {"patch_size": [1], "in_channels": [6], "out_channels": [4], "axes_dims_rope": [[4, 2, 2], [4, 2], [4, 3, 2]],
         "moe_enabled": [False], "capacity_factors": [2.0, [1.0] * 6, [1.0]]},
    ),
    "OvisImageTransformer2DModel": fields(
        {"attention_head_dim num_attention_heads": [(8, 2), (6, 3)], "num_layers": [1, 3],
         "num_single_layers": [1, 2]},
        {"patch_size": [2], "in_channels": [6], "out_channels": [4, None], "joint_attention_dim": [10],
         "axes_dims_rope": [[2, 2, 4]]},
    ),
    "PRXTransformer2DModel": fields(
        {"hidden_size num_heads axes_dim": [(64, 1, None), (24, 3, [4, 4]), (24, 2, [4, 4, 4]), (25, 5, [5]),
                                            (24, 3, [4, 2]), (24, 5, [2, 2])], "depth": [1, 2, 4]},
        {"in_channels": [3], "patch_size": [1], "context_in_dim": [7], "mlp_ratio": [2.5, 4], "bottleneck_size": [9],
         "resolution_embeds": [True]},
    ),
    "SanaControlNetModel": fields(
        {**_SANA, "patch_size": [1, 2]}, {**_SANA_OPTIONS, "interpolation_scale": [1], "sample_size": [16]}
    ),
    "SanaVideoTransformer3DModel": fields(
        {**_SANA, "patch_size": [[1, 2, 2], [1, 1, 1], [2, 1, 3]]},
        {**_SANA_OPTIONS, "guidance_embeds": [True], "qk_norm": [None]},
    ),
    "StableAudioDiTModel": fields(
        {"attention_head_dim num_attention_heads num_key_value_attention_heads": [(4, 3, 1), (8, 2, 2), (6, 4, 2)],
         "num_layers": [1, 2, 4], "cross_attention_dim": [7, 12]},
        {"in_channels": [5], "out_channels": [6], "time_proj_dim": [8], "global_states_input_dim": [9],
         "cross_attention_input_dim": [11], "sample_size": [8]},
    ),
    "LatteTransformer3DModel": fields(
        {"num_attention_heads attention_head_dim": [(2, 8), (1, 12), (3, 4), (4, 2), (1, 6)], "in_channels": [4, 3],
         "patch_size": [2, 1], "caption_channels": [7, 7, 7, None], "norm_type": ["layer_norm", "ada_norm_single"],
         "num_layers": [1, 2, 4], "sample_size": [16]},
        {"out_channels": [6], "cross_attention_dim": [9], "attention_bias": [True], "activation_fn": _ACTIVATIONS,
         "norm_elementwise_affine": [False], "video_length": [3]},
    ),
    "StableAudio3DiTModel": fields(
        {"embed_dim num_heads": [(12, 3), (16, 2), (21, 2), (10, 1), (9, 2), (3, 2)], "depth": [1, 2, 4]},
        {"io_channels": [5], "patch_size": [2], "cond_token_dim": [7], "global_cond_dim": [9],
         "local_add_cond_dim": [4], "timestep_features_dim": [8], "ff_mult": [2.5, 3], "num_memory_tokens": [0, 3],
         "use_differential_attention": [False]},
    ),
    "ZImageTransformer2DModel": fields(
        {"dim n_heads axes_dims axes_lens": [
            (16, 2, [4, 4], [5, 6]), (300, 7, [40, 2], [1, 2]), (24, 3, [8], [9]), (9, 2, [4], [3]),
            (24, 3, [4, 2], [5, 6]), (24, 3, [4, 4], [5])],
         "n_layers": [0, 1, 3], "all_patch_size all_f_patch_size": [([2, 4], [1, 1]), ([2], [3]), ([1, 2], [2])]},
        {"n_refiner_layers": [0, 1, 3], "in_channels": [4], "cap_feat_dim": [6], "siglip_feat_dim": [5],
         "qk_norm": [False], "n_kv_heads": [1]},
    ),
}  # fmt: skip

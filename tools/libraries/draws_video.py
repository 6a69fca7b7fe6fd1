"""Random configs of the transformers of video: Wan's family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.libraries.fields import Draw, fields

_PATCHES = [[1, 2, 2], [1, 1, 1], [2, 2, 1], [1, 2, 3], 2]
_WAN: dict[str, list[Any]] = {
    "num_attention_heads": [1, 2, 3], "attention_head_dim": [12, 24, 20, 6, 12, 4, 18, 7], "in_channels": [4, 16, 36],
    "out_channels": [4, 16, None], "text_dim": [10], "freq_dim": [8, 32], "ffn_dim": [6, 48],
    "num_layers": [1, 2, 5], "patch_size": [*_PATCHES[:4] * 3, *_PATCHES[4:]],
}  # fmt: skip
_WAN_OPTIONS: dict[str, list[Any]] = {
    "cross_attn_norm": [False], "image_dim": [9], "added_kv_proj_dim": [7], "pos_embed_seq_len": [5], "qk_norm": [None],
}  # fmt: skip
_CHANNELS = {str(2**power): 3 + power for power in range(2, 7)}

_KANDINSKY: dict[str, list[Any]] = {
    "in_visual_dim": [3, 16], "out_visual_dim": [3, 16], "in_text_dim": [7], "in_text_dim2": [5],
    "time_dim": [6, 14], "ff_dim": [10], "num_text_blocks": [1, 2], "num_visual_blocks": [1, 3],
    "model_dim axes_dims": [(24, [2, 2, 4]), (24, [4, 4, 4]), (36, [2, 4]), (12, [1, 2, 3]), (9, [1, 1, 1])],
}  # fmt: skip
_JOYIMAGE = fields(
    {"hidden_size num_attention_heads": [(12, 3), (16, 2), (10, 1), (10, 3)], "num_layers": [1, 2, 4]},
    {"patch_size": [[1, 1, 1], [2, 1, 3]], "in_channels": [4], "out_channels": [3], "text_dim": [7],
     "mlp_width_ratio": [2.5, 3], "rope_dim_list": [[4, 4, 4]], "rope_type": ["other"], "theta": [10]},
)  # fmt: skip

DRAWS: Mapping[str, Draw] = {
    "JoyImageEditPlusTransformer3DModel": _JOYIMAGE,
    "JoyImageEditTransformer3DModel": _JOYIMAGE,
    "Kandinsky5Transformer3DModel": fields(
        _KANDINSKY, {"visual_cond": [True], "patch_size": [[1, 1, 1], [2, 2, 3]], "attention_type": ["nabla"],
                     "attention_window": [3]},
    ),
    "Kandinsky6Transformer3DModel": fields(
        _KANDINSKY,
        {"visual_cond": [False], "patch_size": [[1, 1, 1], [2, 2, 3]], "in_audio_dim": [3], "out_audio_dim": [4],
         "model_dim_a axes_dims_a": [(16, [2, 2, 4]), (8, [4, 2, 2])], "time_dim_a": [4, 8], "ff_dim_a": [11],
         "ca_rope": [True], "cross_gates": [True], "fix_modulation": [True],
         "visual_token_type_num_embeddings": [3, None]},
    ),
    "AnyFlowTransformer3DModel": fields(_WAN, {"cross_attn_norm": [False], "image_dim": [9], "gate_value": [0.5]}),
    "AnyFlowFARTransformer3DModel": fields(
        _WAN | {"patch_size": _PATCHES[:4]},
        {"cross_attn_norm": [False], "image_dim": [9], "compressed_patch_size": [[1, 2, 2], [2, 4, 3]],
         "chunk_partition": [[1, 2]]},
    ),
    "ChronoEditTransformer3DModel": fields(_WAN, {**_WAN_OPTIONS, "rope_temporal_skip_len": [4]}),
    "HeliosTransformer3DModel": fields(
        _WAN | {"history_scale_mode": ["per_head", "scalar", "per_head", "scalar", "none"]},
        {"cross_attn_norm": [False], "added_kv_proj_dim": [7], "rope_dim": [[4, 2, 2], [2, 4]],
         "guidance_cross_attn": [False], "has_multi_term_memory_patch": [False], "is_amplify_history": [True]},
    ),
    "MotifVideoTransformer3DModel": fields(
        {"num_attention_heads": [1, 2, 3], "attention_head_dim": [8, 6], "num_layers": [1, 2, 4],
         "num_single_layers": [1, 2, 5], "num_decoder_layers": [0, 0, 1, 3, 7]},
        {"in_channels": [4], "out_channels": [3, None], "mlp_ratio": [2.5, 3], "patch_size": [1], "patch_size_t": [2],
         "text_embed_dim": [7], "image_embed_dim": [9], "enable_text_cross_attention_dual": [True],
         "enable_text_cross_attention_single": [True], "qk_norm": ["rms_norm", "rms_norm", "layer_norm"]},
    ),
    "SkyReelsV2Transformer3DModel": fields(_WAN, {**_WAN_OPTIONS, "inject_sample_info": [True]}),
    "WanAnimate2Transformer3DModel": fields(
        {"dim num_heads": [(12, 2), (24, 4), (20, 5), (15, 5), (14, 4)], "in_dim": [4, 36], "out_dim": [3, 16],
         "ffn_dim": [6, 48], "freq_dim": [8, 32], "text_dim": [10], "num_layers": [1, 2, 4],
         "patch_size": _PATCHES[:5]},
        {"cross_attn_norm": [False], "use_img_emb": [False], "refer_stride": [2]},
    ),
    "WanAnimateTransformer3DModel": fields(
        {**{name: values for name, values in _WAN.items() if name != "in_channels"},
         "in_channels latent_channels": [(36, 16), (12, 4), (None, 4), (13, None), (12, 5), (None, None)],
         "motion_encoder_size": [512, 4, 8, 64, 48]},
        {**_WAN_OPTIONS, "motion_style_dim": [6], "motion_dim": [3], "motion_encoder_dim": [5],
         "face_encoder_hidden_dim": [8], "face_encoder_num_heads": [2], "inject_face_latents_blocks": [1, 2],
         "motion_encoder_channel_sizes": [_CHANNELS]},
    ),
    "WanVACETransformer3DModel": fields(
        {**_WAN, "vace_layers": [[0], [0, 1], [0, 1, 4], [1], [0, 0]], "vace_in_channels": [6, 12]}, _WAN_OPTIONS
    ),
}  # fmt: skip

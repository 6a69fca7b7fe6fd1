"""Random configs of the transformer of Cosmos, and of its control net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.libraries.fields import Draw, fields

_SIZES: dict[str, list[Any]] = {
    "num_attention_heads": [1, 2, 3], "attention_head_dim": [12, 13, 4, 16, 24, 1, 9], "text_embed_dim": [6, 10],
    "adaln_lora_dim": [4, 8], "in_channels": [3, 16], "mlp_ratio": [4.0, 2.5, 2, 0.7],
    "patch_size": [[1, 2, 2], [1, 1, 1], [2, 1, 3]], "max_size": [[128, 240, 240], [8, 9, 7], [4, 6, 8]],
    "rope_scale": [[2.0, 1.0, 1.0], [1.0, 3.0, 3.0]],
}  # fmt: skip
_OPTIONS: dict[str, list[Any]] = {
    "extra_pos_embed_type": ["learnable", None], "use_crossattn_projection": [True], "crossattn_proj_in_channels": [9],
    "encoder_hidden_states_channels": [5], "img_context_dim_in": [7], "img_context_dim_out": [11],
}  # fmt: skip

DRAWS: Mapping[str, Draw] = {
    "CosmosControlNetModel": fields(
        {**_SIZES, "n_controlnet_blocks": [1, 2, 4], "model_channels": [24, 7], "latent_channels": [3, 18]}, _OPTIONS
    ),
    "CosmosTransformer3DModel": fields(
        {**_SIZES, "out_channels": [3, 16], "num_layers": [1, 2, 4]},
        {**_OPTIONS, "concat_padding_mask": [False], "controlnet_block_every_n": [1], "img_context_num_tokens": [3]},
    ),
}

"""Random small configs of the UNets of diffusers that have blocks of their own."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from tools.libraries.draws_unets import some


def _draw_kandinsky(chance: random.Random) -> dict[str, Any]:
    groups = chance.choice([1, 2])
    return {
        "block_out_channels": [4 * groups * chance.choice([1, 2, 3]) for _ in range(chance.choice([1, 2, 3, 4, 4]))],
        "groups": groups, "layers_per_block": chance.choice([1, 2, 3, 4]), "time_embedding_dim": 6,
        "cross_attention_dim": chance.choice([3, 5]), "encoder_hid_dim": chance.choice([4, 5]),
    } | some(chance, {"in_channels": [3], "attention_head_dim": [2]})  # fmt: skip


def _draw_cascade(chance: random.Random) -> dict[str, Any]:
    count = chance.choice([1, 2, 3, 4])
    kinds = ["SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock"]

    def numbers(*values: int) -> list[int]:
        return [chance.choice(values) for _ in range(count)]

    return {
        "block_out_channels": numbers(4, 6, 8), "num_attention_heads": numbers(1, 2, 3),
        "down_num_layers_per_block": numbers(1, 2, 3), "up_num_layers_per_block": numbers(1, 2, 3),
        "down_blocks_repeat_mappers": numbers(1, 2, 3), "up_blocks_repeat_mappers": numbers(1, 2, 3),
        "block_types_per_layer": [
            kinds if chance.random() < 0.5 else [chance.choice(kinds) for _ in range(chance.choice([1, 2]))]
            for _ in range(count)
        ],
        "conditioning_dim": 5, "clip_text_pooled_in_channels": 3, "dropout": chance.choice([0.1, [0.0] * count]),
    } | some(chance, {
        "in_channels": [3], "out_channels": [3], "timestep_ratio_embedding_dim": [6], "patch_size": [2],
        "clip_text_in_channels": [7], "clip_image_in_channels": [2], "clip_seq": [2], "effnet_in_channels": [3],
        "pixel_mapper_in_channels": [3], "kernel_size": [1, 5], "self_attn": [False, [True] * count],
        "timestep_conditioning_type": [["sca"], [], ["crp", "sca"]], "switch_level": [[True] * (count - 1)],
        "dropout": [0.1, [0.1] * count, 0], "num_attention_heads": [[-1] * count],
    })  # fmt: skip


def _draw_uvit(chance: random.Random) -> dict[str, Any]:
    return {
        "hidden_size": chance.choice([4, 6]), "block_out_channels": chance.choice([4, 6]),
        "in_channels": chance.choice([3, 5]), "vocab_size": 9, "codebook_size": 7, "intermediate_size": 10,
        "num_hidden_layers": chance.choice([1, 2]), "num_attention_heads": chance.choice([1, 2, 3]),
        "block_num_heads": chance.choice([1, 2, 3]), "num_res_blocks": chance.choice([1, 2]),
        "cond_embed_dim": 5, "micro_cond_embed_dim": 6, "encoder_hidden_size": chance.choice([4, 8]),
    } | some(chance, {
        "use_bias": [True], "ln_elementwise_affine": [False], "downsample": [True], "upsample": [True],
        "micro_cond_encode_dim": [3], "sample_size": [8],
    }, 0.5)  # fmt: skip


def _draw_1d(chance: random.Random) -> dict[str, Any]:
    count = chance.choice([1, 2, 3])
    kinds = ["{}Block1DNoSkip", "{}Block1D", "Attn{}Block1D", "{}ResnetBlock1D"]
    return {
        "block_out_channels": [chance.choice([8, 16, 32]) for _ in range(count)],
        "down_block_types": [chance.choice(kinds).format("Down") for _ in range(count)],
        "up_block_types": [chance.choice(kinds).format("Up") for _ in range(count)], "out_channels": 8,
        "act_fn": chance.choice(["mish", "silu", "mish", "gelu", None]),
    } | some(chance, {
        "in_channels": [3], "extra_in_channels": [2], "time_embedding_type": ["positional"],
        "time_embedding_dim": [6, 5], "use_timestep_embedding": [True],
        "mid_block_type": ["MidResTemporalBlock1D", "ValueFunctionMidBlock1D"], "layers_per_block": [2, 3],
        "out_block_type": ["OutConv1DBlock", "ValueFunction"], "norm_num_groups": [4, 4, 3, None],
        "downsample_each_block": [True],
    }, 0.4)  # fmt: skip


DRAWS_OF_MORE_UNETS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "Kandinsky3UNet": _draw_kandinsky,
    "StableCascadeUNet": _draw_cascade,
    "UNet1DModel": _draw_1d,
    "UVit2DModel": _draw_uvit,
}

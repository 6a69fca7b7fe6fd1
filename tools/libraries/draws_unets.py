"""Random small configs of UNets, ControlNets and small components of diffusers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any


def some(chance: random.Random, options: Mapping[str, list[Any]], share: float = 0.3) -> dict[str, Any]:
    """Some of the options, each with one of its values."""
    return {name: chance.choice(values) for name, values in options.items() if chance.random() < share}


def each_or_one(chance: random.Random, count: int, *values: int) -> int | list[int]:
    """One of the values, or a list of so many."""
    one = chance.random() < 0.6
    return chance.choice(values) if one else [chance.choice(values) for _ in range(count)]


def _draw_blocks(chance: random.Random, unit: int, down: list[str], up: list[str]) -> dict[str, Any]:
    """Blocks whose widths are multiples of a unit."""
    count = chance.choice([1, 2, 3, 4])
    return {
        "block_out_channels": [unit * chance.choice([1, 2, 3]) for _ in range(count)],
        "down_block_types": [chance.choice(down) for _ in range(count)],
        "up_block_types": [chance.choice(up) for _ in range(count)],
        "in_channels": chance.choice([1, 4, 5]), "out_channels": chance.choice([1, 3]),
    }  # fmt: skip


def _draw_spatio_temporal(chance: random.Random) -> dict[str, Any]:
    down, up = ([f"{end}BlockSpatioTemporal", f"CrossAttn{end}BlockSpatioTemporal"] for end in ("Down", "Up"))
    config = _draw_blocks(chance, 32, down, up)
    count = len(config["block_out_channels"])
    config |= {
        "num_attention_heads": each_or_one(chance, count, 1, 2, 3, 5),
        "cross_attention_dim": each_or_one(chance, count, 5, 6),
        "layers_per_block": each_or_one(chance, count, 1, 2, 3),
    }
    return config | some(chance, {
        "transformer_layers_per_block": [2, each_or_one(chance, count, 1, 2)],
        "projection_class_embeddings_input_dim": [7, 12], "addition_time_embed_dim": [6], "sample_size": [8],
        "num_frames": [3],
    })  # fmt: skip


def _draw_3d(chance: random.Random) -> dict[str, Any]:
    down, up = ([f"{end}Block3D", f"CrossAttn{end}Block3D"] for end in ("Down", "Up"))
    groups = chance.choice([2, 4, 8])
    config = _draw_blocks(chance, groups, down, up)
    count = len(config["block_out_channels"])
    heads = each_or_one(chance, count, 2, 3, 4) if chance.random() < 0.2 else chance.choice([1, 2, 3, 4])
    config |= {"attention_head_dim": heads, "cross_attention_dim": chance.choice([5, 6]), "norm_num_groups": groups}
    return config | some(chance, {
        "layers_per_block": [1, 3], "time_cond_proj_dim": [6], "norm_num_groups": [3, 2, None], "act_fn": ["gelu"],
        "num_attention_heads": [None, None, None, 2],
    })  # fmt: skip


DRAWS_OF_UNETS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "I2VGenXLUNet": _draw_3d,
    "UNet3DConditionModel": _draw_3d,
    "UNetSpatioTemporalConditionModel": _draw_spatio_temporal,
}

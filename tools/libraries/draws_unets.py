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


def _draw_nested(chance: random.Random, layers: list[int]) -> list[Any]:
    """A number, or numbers for each layer, of each block."""
    return [
        chance.choice([0, 1, 2]) if chance.random() < 0.5 else [chance.choice([1, 2]) for _ in range(count)]
        for count in layers
    ]


def _draw_motion(chance: random.Random) -> dict[str, Any]:
    down, up = ([f"{end}BlockMotion", f"CrossAttn{end}BlockMotion"] for end in ("Down", "Up"))
    groups = chance.choice([2, 4, 8])
    config = _draw_blocks(chance, groups, down, up)
    count = len(config["block_out_channels"])
    layers = each_or_one(chance, count, 1, 2, 3)
    listed = layers if isinstance(layers, list) else [layers] * count
    config |= {
        "norm_num_groups": groups,
        "layers_per_block": layers,
        "cross_attention_dim": each_or_one(chance, count, 5, 6),
        "num_attention_heads": each_or_one(chance, count, 1, 2, 3),
        "motion_num_attention_heads": each_or_one(chance, count, 1, 2, 2),
        "mid_block_layers": chance.choice([1, 2]),
    }
    for name in ("transformer_layers_per_block", "temporal_transformer_layers_per_block"):
        if chance.random() < 0.3:
            config[name] = each_or_one(chance, count, 0, 1, 2)
        elif chance.random() < 0.4:
            config[name] = _draw_nested(chance, listed)
        if chance.random() < 0.3:
            config[f"reverse_{name}"] = _draw_nested(chance, [layer + 1 for layer in reversed(listed)])
    for name in ("transformer_layers_per_mid_block", "temporal_transformer_layers_per_mid_block"):
        if chance.random() < 0.3:
            config[name] = each_or_one(chance, config["mid_block_layers"], 0, 1, 2)
    return config | some(chance, {
        "use_linear_projection": [True], "motion_max_seq_length": [8], "use_motion_mid_block": [False],
        "addition_embed_type": ["text_time"], "addition_time_embed_dim": [4], "time_cond_proj_dim": [6],
        "projection_class_embeddings_input_dim": [9], "encoder_hid_dim": [4],
    })  # fmt: skip


def _draw_sparse(chance: random.Random) -> dict[str, Any]:
    config = _draw_motion(chance)
    count = len(config["block_out_channels"])
    config |= {"layers_per_block": chance.choice([1, 2]), "num_attention_heads": None}
    config |= {"attention_head_dim": each_or_one(chance, count, 1, 2, 3)}
    for name in ("transformer_layers_per_block", "temporal_transformer_layers_per_block"):
        if chance.random() < 0.4:
            config[name] = _draw_nested(chance, [config["layers_per_block"]] * count)
    return config | some(chance, {
        "num_attention_heads": [2, [1] * count], "conditioning_channels": [3],
        "resnet_time_scale_shift": ["scale_shift"],
        "conditioning_embedding_out_channels": [[3, 4], [5]], "concat_conditioning_mask": [False],
        "use_simplified_condition_embedding": [False], "only_cross_attention": [True, [True] * count],
        "transformer_layers_per_mid_block": [2, [1], [1, 2], [2], 0],
    })  # fmt: skip


def _draw_motion_adapter(chance: random.Random) -> dict[str, Any]:
    count, groups = chance.choice([1, 2, 3, 4]), chance.choice([2, 4])
    middle = chance.choice([1, 2])
    return some(chance, {
        "motion_transformer_layers_per_block": [2, each_or_one(chance, count, 0, 1, 2), [[1] * 2] * count],
        "motion_transformer_layers_per_mid_block": [2, each_or_one(chance, middle, 1, 2), [1, 2]],
        "motion_max_seq_length": [6], "use_motion_mid_block": [False], "conv_in_channels": [9, None],
    }, 0.5) | {
        "block_out_channels": [groups * chance.choice([1, 2, 3]) for _ in range(count)],
        "motion_layers_per_block": each_or_one(chance, count, 1, 2, 3), "motion_norm_num_groups": groups,
        "motion_mid_block_layers_per_block": middle, "motion_num_attention_heads": each_or_one(chance, count, 1, 2),
    }  # fmt: skip


def _kinds(end: str, *prefixes: str) -> list[str]:
    return [f"{prefix}{end}Block2D" for prefix in prefixes]


def _draw_plain(chance: random.Random) -> dict[str, Any]:
    skip = chance.random() < 0.2
    prefixes = ["Skip", "AttnSkip", "UNetResAttnSkip"] if skip else ["", "Attn", "UNetRes", "UNetResAttn"]
    groups = 32 if skip else chance.choice([2, 4, 8])
    down, up = (_kinds(end, *prefixes) for end in ("Down", "Up"))
    if not skip:
        down, up = [*down, "ResnetDownsampleBlock2D"], [*up, "ResnetUpsampleBlock2D"]
    config = _draw_blocks(chance, groups, down, up)
    return config | {"norm_num_groups": groups} | some(chance, {
        "attention_head_dim": [1, 2, 3, None], "layers_per_block": [1, 3], "resnet_time_scale_shift": ["scale_shift"],
        "time_embedding_dim": [12], "num_class_embeds": [5], "class_embed_type": ["timestep", "identity"],
        "mid_block_type": [None], "add_attention": [False], "attn_norm_num_groups": [2, 1],
        "time_embedding_type": ["fourier", "learned"], "num_train_timesteps": [7], "downsample_type": ["resnet"],
        "upsample_type": ["resnet"],
    }) | ({"attention_head_dim": 2} if chance.random() < 0.5 else {}) | (
        {"norm_num_groups": None} if chance.random() < (0.5 if skip else 0.05) else {}
    )  # fmt: skip


def _draw_controlnet(chance: random.Random) -> dict[str, Any]:
    """Also what UNet2DConditionModel shares."""
    kinds = ["", "CrossAttn", "CrossAttn", "Attn", "SimpleCrossAttn", "UNetRes"]
    if chance.random() < 0.15:
        kinds = ["K", "KCrossAttn"]
    groups = chance.choice([2, 4, 8])
    if chance.random() < 0.05:
        kinds, groups = ["Skip", "AttnSkip", "CrossAttn"], 32
    config = _draw_blocks(chance, groups, _kinds("Down", *kinds), _kinds("Up", *kinds))
    count = len(config["block_out_channels"])
    layers = chance.choice([1, 2])
    config |= {
        "norm_num_groups": groups,
        "attention_head_dim": each_or_one(chance, count, 1, 2, 2, 3),
        "layers_per_block": layers,
        "cross_attention_dim": chance.choice([6, 6, 32]),
        "transformer_layers_per_block": chance.choice([1, 2, each_or_one(chance, count, 0, 1, 2)]),
    }
    if chance.random() < 0.05:
        config["transformer_layers_per_block"] = _draw_nested(chance, [layers] * count)
    if chance.random() < 0.5:
        config["addition_embed_type"] = chance.choice(["text_time", "text", "text_image"])
        config |= {"addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 10}
    if chance.random() < 0.4:
        config["encoder_hid_dim"] = 5
        config["encoder_hid_dim_type"] = chance.choice([None, "text_proj", "text_image_proj"])
    return config | some(chance, {
        "resnet_time_scale_shift": ["scale_shift"], "num_class_embeds": [5], "addition_embed_type_num_heads": [3],
        "class_embed_type": ["timestep", "identity"], "use_linear_projection": [True],
        "only_cross_attention": [True, [chance.random() < 0.5 for _ in range(count)]],
        "mid_block_type": ["UNetMidBlock2D"], "projection_class_embeddings_input_dim": [10],
        "conditioning_embedding_out_channels": [[4, 6], [3]], "conditioning_channels": [1],
        "num_attention_heads": [None, None, None, [1] * count],
    }, 0.25) | ({"class_embed_type": "projection"} if chance.random() < 0.1 else {})  # fmt: skip


def _draw_condition(chance: random.Random) -> dict[str, Any]:
    config = _draw_controlnet(chance)
    count, layers = len(config["block_out_channels"]), config["layers_per_block"]
    for name, kind in (("down_block_types", "ResnetDownsampleBlock2D"), ("up_block_types", "ResnetUpsampleBlock2D")):
        if chance.random() < 0.3 and not any(kind.startswith("K") for kind in config[name]):
            config[name][chance.randrange(count)] = kind
    if chance.random() < 0.3:
        config["layers_per_block"] = layers = [chance.choice([1, 2, 3]) for _ in range(count)]
    listed = layers if isinstance(layers, list) else [layers] * count
    nested = chance.random() < 0.2
    if nested:
        config["transformer_layers_per_block"] = _draw_nested(chance, listed)
    if chance.random() < (0.9 if nested else 0.2):
        config["reverse_transformer_layers_per_block"] = _draw_nested(chance, [each + 1 for each in reversed(listed)])
    if "encoder_hid_dim" in config and chance.random() < 0.4:
        config["addition_embed_type"] = chance.choice(["image", "image_hint"])
        config["encoder_hid_dim_type"] = chance.choice(["text_proj", "image_proj"])
    elif chance.random() < 0.3:
        config["cross_attention_dim"] = [chance.choice([6, 5]) for _ in range(count)]
    if any(kind.startswith("K") for kind in config["down_block_types"]) and chance.random() < 0.7:
        config["norm_num_groups"] = None
    config["mid_block_type"] = chance.choice(
        ["UNetMidBlock2D", None, None] + [f"UNetMidBlock2D{kind}CrossAttn" for kind in ("", "", "Simple", "Simple")]
    )
    return config | some(chance, {
        "time_embedding_dim": [12, config["block_out_channels"][0]],
        "conv_in_kernel": [1, 5], "conv_out_kernel": [1], "time_cond_proj_dim": [6],
        "time_embedding_type": ["fourier"], "class_embeddings_concat": [True], "dual_cross_attention": [True],
        "attention_type": ["gated", "gated-text-image"], "mid_block_only_cross_attention": [True, False],
        "cross_attention_norm": ["layer_norm", "group_norm"], "num_attention_heads": [None, None, None, None, 2],
        "class_embed_type": ["timestep", "projection", "simple_projection"],
    }, 0.2)  # fmt: skip


def _draw_union(chance: random.Random) -> dict[str, Any]:
    config = _draw_controlnet(chance)
    config |= {"num_trans_channel": 4, "num_trans_head": 2, "addition_time_embed_dim": chance.choice([4, 4, 4, None])}
    if chance.random() < 0.9:
        config["encoder_hid_dim_type"] = None
    return config | some(chance, {
        "num_control_type": [2], "num_trans_channel": [6, 5], "num_trans_layer": [2], "num_proj_channel": [7],
    })  # fmt: skip


def _draw_xs(chance: random.Random) -> dict[str, Any]:
    count = chance.choice([1, 2, 3, 4])
    return {
        "block_out_channels": [chance.choice([4, 6, 10]) for _ in range(count)],
        "base_block_out_channels": [chance.choice([4, 8]) for _ in range(count)],
        "down_block_types": [f"{chance.choice(['', 'CrossAttn'])}DownBlock2D" for _ in range(count)],
        "num_attention_heads": each_or_one(chance, count, 1, 2, 3),
        "cross_attention_dim": each_or_one(chance, count, 5, 6),
    } | some(chance, {
        "conditioning_channels": [1], "conditioning_embedding_out_channels": [[3, 4], [5]],
        "conditioning_channel_order": ["bgr", "rgb"], "learn_time_embedding": [True], "max_norm_num_groups": [4],
        "transformer_layers_per_block": [2, each_or_one(chance, count, 0, 1, 2), _draw_nested(chance, [2] * count)],
        "use_linear_projection": [False], "time_embedding_mix": [0.5], "upcast_attention": [False],
    })  # fmt: skip


def _draw_xs_model(chance: random.Random) -> dict[str, Any]:
    small, groups = _draw_xs(chance), chance.choice([2, 4])
    count = len(small["block_out_channels"])
    config = {
        "block_out_channels": [groups * chance.choice([1, 2, 3]) for _ in range(count)],
        "norm_num_groups": groups,
        "up_block_types": [f"{chance.choice(['', 'CrossAttn'])}UpBlock2D" for _ in range(count)],
        "ctrl_num_attention_heads": each_or_one(chance, count, 1, 2, 3),
        "num_attention_heads": each_or_one(chance, count, 1, 2),
        **{name: small[name] for name in ("down_block_types", "cross_attention_dim")},
    }
    for name in ("conditioning_channels", "conditioning_embedding_out_channels", "learn_time_embedding",
                 "block_out_channels", "max_norm_num_groups"):  # fmt: skip
        if name in small:
            config[f"ctrl_{name}"] = small[name]
    return config | some(chance, {
        "transformer_layers_per_block": [2, each_or_one(chance, count, 0, 1, 2), _draw_nested(chance, [2] * count)],
        "use_linear_projection": [False], "time_cond_proj_dim": [6], "projection_class_embeddings_input_dim": [9],
        "addition_embed_type": ["text_time"], "addition_time_embed_dim": [4], "time_embedding_mix": [0.5, 1],
    })  # fmt: skip


def _draw_dreamlite(chance: random.Random) -> dict[str, Any]:
    config = _draw_condition(chance)
    groups = config["norm_num_groups"] or 2
    count = len(config["block_out_channels"])
    prefixes = ["", "CrossAttn", "CrossAttnNoSelfAttn", "CrossAttn"]
    for way, end in (("down", "Down"), ("up", "Up")):
        names = [f"DreamLite{prefix}{end}Block2D" for prefix in prefixes]
        names += [f"{end}Block2D", f"CrossAttn{end}Block2D", f"CrossAttn{end}RemoveSelfAttnBlock2D"]
        config[f"{way}_block_types"] = [chance.choice(names) for _ in range(count)]
    config |= {
        "norm_num_groups": groups,
        "num_attention_heads": None,
        "layers_per_block": config["layers_per_block"],
        "mid_block_type": chance.choice([None, "DreamLiteUNetMidBlock2DCrossAttn", "UNetMidBlock2DCrossAttn"]),
    }
    if "encoder_hid_dim" in config and chance.random() < 0.4:
        config["encoder_hid_dim_type"] = "text_proj_rms"
    return config | some(chance, {
        "qk_norm": [None, "layer_norm"], "use_sep_conv": [False], "ff_mult": [2, 4], "num_kv_heads": [None, 2],
        "num_mid_layers": [2, 3],
    }, 0.4)  # fmt: skip


DRAWS_OF_UNETS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "ControlNetModel": _draw_controlnet,
    "ControlNetUnionModel": _draw_union,
    "ControlNetXSAdapter": _draw_xs,
    "DreamLiteUNetModel": _draw_dreamlite,
    "I2VGenXLUNet": _draw_3d,
    "MotionAdapter": _draw_motion_adapter,
    "SparseControlNetModel": _draw_sparse,
    "UNet2DConditionModel": _draw_condition,
    "UNet2DModel": _draw_plain,
    "UNet3DConditionModel": _draw_3d,
    "UNetControlNetXSModel": _draw_xs_model,
    "UNetMotionModel": _draw_motion,
    "UNetSpatioTemporalConditionModel": _draw_spatio_temporal,
}

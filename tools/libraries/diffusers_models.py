"""python -m tools.libraries.diffusers_models [SEED [CLASS...]]: components of random configs, as diffusers builds them.

By default those that are built by hand; those that are compiled are held against diffusers when they are named.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from paramcount.model.layers import Layer
from tools.architectures.building import build_observed, observe_modules
from tools.architectures.comparing import BOTH, EQUAL, compare_built
from tools.libraries.draws_autoencoders import DRAWS_OF_AUTOENCODERS, draw_kinds
from tools.libraries.draws_more_autoencoders import DRAWS_OF_MORE_AUTOENCODERS

import diffusers  # isort: skip # after what makes torchvision's operators

from paramcount.formats.diffusers.components import BUILDERS, build_component
from tools.libraries import draws_cosmos, draws_transformers, draws_video, signatures
from tools.libraries.draws_more_unets import DRAWS_OF_MORE_UNETS
from tools.libraries.draws_small import DRAWS_OF_SMALL
from tools.libraries.draws_transformers_2d import DRAWS_OF_TRANSFORMERS_2D
from tools.libraries.draws_unets import DRAWS_OF_UNETS

RANDOM = 60


def main() -> int:
    """Exit status 1 where a config is counted otherwise than diffusers builds it."""
    chance = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    counts: Counter[str] = Counter()
    for name in sys.argv[2:] or BUILDERS:
        for config in [{}, *(draw(name, chance) for _ in range(RANDOM))]:
            built = build_observed(observe_modules, partial(getattr(diffusers, name).from_config, config))
            if isinstance(built, str) and name not in BUILDERS:
                counts["not built"] += 1  # a blueprint says what a class builds, not what it refuses
                continue
            outcome = compare_built(built, partial(_count, name, config))
            counts[outcome.partition(":")[0]] += 1
            if outcome not in (EQUAL, BOTH):
                print(f"{name}: {outcome} {json.dumps(config)}", flush=True)
    print(f"diffusers {diffusers.__version__}: {dict(counts)}")
    return int(counts["WRONG"] > 0)


def _count(name: str, config: Mapping[str, Any]) -> Layer:
    return build_component(name, config, "").root


def draw(name: str, chance: random.Random) -> dict[str, Any]:
    """A random small component; an autoencoder where no draw is named."""
    if name in _DRAWS:
        return _DRAWS[name](chance)
    if name not in BUILDERS:
        return signatures.draw(getattr(diffusers, name), chance)
    count = chance.choice([1, 2, 3, 4])
    groups = chance.choice([2, 4, 8])
    widths = [groups * chance.choice([1, 2, 3, 4]) for _ in range(count)]
    config: dict[str, Any] = {
        "block_out_channels": widths, "norm_num_groups": groups, "layers_per_block": chance.choice([1, 2, 3]),
        "in_channels": chance.choice([1, 3, 4, 9]), "out_channels": chance.choice([1, 3, 4]),
    }  # fmt: skip
    kinds = ("DownEncoderBlock2D", "UpDecoderBlock2D")
    if name == "AutoencoderKLCogVideoX":
        kinds = ("CogVideoXDownBlock3D", "CogVideoXUpBlock3D")
    config |= {"down_block_types": [kinds[0]] * count, "up_block_types": [kinds[1]] * count}
    if name != "AutoencoderKLCogVideoX" and chance.random() < 0.4:
        config |= {"down_block_types": draw_kinds(chance, "DownEncoder", count)}
        config |= {"up_block_types": draw_kinds(chance, "UpDecoder", count)}
    config |= {"latent_channels": chance.choice([1, 4, 16])}
    if name == "AutoencoderKLFlux2" and chance.random() < 0.7:
        decoded = [groups * chance.choice([1, 2, 3]) for _ in range(count)]
        config |= {"decoder_block_out_channels": decoded, "patch_size": chance.choice([[1, 2], [3, 3]])}
    flags = ("use_quant_conv", "use_post_quant_conv", "mid_block_add_attention")
    return config | {flag: chance.random() < 0.5 for flag in flags if chance.random() < 0.5}


def _draw_sd3(chance: random.Random) -> dict[str, Any]:
    heads, head = chance.choice([1, 2, 4]), chance.choice([8, 16])
    return {
        "num_attention_heads": heads, "attention_head_dim": head, "caption_projection_dim": heads * head,
        "patch_size": chance.choice([1, 2]), "in_channels": chance.choice([4, 16]),
        "num_layers": chance.choice([1, 2, 4]),
        "joint_attention_dim": 10, "pooled_projection_dim": 12, "out_channels": chance.choice([4, 8, None]),
        "dual_attention_layers": chance.choice([[], [0], [0, 1], [1, 3], [7]]), "sample_size": 16,
        "qk_norm": chance.choice([None, "rms_norm"]), "pos_embed_max_size": chance.choice([24, 32]),
    }  # fmt: skip


def _draw_wan(chance: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {
        "num_attention_heads": chance.choice([1, 2, 3]), "attention_head_dim": chance.choice([12, 24, 20]),
        "in_channels": chance.choice([4, 16, 36]), "out_channels": chance.choice([4, 16, None]),
        "text_dim": 10, "freq_dim": chance.choice([8, 32]), "ffn_dim": chance.choice([6, 48]),
        "num_layers": chance.choice([1, 2, 5]), "patch_size": chance.choice([[1, 2, 2], [1, 1, 1], [2, 2, 1]]),
    }  # fmt: skip
    options = {"cross_attn_norm": False, "image_dim": 9, "added_kv_proj_dim": 7, "pos_embed_seq_len": 5}
    return config | {name: value for name, value in options.items() if chance.random() < 0.4}


def _draw_t2i_adapter(chance: random.Random) -> dict[str, Any]:
    return {
        "adapter_type": chance.choice(["full_adapter", "full_adapter_xl", "light_adapter", "other"]),
        "channels": [chance.choice([3, 4, 8, 9]) for _ in range(chance.choice([1, 2, 4, 5]))],
        "in_channels": chance.choice([1, 3]), "num_res_blocks": chance.choice([1, 2, 4]),
        "downscale_factor": chance.choice([2, 8]),
    }  # fmt: skip


def _draw_temporal_decoder(chance: random.Random) -> dict[str, Any]:
    widths = [32 * chance.choice([1, 2, 3]) for _ in range(chance.choice([1, 2, 3]))]
    return {
        "down_block_types": draw_kinds(chance, "DownEncoder", len(widths)), "block_out_channels": widths,
        "layers_per_block": chance.choice([1, 2, 3]), "latent_channels": chance.choice([2, 4]),
    }  # fmt: skip


def _draw_qwen_autoencoder(chance: random.Random) -> dict[str, Any]:
    return {**_draw_wan_autoencoder(chance), "input_channels": chance.choice([3, 4])}


def _draw_tiny(chance: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {"in_channels": chance.choice([3, 4]), "out_channels": 3, "latent_channels": 16}
    for part in ("encoder", "decoder"):
        count = chance.choice([1, 2, 3, 4])
        config[f"{part}_block_out_channels"] = [chance.choice([4, 6]) for _ in range(count)]
        config[f"num_{part}_blocks"] = [chance.choice([1, 2, 3]) for _ in range(count)]
    return config


def _draw_wan_autoencoder(chance: random.Random) -> dict[str, Any]:
    count = chance.choice([2, 3, 4])
    config: dict[str, Any] = {
        "base_dim": chance.choice([4, 8, 6]), "z_dim": chance.choice([2, 16]),
        "num_res_blocks": chance.choice([1, 2, 3]),
        "dim_mult": [chance.choice([1, 2, 4]) for _ in range(count)],
        "temperal_downsample": [chance.random() < 0.5 for _ in range(count - 1)], "is_residual": chance.random() < 0.4,
        "in_channels": chance.choice([3, 12]), "out_channels": chance.choice([3, 12]),
    }  # fmt: skip
    return config | ({"decoder_base_dim": chance.choice([4, 12])} if chance.random() < 0.3 else {})


_DRAWS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    **DRAWS_OF_AUTOENCODERS,
    **DRAWS_OF_MORE_AUTOENCODERS,
    "AutoencoderKLQwenImage": _draw_qwen_autoencoder,
    "AutoencoderKLQwenImage21": _draw_wan_autoencoder,
    "AutoencoderKLTemporalDecoder": _draw_temporal_decoder,
    "AutoencoderKLWan": _draw_wan_autoencoder,
    "AutoencoderTiny": _draw_tiny,
    "SD3Transformer2DModel": _draw_sd3,
    "T2IAdapter": _draw_t2i_adapter,
    "WanTransformer3DModel": _draw_wan,
    **draws_cosmos.DRAWS,
    **draws_transformers.DRAWS,
    **draws_video.DRAWS,
    **DRAWS_OF_MORE_UNETS,
    **DRAWS_OF_SMALL,
    **DRAWS_OF_TRANSFORMERS_2D,
    **DRAWS_OF_UNETS,
}
"""The random configs of the classes whose fields are not those of UNets."""


if __name__ == "__main__":
    sys.exit(main())

"""Random configs of the autoencoders of diffusers that have transformers in them, and of vocoders."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from tools.libraries.draws_autoencoders import draw_layers, draw_options, draw_widths

_FEATURES = [
    "token_type", "chain_idx_seq", "x1_a37coors_nm", "x1_a37coors_nm_rel", "ca_coors_nm", "z_latent_seq",
    "cond_residue_type", "incident_bond_type_counts", "atom37_element_charge_embedding",
]  # fmt: skip


def _draw_rae(chance: random.Random) -> dict[str, Any]:
    patch, grid = chance.choice([7, 14, 16]), chance.randint(1, 4)
    config: dict[str, Any] = {
        "encoder_type": chance.choice(["dinov2", "mae", "dinov2", "mae", "siglip2"]), "encoder_patch_size": patch,
        "encoder_hidden_size": chance.choice([64, 128, 160, 100]), "encoder_num_hidden_layers": chance.randint(1, 3),
        "decoder_hidden_size": chance.choice([16, 24, 32]), "decoder_num_hidden_layers": chance.randint(1, 3),
        "decoder_num_attention_heads": chance.choice([1, 2, 4]), "decoder_intermediate_size": chance.choice([10, 48]),
        "patch_size": chance.choice([2, 16]), "encoder_input_size": patch * grid + chance.choice([0, 0, 0, 1]),
    }  # fmt: skip
    latents = [[0.0] * 5, [[1.0, 2.0], [3.0, 4.0]], [0.5]]
    options: dict[str, list[Any]] = {
        "image_size": [config["patch_size"] * grid], "num_channels": [1], "latents_mean": latents,
        "latents_std": latents, "encoder_norm_mean": [[0.5] * 3], "encoder_norm_std": [[0.5] * 3],
        "noise_tau": [0.5], "use_encoder_loss": [True],
    }  # fmt: skip
    return config | draw_options(chance, options, 0.3)


def _draw_same(chance: random.Random) -> dict[str, Any]:
    count = chance.randint(1, 4)
    options: dict[str, list[Any]] = {
        "use_differential_attention": [False], "ff_mult": [1, 2], "encoder_sinusoidal_blocks": [[1], [2] * count],
        "decoder_sinusoidal_blocks": [[1], [0] * count],
    }  # fmt: skip
    return {
        "audio_channels": chance.choice([1, 2]), "patch_size": chance.choice([4, 8]),
        "encoder_channels": chance.choice([8, 16]), "encoder_strides": draw_layers(chance, count),
        "encoder_c_mults": draw_layers(chance, count + chance.choice([0, 0, 1])), "latent_dim": chance.choice([4, 6]),
        "encoder_transformer_depths": [chance.randint(0, 3) for _ in range(count)],
        "dim_heads": chance.choice([4, 8, 16]), **draw_options(chance, options),
    }  # fmt: skip


def _draw_minimax(chance: random.Random) -> dict[str, Any]:
    count, groups = chance.randint(1, 4), chance.choice([2, 4])
    options: dict[str, list[Any]] = {
        "in_channels": [1], "out_channels": [1], "latent_channels": [2, 6], "decoder_num_register_tokens": [1, 2],
        "decoder_ffn_mult": [2, 3], "decoder_rope_dim_ratio": [0.5, 0.375],
    }  # fmt: skip
    return {
        "block_out_channels": draw_widths(chance, groups, count), "layers_per_block": chance.randint(1, 3),
        "spatial_downsample_factors": [chance.choice([1, 1, 2]) for _ in range(count + chance.choice([0, 0, 1]))],
        "temporal_downsample_factors": [chance.choice([1, 1, 2]) for _ in range(count)], "norm_num_groups": groups,
        "decoder_num_layers": chance.randint(1, 3), "decoder_num_attention_heads": chance.randint(1, 3),
        "decoder_attention_head_dim": chance.choice([8, 16, 24, 48]), **draw_options(chance, options, 0.3),
    }  # fmt: skip


def _draw_ltx2_diffusion(chance: random.Random) -> dict[str, Any]:
    count, head = chance.randint(1, 3), chance.choice([8, 16])
    reductions = [chance.choice([1, 2]) for _ in range(count)]
    widths = list(accumulate([head * chance.choice([8, 16]), *reductions], lambda width, by: width // by))
    return {
        "decoder_head_dim": head, "decoder_stage_channels": widths,
        "decoder_stage_depths": draw_layers(chance, count + 1),
        "decoder_stage_kernels": [[3, 3, 3]] * count, "decoder_upsample_channel_reductions": reductions,
        "decoder_upsample_strides": [draw_layers(chance, 3) for _ in range(count)],
        "decoder_t_emb_dim": chance.choice([6, 8]), "out_channels": chance.choice([1, 3]),
        "latent_channels": chance.choice([3, 8]), "patch_size": chance.choice([1, 2]),
        "decoder_model_output_type": chance.choice(["x0", "v"]),
    }  # fmt: skip


def _draw_proteina(chance: random.Random) -> dict[str, Any]:
    types = chance.randint(2, 5)
    return {
        "atom37_mask": [[True] * 37] * types, "allowed_residue_types": [[True] * types] * 3,
        "n_residue_types": types, "latent_dim": chance.choice([2, 4]), "num_token_types": chance.choice([3, 7]),
        "nlayers": chance.randint(1, 3), "token_dim": chance.choice([8, 12]), "nheads": chance.choice([1, 4]),
        "dim_cond": chance.choice([6, 8]), "pair_repr_dim": chance.choice([4, 5]),
        "token_type_emb_dim": chance.choice([3, 4]),
        "encoder_feats_seq": chance.sample(_FEATURES, chance.randint(1, 6)),
        "decoder_feats_seq": chance.sample(_FEATURES, chance.randint(1, 6)),
    }  # fmt: skip


def _draw_dilations(chance: random.Random) -> dict[str, Any]:
    count = chance.randint(1, 3)
    return {
        "resblock_kernel_sizes": [chance.choice([3, 5, 7]) for _ in range(count)],
        "resblock_dilation_sizes": [draw_layers(chance, chance.randint(1, 3)) for _ in range(count)],
    }  # fmt: skip


def _draw_mmaudio_vocoder(chance: random.Random) -> dict[str, Any]:
    count = chance.randint(1, 4)
    return {
        "num_mels": chance.choice([4, 8]), "upsample_initial_channel": chance.choice([16, 24, 37]),
        "upsample_rates": draw_layers(chance, count), **_draw_dilations(chance),
        "upsample_kernel_sizes": [chance.randint(3, 6) for _ in range(count)],
    }  # fmt: skip


def _draw_minimax_audio(chance: random.Random) -> dict[str, Any]:
    rates = draw_layers(chance, chance.randint(1, 4))
    turned = chance.choice([rates[::-1], [*rates, 1], [2, 3]])
    return {
        "encoder_dim": chance.choice([2, 3]), "encoder_rates": rates, "latent_dim": chance.choice([8, 16, 18]),
        "latent_channels": chance.choice([2, 4]), "num_attention_heads": chance.choice([1, 2]),
        "decoder_dim": chance.choice([32, 40]), "decoder_rates": turned, **_draw_dilations(chance),
        "decoder_kernel_sizes": [chance.randint(3, 6) for _ in turned],
    }  # fmt: skip


DRAWS_OF_MORE_AUTOENCODERS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "AutoencoderKLMiniMaxH3": _draw_minimax,
    "AutoencoderKLMiniMaxH3Audio": _draw_minimax_audio,
    "AutoencoderRAE": _draw_rae,
    "AutoencoderSAME": _draw_same,
    "LTX2VideoDiffusionDecoderModel": _draw_ltx2_diffusion,
    "MMAudioVocoder": _draw_mmaudio_vocoder,
    "RFD4ProteinaAutoencoder": _draw_proteina,
}

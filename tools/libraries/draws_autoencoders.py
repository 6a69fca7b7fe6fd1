"""Random configs of the autoencoders of diffusers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any


def draw_kinds(chance: random.Random, way: str, count: int) -> list[str]:
    """Blocks of an encoder or a decoder, some of them with attention."""
    return [f"{chance.choice(['', 'Attn'])}{way}Block2D" for _ in range(count)]


def draw_options(chance: random.Random, options: Mapping[str, list[Any]], often: float = 0.4) -> dict[str, Any]:
    """Some of the options, each with one of its values."""
    return {name: chance.choice(values) for name, values in options.items() if chance.random() < often}


def draw_widths(chance: random.Random, groups: int, count: int, most: int = 3) -> list[int]:
    return [groups * chance.randint(1, most) for _ in range(count)]


def _draw_asymmetric(chance: random.Random) -> dict[str, Any]:
    down, up, groups = chance.randint(1, 3), chance.randint(1, 4), chance.choice([2, 4])
    return {
        "down_block_types": draw_kinds(chance, "DownEncoder", down), "layers_per_down_block": chance.randint(1, 3),
        "down_block_out_channels": draw_widths(chance, groups, down), "norm_num_groups": groups,
        "up_block_types": draw_kinds(chance, "UpDecoder", up), "layers_per_up_block": chance.randint(1, 3),
        "up_block_out_channels": draw_widths(chance, groups, up, 9),
        **draw_options(chance, {"in_channels": [1, 4], "out_channels": [1, 4], "latent_channels": [2, 16]}),
    }  # fmt: skip


def _draw_vq(chance: random.Random) -> dict[str, Any]:
    count, norm = chance.randint(1, 3), chance.choice(["group", "spatial"])
    groups = 32 if norm == "spatial" else chance.choice([2, 4])
    return {
        "down_block_types": draw_kinds(chance, "DownEncoder", count), "norm_type": norm, "norm_num_groups": groups,
        "up_block_types": draw_kinds(chance, "UpDecoder", count), "layers_per_block": chance.randint(1, 3),
        "block_out_channels": draw_widths(chance, groups, count, 2),
        **draw_options(
            chance, {"in_channels": [1, 4], "out_channels": [1, 4], "latent_channels": [2, 5], "vq_embed_dim": [7],
                     "num_vq_embeddings": [9], "mid_block_add_attention": [False]},
        ),
    }  # fmt: skip


def _draw_consistency(chance: random.Random) -> dict[str, Any]:
    first, second, groups = chance.randint(1, 3), chance.randint(1, 4), chance.choice([2, 4])
    return {
        "encoder_block_out_channels": draw_widths(chance, groups, first), "encoder_norm_num_groups": groups,
        "encoder_down_block_types": draw_kinds(chance, "DownEncoder", first), "decoder_norm_num_groups": 8,
        "decoder_block_out_channels": draw_widths(chance, 8, second),
        "decoder_down_block_types": [chance.choice(["DownBlock2D", "ResnetDownsampleBlock2D"]) for _ in range(second)],
        "decoder_up_block_types": [chance.choice(["UpBlock2D", "ResnetUpsampleBlock2D"]) for _ in range(second)],
        **draw_options(
            chance, {"encoder_double_z": [False], "encoder_in_channels": [1, 4], "encoder_layers_per_block": [1, 3],
                     "encoder_out_channels": [2, 8], "decoder_add_attention": [True], "decoder_in_channels": [5],
                     "decoder_layers_per_block": [1, 2], "decoder_num_train_timesteps": [5],
                     "decoder_out_channels": [2], "decoder_resnet_time_scale_shift": ["default"],
                     "decoder_time_embedding_type": ["positional", "fourier"], "latent_channels": [2, 8]},
        ),
    }  # fmt: skip


def _draw_hunyuan_video(chance: random.Random) -> dict[str, Any]:
    count, groups = chance.randint(1, 5), chance.choice([2, 4])
    return {
        "down_block_types": ["HunyuanVideoDownBlock3D"] * count, "norm_num_groups": groups,
        "up_block_types": ["HunyuanVideoUpBlock3D"] * count, "block_out_channels": draw_widths(chance, groups, count),
        "layers_per_block": chance.randint(1, 3), "spatial_compression_ratio": chance.choice([1, 2, 3, 4, 8, 32]),
        **draw_options(
            chance, {"in_channels": [1, 4], "out_channels": [2], "latent_channels": [3],
                     "mid_block_add_attention": [False]},
        ),
        "temporal_compression_ratio": chance.choice([4, 4, 4, 4, 4, 8, 2]),
    }  # fmt: skip


def _draw_hunyuan_dc(chance: random.Random) -> dict[str, Any]:
    count, latent = chance.randint(2, 5), chance.choice([2, 4])
    return {
        "block_out_channels": draw_widths(chance, 8, count, 2), "latent_channels": latent,
        "layers_per_block": chance.randint(1, 3),
        "spatial_compression_ratio": chance.choice([1, 2, 3, 4, 2 ** (count - 1), 16]),
        "temporal_compression_ratio": chance.choice([1, 2, 4, 2 ** (count - 1)]),
        **draw_options(
            chance, {"in_channels": [1, 4], "out_channels": [2], "downsample_match_channel": [False],
                     "upsample_match_channel": [False]},
        ),
    }  # fmt: skip


def _draw_hunyuan_image(chance: random.Random) -> dict[str, Any]:
    widths = [32 * chance.randint(1, 2) for _ in range(chance.randint(1, 4))]
    return {
        "in_channels": chance.choice([1, 3]), "out_channels": chance.choice([1, 3]), "block_out_channels": widths,
        "latent_channels": chance.choice([4, 8, 16, 3]), "layers_per_block": chance.randint(1, 3),
        "spatial_compression_ratio": chance.choice([1, 2, 3, 8, 16]), "sample_size": 64,
        **draw_options(chance, {"downsample_match_channel": [False], "upsample_match_channel": [False]}),
    }  # fmt: skip


def draw_flags(chance: random.Random, count: int) -> list[bool]:
    return [chance.random() < 0.5 for _ in range(count)]


def draw_layers(chance: random.Random, count: int) -> list[int]:
    return [chance.randint(1, 3) for _ in range(count)]


_SAMPLINGS = ["spatial", "temporal", "spatiotemporal"]


def _draw_ltx_decoder(chance: random.Random) -> dict[str, Any]:
    """The fields that the decoders of LTX and of LTX 2 share; lists may be longer than what is used of them."""
    count, longer = chance.randint(1, 4), chance.choice([0, 0, 1])
    return {
        "decoder_block_out_channels": draw_widths(chance, 16, count, 2), "in_channels": chance.choice([1, 3]),
        "decoder_layers_per_block": draw_layers(chance, count + 1 + longer), "latent_channels": chance.choice([2, 8]),
        "decoder_spatio_temporal_scaling": draw_flags(chance, count + longer), "out_channels": chance.choice([1, 3]),
        "decoder_inject_noise": draw_flags(chance, count + 1 + longer), "patch_size": chance.choice([1, 2, 4]),
        "upsample_residual": draw_flags(chance, count + longer), "timestep_conditioning": chance.random() < 0.5,
        "upsample_factor": [chance.choice([1, 2, 4]) for _ in range(count + longer)],
    }  # fmt: skip


def _draw_ltx(chance: random.Random) -> dict[str, Any]:
    count, longer, newer = chance.randint(1, 4), chance.choice([0, 0, 1]), chance.random() < 0.5
    kinds = ["LTXVideoDownBlock3D", "LTXVideo095DownBlock3D"]
    return {
        **_draw_ltx_decoder(chance), "block_out_channels": draw_widths(chance, 8, count + newer),
        "down_block_types": [*(chance.choice(kinds) for _ in range(count - 1)), kinds[newer]],
        "layers_per_block": draw_layers(chance, count + longer), "downsample_type":
        [chance.choice(["conv", *_SAMPLINGS]) for _ in range(count + longer)],
        "spatio_temporal_scaling": draw_flags(chance, count + longer),
    }  # fmt: skip


def _draw_ltx2(chance: random.Random) -> dict[str, Any]:
    count, longer = chance.randint(1, 4), chance.choice([0, 0, 1])
    config = _draw_ltx_decoder(chance)
    flags = {"spatio_temporal_scaling": [True], "decoder_inject_noise": [True, False], "upsample_residual": [True]}
    return {
        **config, "block_out_channels": draw_widths(chance, 8, count),
        "down_block_types": ["LTX2VideoDownBlock3D"] * count, "upsample_type":
        [chance.choice(_SAMPLINGS) for _ in config["decoder_block_out_channels"]],
        "layers_per_block": draw_layers(chance, count + 1 + longer), "downsample_type":
        [chance.choice(["conv", *_SAMPLINGS]) for _ in range(count + longer)],
        "spatio_temporal_scaling": draw_flags(chance, count + longer), **draw_options(chance, flags, 0.2),
    }  # fmt: skip


def _draw_dc(chance: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {"in_channels": chance.choice([1, 3, 4]), "latent_channels": chance.choice([2, 8])}
    for part in ("encoder", "decoder"):
        count = chance.randint(2, 4)
        layers = [chance.randint(1, 3) if index or chance.random() < 0.6 else 0 for index in range(count)]
        kinds = [chance.choice(["ResBlock", "EfficientViTBlock"]) for _ in range(count)]
        config |= {
            f"{part}_block_out_channels": draw_widths(chance, 4, count, 4), f"{part}_layers_per_block": layers,
            f"{part}_block_types": chance.choice([kinds, kinds[0]]),
            f"{part}_qkv_multiscales": [chance.choice([[], [5], [3, 5], [7]]) for _ in range(count)],
        }  # fmt: skip
    norms = ["rms_norm", "layer_norm", "batch_norm"]
    options: dict[str, list[Any]] = {
        "upsample_block_type": ["interpolate"], "downsample_block_type": ["Conv"], "encoder_out_shortcut": [False],
        "decoder_norm_types": [norms[2], [chance.choice(norms) for _ in range(count)]],
    }  # fmt: skip
    return {**config, "attention_head_dim": chance.choice([2, 4, 3]), **draw_options(chance, options)}


def _draw_allegro(chance: random.Random) -> dict[str, Any]:
    count, groups = chance.randint(1, 4), chance.choice([2, 4])
    return {
        "down_block_types": ["AllegroDownBlock3D"] * count, "up_block_types": ["AllegroUpBlock3D"] * count,
        "block_out_channels": draw_widths(chance, groups, count), "norm_num_groups": groups,
        "temporal_downsample_blocks": draw_flags(chance, count + chance.choice([0, 1])),
        "temporal_upsample_blocks": draw_flags(chance, count + chance.choice([0, 1])),
        "layers_per_block": chance.randint(1, 3),
        **draw_options(chance, {"in_channels": [1], "out_channels": [2], "latent_channels": [2, 8]}),
    }  # fmt: skip


def _draw_magvit(chance: random.Random) -> dict[str, Any]:
    count, groups = chance.randint(2, 4), chance.choice([2, 4])
    return {
        "down_block_types": [chance.choice(["Spatial", "SpatialTemporal"]) + "DownBlock3D" for _ in range(count)],
        "up_block_types": [chance.choice(["Spatial", "SpatialTemporal"]) + "UpBlock3D" for _ in range(count)],
        "block_out_channels": draw_widths(chance, groups, count), "norm_num_groups": groups,
        "layers_per_block": chance.randint(1, 3),
        **draw_options(chance, {"in_channels": [1], "out_channels": [2], "latent_channels": [2, 8]}),
    }  # fmt: skip


def _draw_mochi(chance: random.Random) -> dict[str, Any]:
    first, second = chance.randint(1, 3), chance.randint(1, 3)
    count = max(first, second)
    return {
        "encoder_block_out_channels": draw_widths(chance, 32, first, 2),
        "decoder_block_out_channels": draw_widths(chance, 32, second, 2),
        "layers_per_block": draw_layers(chance, count + chance.choice([0, 1])),
        "temporal_expansions": draw_layers(chance, count), "spatial_expansions": draw_layers(chance, count),
        "add_attention_block": draw_flags(chance, first + chance.choice([0, 1])),
        **draw_options(chance, {"in_channels": [4], "out_channels": [1], "latent_channels": [2, 8]}),
    }  # fmt: skip


def _draw_cosmos(chance: random.Random) -> dict[str, Any]:
    return {
        "encoder_block_out_channels": draw_widths(chance, 4, chance.randint(1, 5)),
        "decode_block_out_channels": draw_widths(chance, 4, chance.randint(1, 5)),
        "attention_resolutions": chance.choice([[], [8], [8, 16], [4, 32], [5]]),
        "resolution": chance.choice([64, 32, 128, 85]), "num_layers": chance.randint(1, 3),
        "patch_size": chance.choice([1, 2, 4]), "patch_type": chance.choice(["haar", "rearrange"]),
        "spatial_compression_ratio": chance.choice([4, 8, 16, 32]),
        "temporal_compression_ratio": chance.choice([4, 8, 16]),
        **draw_options(chance, {"in_channels": [1], "out_channels": [2], "latent_channels": [2, 8]}),
    }  # fmt: skip


def _draw_oobleck(chance: random.Random) -> dict[str, Any]:
    count = chance.randint(1, 4)
    return {
        "encoder_hidden_size": chance.choice([2, 4]), "downsampling_ratios": draw_layers(chance, count),
        "channel_multiples": draw_layers(chance, count + chance.choice([0, 0, 1])),
        "decoder_channels": chance.choice([2, 6]), "decoder_input_channels": chance.choice([3, 4]),
        "audio_channels": chance.choice([1, 2]),
    }  # fmt: skip


def _draw_kvae_audio(chance: random.Random) -> dict[str, Any]:
    return {
        "encoder_dim": chance.choice([2, 3]), "encoder_rates": draw_layers(chance, chance.randint(1, 4)),
        "latent_dim": chance.choice([8, 16]), "codebook_dim": chance.choice([3, 4]), "decoder_dim": 48,
        "decoder_rates": draw_layers(chance, chance.randint(1, 4)), "num_channels": chance.choice([1, 2]),
        "attn_num_heads": chance.choice([1, 4]),
    }  # fmt: skip


def _draw_music_vocoder(chance: random.Random) -> dict[str, Any]:
    return {
        "latent_channels": chance.choice([2, 5, 8]), "decoder_input_dim": chance.choice([3, 6]),
        "decoder_hidden_dim": chance.choice([16, 24, 33]),
        "upsampling_ratios": draw_layers(chance, chance.randint(1, 4)),
    }  # fmt: skip


def _draw_longcat(chance: random.Random) -> dict[str, Any]:
    options: dict[str, list[Any]] = {
        "c_mults": [draw_layers(chance, chance.randint(1, 4))],
        "strides": [draw_layers(chance, chance.randint(1, 6))],
        "in_channels": [2], "latent_dim": [3], "encoder_latent_dim": [6], "act_fn": ["elu", "snake"],
        "use_snake": [True, False], "final_tanh": [True], "downsample_shortcut": ["none"], "in_shortcut": ["none"],
    }  # fmt: skip
    return {"channels": chance.choice([2, 4]), **draw_options(chance, options)}


def _draw_cosmos_audio(chance: random.Random) -> dict[str, Any]:
    count, encoded = chance.randint(1, 4), chance.randint(1, 3)
    options: dict[str, list[Any]] = {
        "vocoder_input_dim": [3], "dec_out_channels": [1], "stereo": [False], "input_channels": [2],
        "enc_num_blocks": [1, 3], "enc_n_fft": [6], "enc_latent_dim": [5], "enc_use_snake": [False],
        "padding_mode": ["reflect"], "encoder_enabled": [False], "causal": [True],
        "bottleneck": [{"type": "vae"}, {}, {"type": "fsq"}],
    }  # fmt: skip
    return {
        "dec_dim": chance.choice([2, 4]), "dec_c_mults": draw_layers(chance, count + chance.choice([0, 0, 1])),
        "dec_strides": draw_layers(chance, count), "enc_dim": chance.choice([2, 4]),
        "enc_c_mults": draw_layers(chance, encoded), "enc_strides": draw_layers(chance, encoded),
        **draw_options(chance, options, 0.3),
    }  # fmt: skip


def _draw_kvae(chance: random.Random) -> dict[str, Any]:
    count = chance.randint(1, 4)
    encoded = chance.choice([chance.randint(1, 3), draw_layers(chance, count)])
    return {
        "in_channels": chance.choice([1, 3]), "channels": 32, "ch_mult": [chance.randint(1, 2) for _ in range(count)],
        "num_enc_blocks": encoded, "num_dec_blocks": chance.randint(1, 3), "z_channels": chance.choice([2, 4]),
        "double_z": chance.random() < 0.6,
    }  # fmt: skip


def _draw_kvae_video(chance: random.Random) -> dict[str, Any]:
    return {
        "ch": 32, "ch_mult": [chance.randint(1, 2) for _ in range(chance.randint(1, 4))],
        "num_res_blocks": chance.randint(1, 3), "in_channels": chance.choice([1, 3]), "out_ch": chance.choice([1, 3]),
        "z_channels": chance.choice([2, 4]), "temporal_compress_times": chance.choice([1, 2, 4, 6, 8, 64]),
    }  # fmt: skip


def _draw_kandinsky_sr(chance: random.Random) -> dict[str, Any]:
    count = chance.randint(1, 4)
    return {
        "in_channels": chance.choice([1, 3]), "out_channels": chance.choice([1, 3]),
        "latent_channels": chance.choice([2, 4]), "encoder_block_out_channels": draw_widths(chance, 2, count),
        "decoder_block_out_channels": draw_widths(chance, 2, count), "layers_per_block": chance.randint(1, 3),
        "temporal_compression_ratio": chance.choice([1, 2, 4, 6, 8]),
        "temporal_compression_start_level": chance.choice([0, 1, 1, 2]),
    }  # fmt: skip


def _draw_ltx2_audio(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(["pixel", "group"])
    options: dict[str, list[Any]] = {
        "output_channels": [1], "in_channels": [1], "latent_channels": [3], "mid_block_add_attention": [True],
        "double_z": [False], "attn_resolutions": [[8], [16, 32], [5, 11]],
    }  # fmt: skip
    return {
        "base_channels": 32 if kind == "group" else 4, "ch_mult": draw_layers(chance, chance.randint(1, 4)),
        "num_res_blocks": chance.randint(1, 3), "norm_type": kind, "resolution": chance.choice([32, 64, 45]),
        "causality_axis": chance.choice(["none"] * (1 + 5 * (kind == "group")) + ["width", "height"]),
        **draw_options(chance, options, 0.5),
    }  # fmt: skip


def _draw_mmaudio(chance: random.Random) -> dict[str, Any]:
    return {
        "mel_bins": chance.choice([4, 6]), "latent_channels": chance.choice([2, 3]), "hidden_channels": 4,
        "channel_multipliers": draw_layers(chance, chance.randint(1, 4)), "layers_per_block": chance.randint(1, 3),
        "n_fft": chance.choice([64, 33]),
    }  # fmt: skip


def _draw_vidtok(chance: random.Random) -> dict[str, Any]:
    """A VidTok of Gaussian latents: that of a codebook reads the values of its tensors as it is made."""
    count = chance.randint(1, 4)
    levels = [[], [0], [0, 1], [1, 2, 3], [5]]
    options: dict[str, list[Any]] = {
        "in_channels": [1], "out_channels": [1], "spatial_ds": levels, "spatial_us": levels, "tempo_ds": levels,
        "tempo_us": levels, "is_causal": [False], "double_z": [False],
    }  # fmt: skip
    return {
        "ch": chance.choice([2, 4]), "ch_mult": draw_layers(chance, count), "z_channels": chance.choice([2, 4]),
        "num_res_blocks": chance.randint(1, 3), **draw_options(chance, options),
    }  # fmt: skip


DRAWS_OF_AUTOENCODERS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "AsymmetricAutoencoderKL": _draw_asymmetric,
    "AutoencoderDC": _draw_dc,
    "AutoencoderKLAllegro": _draw_allegro,
    "AutoencoderKLCosmos": _draw_cosmos,
    "AutoencoderKLHunyuanImage": _draw_hunyuan_image,
    "AutoencoderKLHunyuanImageRefiner": _draw_hunyuan_dc,
    "AutoencoderKLHunyuanVideo": _draw_hunyuan_video,
    "AutoencoderKLHunyuanVideo15": _draw_hunyuan_dc,
    "AutoencoderKLKVAE": _draw_kvae,
    "AutoencoderKLKVAEVideo": _draw_kvae_video,
    "AutoencoderKLLTX2Audio": _draw_ltx2_audio,
    "AutoencoderKLKVAEAudio": _draw_kvae_audio,
    "AutoencoderKLLTX2Video": _draw_ltx2,
    "AutoencoderKLLTXVideo": _draw_ltx,
    "AutoencoderKLMagvit": _draw_magvit,
    "AutoencoderKLMochi": _draw_mochi,
    "AutoencoderOobleck": _draw_oobleck,
    "AutoencoderVidTok": _draw_vidtok,
    "ConsistencyDecoderVAE": _draw_consistency,
    "Kandinsky6SRVAE": _draw_kandinsky_sr,
    "MMAudioVAE": _draw_mmaudio,
    "Cosmos3AVAEAudioTokenizer": _draw_cosmos_audio,
    "LongCatAudioDiTVae": _draw_longcat,
    "MiniMaxMusic3Vocoder": _draw_music_vocoder,
    "VQModel": _draw_vq,
}

"""The autoencoders and vocoders that are built by hand: the totals of diffusers 0.42.1, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS

DOWN, UP = "DownEncoderBlock2D", "UpDecoderBlock2D"
HALVES = ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3
KINDS = {"encoder_block_types": HALVES, "decoder_block_types": HALVES}
IMAGE = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 64,
    "block_out_channels": [128, 256, 512, 512, 1024, 1024], "layers_per_block": 2, "spatial_compression_ratio": 32,
    "sample_size": 384,
}  # fmt: skip
MASKS = {"atom37_mask": [[True]], "allowed_residue_types": [[True]]}


@pytest.mark.parametrize(
    ("name", "config", "total"),
    [
        ("AsymmetricAutoencoderKL",
         {"down_block_types": [DOWN] * 4, "down_block_out_channels": [128, 256, 512, 512], "layers_per_down_block": 2,
          "up_block_types": [UP] * 4, "up_block_out_channels": [192, 384, 768, 768], "layers_per_up_block": 3},
         194300519),
        ("VQModel", {}, 560414),
        ("VQModel",
         {"block_out_channels": [128, 256, 256, 512], "down_block_types": [*[DOWN] * 3, "AttnDownEncoderBlock2D"],
          "up_block_types": ["AttnUpDecoderBlock2D", *[UP] * 3], "latent_channels": 4, "layers_per_block": 2,
          "norm_type": "spatial", "num_vq_embeddings": 16384, "vq_embed_dim": 4}, 67832495),
        ("ConsistencyDecoderVAE", {}, 655441366),
        ("AutoencoderDC", {}, 362893923),
        ("AutoencoderDC",
         KINDS | {"downsample_block_type": "Conv", "upsample_block_type": "interpolate"}, 312250275),
        ("AutoencoderDC",
         KINDS | {"encoder_layers_per_block": [0, 4, 8, 2, 2, 2], "decoder_layers_per_block": [0, 5, 10, 2, 2, 2],
                  "decoder_norm_types": ["batch_norm"] * 3 + ["rms_norm"] * 3}, 334544684),
        ("AutoencoderKLHunyuanVideo", {}, 246478803),
        ("AutoencoderKLHunyuanVideo15", {}, 1260634115),
        ("AutoencoderKLHunyuanImageRefiner", {}, 1260634115),
        ("AutoencoderKLHunyuanImage", IMAGE, 405575491),
        ("AutoencoderKLLTXVideo", {}, 419193649),
        ("AutoencoderKLLTXVideo",
         {"decoder_block_out_channels": [256, 512, 1024], "decoder_layers_per_block": [5, 6, 7, 8],
          "decoder_spatio_temporal_scaling": [True] * 3, "decoder_inject_noise": [True, True, True, False],
          "upsample_residual": [True] * 3, "upsample_factor": [2] * 3, "timestep_conditioning": True}, 934976434),
        ("AutoencoderKLLTXVideo",
         {"block_out_channels": [128, 256, 512, 1024, 2048], "down_block_types": ["LTXVideo095DownBlock3D"] * 4,
          "layers_per_block": [4, 6, 6, 2, 2], "spatio_temporal_scaling": [True] * 4,
          "downsample_type": ["spatial", "temporal", "spatiotemporal", "spatiotemporal"]}, 932888177),
        ("AutoencoderKLLTX2Video", {}, 1222479601),
        ("AutoencoderKLLTX2Audio", {}, 53248146),
        ("LTX2VideoDiffusionDecoderModel", {}, 417133616),
        ("AutoencoderKLAllegro", {}, 174955751),
        ("AutoencoderKLCosmos", {}, 105653696),
        ("AutoencoderKLMagvit", {}, 244375507),
        ("AutoencoderKLMochi", {}, 459748611),
        ("AutoencoderOobleck", {}, 156112514),
        ("AutoencoderKLKVAE", {}, 217426723),
        ("AutoencoderKLKVAEAudio", {}, 166871218),
        ("AutoencoderKLKVAEVideo", {}, 617982115),
        ("Kandinsky6SRVAE", {}, 1738878243),
        ("LongCatAudioDiTVae", {}, 91881345),
        ("LongCatAudioDiTVae", {"act_fn": "elu"}, 91819905),
        ("LongCatAudioDiTVae", {"use_snake": False}, 91819905),
        ("Cosmos3AVAEAudioTokenizer", {}, 496287362),
        ("Cosmos3AVAEAudioTokenizer", {"encoder_enabled": False}, 473097282),
        ("MiniMaxMusic3Vocoder", {}, 54170722),
        ("MMAudioVAE", {}, 305479682),
        ("MMAudioVocoder", {}, 122152752),
        ("AutoencoderVidTok", {}, 157451663),
        ("AutoencoderVidTok", {"is_causal": False}, 157451663),
        ("AutoencoderVidTok", {"regularizer": "fsq", "codebook_size": 4096, "double_z": False}, 157396363),
        ("AutoencoderKLMiniMaxH3", {}, 2603868984),
        ("AutoencoderKLMiniMaxH3Audio", {}, 151321489),
        ("AutoencoderRAE", {}, 112590336),
        ("AutoencoderRAE", {"encoder_type": "mae", "encoder_patch_size": 16}, 111805440),
        ("AutoencoderSAME", {}, 107458096),
        ("AutoencoderKLQwenImage21", {}, 337740404),
        ("RFD4ProteinaAutoencoder", MASKS, 257152552),
    ],
)  # fmt: skip
def test_totals_of_diffusers(name: str, config: dict[str, Any], total: int) -> None:
    report = count(read({"_class_name": name, **config}, FORMATS["diffusers"]))
    assert report.root.totals.trainable + report.root.totals.frozen == total


@pytest.mark.parametrize(
    ("name", "config", "pointer"),
    [
        ("VQModel", {"norm_type": "layer"}, "/norm_type"),
        ("VQModel", {"norm_type": "spatial", "block_out_channels": [48], "norm_num_groups": 16}, "/norm_num_groups"),
        ("ConsistencyDecoderVAE", {"decoder_block_out_channels": [320]}, "/decoder_down_block_types"),
        ("AutoencoderDC", {"encoder_layers_per_block": [1]}, "/encoder_layers_per_block"),
        ("AutoencoderDC", {"encoder_layers_per_block": [0], "encoder_block_out_channels": [4]},
         "/encoder_layers_per_block"),
        ("AutoencoderDC", {"encoder_layers_per_block": [-1] * 6}, "/encoder_layers_per_block/0"),
        ("AutoencoderDC", {"decoder_qkv_multiscales": [5]}, "/decoder_qkv_multiscales"),
        ("AutoencoderDC", {"decoder_qkv_multiscales": [5] * 6}, "/decoder_qkv_multiscales"),
        ("AutoencoderDC", KINDS | {"attention_head_dim": 4096}, "/attention_head_dim"),
        ("AutoencoderDC", {"encoder_block_out_channels": [4, 4, 4, 4, 4, 6]}, "/encoder_block_out_channels"),
        ("AutoencoderKLHunyuanVideo", {"temporal_compression_ratio": 8}, "/temporal_compression_ratio"),
        ("AutoencoderKLHunyuanVideo15", {"block_out_channels": [8, 8]}, "/block_out_channels"),
        ("AutoencoderKLHunyuanVideo15", {"block_out_channels": [8, 8, 8, 8, 9]}, "/block_out_channels"),
        ("AutoencoderKLHunyuanImage", {}, "/block_out_channels"),
        ("AutoencoderKLHunyuanImage", IMAGE | {"latent_channels": 3}, "/block_out_channels"),
        ("AutoencoderKLHunyuanImage",
         IMAGE | {"block_out_channels": [36, 36], "latent_channels": 1}, "/norm_num_groups"),
        ("AutoencoderKLLTXVideo", {"down_block_types": ["LTXVideoDownBlock3D"]}, "/down_block_types"),
        ("AutoencoderKLLTXVideo", {"spatio_temporal_scaling": True}, "/spatio_temporal_scaling"),
        ("AutoencoderKLLTXVideo",
         {"down_block_types": ["LTXVideo095DownBlock3D"], "block_out_channels": [8]}, "/block_out_channels"),
        ("AutoencoderKLLTXVideo", {"upsample_factor": [200] * 4}, "/block_out_channels"),
        ("AutoencoderKLLTX2Video", {"decoder_spatial_padding_mode": "none"}, "/decoder_spatial_padding_mode"),
        ("AutoencoderKLAllegro", {"temporal_upsample_blocks": True}, "/temporal_upsample_blocks"),
        ("AutoencoderKLMochi", {"layers_per_block": 3}, "/layers_per_block"),
        ("AutoencoderKLMochi", {"temporal_expansions": []}, "/temporal_expansions"),
        ("AutoencoderKLCosmos", {"patch_type": "other"}, "/patch_type"),
        ("AutoencoderOobleck", {"channel_multiples": [1]}, "/channel_multiples"),
        ("MiniMaxMusic3Vocoder", {"latent_channels": 1}, "/latent_channels"),
        ("MiniMaxMusic3Vocoder", {"decoder_hidden_dim": 8}, "/decoder_hidden_dim"),
        ("Cosmos3AVAEAudioTokenizer", {"dec_type": "other"}, "/dec_type"),
        ("Cosmos3AVAEAudioTokenizer", {"causal": True}, "/causal"),
        ("Cosmos3AVAEAudioTokenizer", {"bottleneck": {"type": "fsq"}}, "/bottleneck"),
        ("Kandinsky6SRVAE", {"decoder_block_out_channels": [8]}, "/decoder_block_out_channels"),
        ("Kandinsky6SRVAE", {"temporal_compression_start_level": -1}, "/temporal_compression_start_level"),
        ("AutoencoderKLLTX2Audio", {"norm_type": "group"}, "/norm_type"),
        ("AutoencoderVidTok", {"regularizer": "fsq"}, "/z_channels"),
        ("AutoencoderVidTok", {"regularizer": "fsq", "codebook_size": 4096}, "/double_z"),
        ("MMAudioVocoder", {"upsample_initial_channel": 8}, "/upsample_initial_channel"),
        ("MMAudioVocoder", {"resblock_dilation_sizes": [1, 3]}, "/resblock_dilation_sizes"),
        ("AutoencoderKLMiniMaxH3Audio", {"decoder_rates": [2] * 7}, "/decoder_rates"),
        ("AutoencoderKLMiniMaxH3Audio", {"latent_channels": 3}, "/latent_dim"),
        ("AutoencoderKLMiniMaxH3", {"decoder_rope_dim_ratio": 0.7}, "/decoder_rope_dim_ratio"),
        ("AutoencoderRAE", {"encoder_type": "siglip2"}, "/encoder_type"),
        ("AutoencoderRAE", {"decoder_hidden_size": 6}, "/decoder_hidden_size"),
        ("AutoencoderRAE", {"encoder_hidden_size": 32}, "/encoder_hidden_size"),
        ("AutoencoderRAE", {"encoder_input_size": 225}, "/encoder_input_size"),
        ("AutoencoderRAE", {"image_size": 224}, "/image_size"),
        ("AutoencoderRAE", {"encoder_norm_mean": [0.5]}, "/encoder_norm_mean"),
        ("AutoencoderRAE", {"latents_mean": [[0.5], [0.5, 0.5]]}, "/latents_mean"),
        ("AutoencoderSAME", {"encoder_strides": [2, 2]}, "/encoder_c_mults"),
        ("AutoencoderSAME", {"encoder_sinusoidal_blocks": [1, 2]}, "/encoder_sinusoidal_blocks"),
        ("LTX2VideoDiffusionDecoderModel", {"decoder_head_dim": 4}, "/decoder_head_dim"),
        ("LTX2VideoDiffusionDecoderModel", {"decoder_head_dim": 512}, "/decoder_stage_channels"),
        ("LTX2VideoDiffusionDecoderModel", {"decoder_upsample_channel_reductions": [1] * 4},
         "/decoder_upsample_channel_reductions"),
        ("LTX2VideoDiffusionDecoderModel", {"decoder_upsample_strides": [[1, 1, 1]]}, "/decoder_upsample_strides"),
        ("RFD4ProteinaAutoencoder", {}, "/atom37_mask"),
        ("RFD4ProteinaAutoencoder", MASKS | {"atom37_mask": [[True], [1]]}, "/atom37_mask"),
        ("RFD4ProteinaAutoencoder", MASKS | {"encoder_feats_seq": ["other"]}, "/encoder_feats_seq/0"),
    ],
)  # fmt: skip
def test_refused(name: str, config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read({"_class_name": name, **config}, FORMATS["diffusers"])
    assert [problem.pointer for problem in refused.value.problems] == [pointer]

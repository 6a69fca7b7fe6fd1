"""Components: UNets and autoencoders with few channels, worked out by hand; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS

VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.42.1",
    "block_out_channels": [4],
    "down_block_types": ["DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D"],
    "norm_num_groups": 2,
    "latent_channels": 1,
}
UNET = {
    "_class_name": "UNet2DConditionModel",
    "block_out_channels": [4],
    "down_block_types": ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"],
    "norm_num_groups": 2,
    "layers_per_block": 1,
    "mid_block_type": None,
    "in_channels": 1,
    "out_channels": 1,
    "cross_attention_dim": 3,
    "attention_head_dim": 2,
}


def conv(inputs: int, outputs: int, kernel: int = 3) -> int:
    return inputs * outputs * kernel * kernel + outputs


def resnet(inputs: int, outputs: int, time: int = 0) -> int:
    shortcut = conv(inputs, outputs, 1) if inputs != outputs else 0
    projection = time * outputs + outputs if time else 0
    return 2 * inputs + conv(inputs, outputs) + projection + 2 * outputs + conv(outputs, outputs) + shortcut


ATTENTION = 8 + 4 * 20  # over 4 channels: a norm, and four layers of 4·4 + 4
# Each half: convolutions in and out, a norm, attention between two resnets, and the block's own one or two.
ENCODER = conv(3, 4) + conv(4, 2) + 8 + 2 * resnet(4, 4) + ATTENTION + resnet(4, 4)
DECODER = conv(1, 4) + conv(4, 3) + 8 + 2 * resnet(4, 4) + ATTENTION + 2 * resnet(4, 4)
QUANT = conv(2, 2, 1) + conv(1, 1, 1)
# The embedding of time: 4·16 + 16 and 16·16 + 16. The way up takes what the way down keeps: 8 channels.
TIME = 80 + 272
BASE = conv(1, 4) + TIME + resnet(4, 4, 16) + 2 * resnet(8, 4, 16) + 8 + conv(4, 1)
# A norm, projections in and out of 4·4 + 4, three norms, attention of 4·16 + 4, attention to 3, a gated layer.
TRANSFORMER = 8 + 40 + 24 + 68 + (2 * 16 + 2 * 12 + 4) + (4 * 32 + 32) + (16 * 4 + 4)


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (VAE, ENCODER + DECODER + QUANT),
        (VAE | {"use_quant_conv": False, "use_post_quant_conv": False}, ENCODER + DECODER),
        (VAE | {"mid_block_add_attention": False}, ENCODER + DECODER + QUANT - 2 * ATTENTION),
        (VAE | {"layers_per_block": 2}, ENCODER + DECODER + QUANT + 2 * resnet(4, 4)),
        (VAE | {"layers_per_block": 2, "_use_default_values": ["layers_per_block"]}, ENCODER + DECODER + QUANT),
        (VAE | {"sample_size": 64, "scaling_factor": 0.1, "force_upcast": False}, ENCODER + DECODER + QUANT),
        (UNET, BASE),
        (UNET | {"conv_in_kernel": 1}, BASE - 4 * 8),
        (UNET | {"num_class_embeds": 5}, BASE + 5 * 16),
        (UNET | {"class_embed_type": "timestep"}, BASE + TIME),
        (UNET | {"addition_embed_type": "text_time", "projection_class_embeddings_input_dim": 10}, BASE + 176 + 272),
        (UNET | {"mid_block_type": "UNetMidBlock2D"}, BASE + resnet(4, 4, 16)),
        (UNET | {"mid_block_type": "UNetMidBlock2DCrossAttn"}, BASE + 2 * resnet(4, 4, 16) + TRANSFORMER),
        (UNET | {"down_block_types": ["CrossAttnDownBlock2D"]}, BASE + TRANSFORMER),
        (UNET | {"down_block_types": ["CrossAttnDownBlock2D"], "only_cross_attention": True}, BASE + TRANSFORMER - 8),
        (UNET | {"down_block_types": ["AttnDownBlock2D"]}, BASE + ATTENTION),
    ],
)
def test_counted(config: dict[str, Any], total: int) -> None:
    assert detect(config).name == "diffusers"
    report = count(read(config, FORMATS["diffusers"]))
    assert (report.root.totals.trainable, report.exact) == (total, True)


SD3 = {"_class_name": "SD3Transformer2DModel", "num_attention_heads": 1, "attention_head_dim": 4, "num_layers": 2,
       "caption_projection_dim": 4, "joint_attention_dim": 3, "pooled_projection_dim": 5, "in_channels": 1,
       "out_channels": 1, "patch_size": 1, "pos_embed_max_size": 8}  # fmt: skip
# Layers of 4·4 + 4: patches of 8; of time 4·256 + 4 and 20, of text 24 and 20, 16, at the end 40 and 5.
SD3_AROUND = 8 + 1028 + 20 + 24 + 20 + 16 + 40 + 5
# A block: modulations of 6·20 each, eight layers of 20 for attention, twice an MLP of 80 and 68; the last has less.
SD3_BLOCK, SD3_LAST = 240 + 160 + 2 * 148, 120 + 40 + 140 + 148
WAN = {"_class_name": "WanTransformer3DModel"}


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (SD3, SD3_AROUND + SD3_BLOCK + SD3_LAST),
        (SD3 | {"dual_attention_layers": [0, 9]}, SD3_AROUND + SD3_BLOCK + SD3_LAST + 60 + 80),
        (
            SD3 | {"dual_attention_layers": [1], "qk_norm": "rms_norm"},
            SD3_AROUND + SD3_BLOCK + SD3_LAST + 60 + 80 + 2 * 16 + 8,
        ),
        (WAN, 14288491584),
        (WAN | {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}, 1418996800),
        ({"_class_name": "AutoencoderKLWan"}, 126892531),
        ({"_class_name": "AutoencoderKLCogVideoX"}, 215583907),
    ],
)
def test_transformers_and_video(config: dict[str, Any], total: int) -> None:
    """Worked out above, or the numbers that diffusers reports."""
    assert count(read(config, FORMATS["diffusers"])).root.totals.trainable == total


def test_stable_diffusion() -> None:
    """The numbers of the models of Stable Diffusion 1, which diffusers reports: 859,520,964 and 83,653,863."""
    unet = {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768}
    assert count(read(unet, FORMATS["diffusers"])).root.totals.trainable == 859520964
    widths = {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2}
    kinds = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    vae = {"_class_name": "AutoencoderKL", **widths, **kinds}
    assert count(read(vae, FORMATS["diffusers"])).root.totals.trainable == 83653863


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"_class_name": "UNet2DConditionModle"}, "/_class_name"),
        ({"_class_name": "DDIMScheduler"}, "/_class_name"),
        ({"_class_name": 3}, "/_class_name"),
        (VAE | {"block_out_channels": 4}, "/block_out_channels"),
        (VAE | {"block_out_channels": [4, 4.0]}, "/block_out_channels/1"),
        (VAE | {"block_out_channels": [4, 8]}, "/down_block_types"),
        (VAE | {"block_out_channels": [4] * 1000}, "/block_out_channels"),
        (VAE | {"norm_num_groups": 3}, "/norm_num_groups"),
        (VAE | {"layers_per_block": 2**40}, "/layers_per_block"),
        (VAE | {"use_quant_conv": 1}, "/use_quant_conv"),
        (VAE | {"up_block_types": ["AttnUpBlock2D"]}, "/up_block_types/0"),
        (UNET | {"down_block_types": ["DownBlock3D"]}, "/down_block_types/0"),
        (UNET | {"dual_cross_attention": 1}, "/dual_cross_attention"),
        (UNET | {"attention_type": "gate"}, "/attention_type"),
        (UNET | {"encoder_hid_dim_type": "text_proj"}, "/encoder_hid_dim"),
        (UNET | {"addition_embed_type": "sound"}, "/addition_embed_type"),
        (UNET | {"addition_embed_type": "image"}, "/encoder_hid_dim"),
        (UNET | {"norm_num_groups": None}, "/norm_num_groups"),
        (UNET | {"time_embedding_type": "fourier", "time_embedding_dim": 3}, "/time_embedding_dim"),
        (UNET | {"reverse_transformer_layers_per_block": 1}, "/reverse_transformer_layers_per_block"),
        (UNET | {"transformer_layers_per_block": [[1, 1]]}, "/transformer_layers_per_block/0"),
        (UNET | {"transformer_layers_per_block": -1}, "/transformer_layers_per_block/0"),
        (UNET | {"only_cross_attention": [1]}, "/only_cross_attention"),
        (UNET | {"layers_per_block": [1, 2]}, "/layers_per_block"),
        (UNET | {"class_embed_type": "projection"}, "/projection_class_embeddings_input_dim"),
        (UNET | {"_class_name": "ControlNetModel"}, "/mid_block_type"),
        (WAN | {"attention_head_dim": 3}, "/attention_head_dim"),
        (WAN | {"patch_size": 2.5}, "/patch_size"),
        (SD3 | {"qk_norm": "layer_norm"}, "/qk_norm"),
        (SD3 | {"dual_attention_layers": [1.0]}, "/dual_attention_layers"),
        (SD3 | {"caption_projection_dim": 8}, "/caption_projection_dim"),
        (SD3 | {"num_layers": 2**40}, "/num_layers"),
        (WAN | {"num_layers": -1}, "/num_layers"),
        ({"_class_name": "AutoencoderKLWan", "attn_scales": [0.5]}, "/attn_scales"),
        ({"_class_name": "AutoencoderKLWan", "is_residual": True, "dim_mult": [1, 4]}, "/temperal_downsample"),
        ({"_class_name": "AutoencoderKLWan", "is_residual": True, "dim_mult": [1, 1, 1, 3]}, "/dim_mult"),
    ],
)
def test_refused(config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read(config, FORMATS["diffusers"])
    assert pointer in [problem.pointer for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("name", "config", "total"),
    [
        ("AutoencoderKLFlux2", {}, 84046115),
        ("AutoencoderKLQwenImage", {}, 126892531),
        ("AutoencoderKLTemporalDecoder",
         {"down_block_types": ["DownEncoderBlock2D"] * 4, "block_out_channels": [128, 256, 512, 512],
          "layers_per_block": 2}, 97742847),
        ("AutoencoderTiny", {}, 2445063),
        ("AutoencoderTiny", {"latent_channels": 16}, 2458899),
        ("T2IAdapter", {}, 77369280),
        ("T2IAdapter", {"adapter_type": "full_adapter_xl", "downscale_factor": 16}, 79028160),
        ("T2IAdapter", {"adapter_type": "light_adapter", "channels": [320, 640, 1280], "num_res_blocks": 4}, 18689200),
        ("ChromaTransformer2DModel", {}, 8899983424),
        ("CogView4Transformer2DModel", {}, 2848836672),
        ("Flux2Transformer2DModel", {}, 32223281152),
        ("FluxControlNetModel", {}, 12410395648),
        ("HunyuanVideoTransformer3DModel", {}, 12821012544),
        ("LTXVideoTransformer3DModel", {}, 1923385472),
        ("Lumina2Transformer2DModel", {}, 2606818752),
        ("MochiTransformer3DModel", {}, 10027677744),
        ("QwenImageTransformer2DModel", {}, 20430401088),
        ("SanaTransformer2DModel", {}, 1604462752),
        ("SD3ControlNetModel", {}, 894676608),
        ("ZImageTransformer2DModel", {}, 6154908736),
    ],
)  # fmt: skip
def test_totals_of_diffusers(name: str, config: dict[str, Any], total: int) -> None:
    report = count(read({"_class_name": name, **config}, FORMATS["diffusers"]))
    assert report.root.totals.trainable + report.root.totals.frozen == total


@pytest.mark.parametrize(
    ("name", "config", "pointer"),
    [
        ("AutoencoderTiny", {"num_encoder_blocks": [1, 3]}, "/num_encoder_blocks"),
        ("AutoencoderKLFlux2", {"patch_size": [2, 2, 2]}, "/patch_size"),
        ("AutoencoderKLQwenImage", {"attn_scales": [1.0]}, "/attn_scales"),
        ("AutoencoderKLTemporalDecoder", {"block_out_channels": [48]}, "/norm_num_groups"),
        ("T2IAdapter", {"adapter_type": "other"}, "/adapter_type"),
        ("T2IAdapter", {"adapter_type": "light_adapter", "channels": [3]}, "/channels"),
    ],
)
def test_refused_by_builders(name: str, config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read({"_class_name": name, **config}, FORMATS["diffusers"])
    assert [problem.pointer for problem in refused.value.problems] == [pointer]

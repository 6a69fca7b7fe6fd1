"""UNets, ControlNets and transformers of plain blocks: the numbers that diffusers 0.42.1 reports, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS

NCSNPP = {
    "block_out_channels": [128, 128, 256, 256, 256, 256, 256], "norm_num_groups": None,
    "down_block_types": ["SkipDownBlock2D"] * 4 + ["AttnSkipDownBlock2D"] + ["SkipDownBlock2D"] * 2,
    "up_block_types": ["SkipUpBlock2D"] * 2 + ["AttnSkipUpBlock2D"] + ["SkipUpBlock2D"] * 4,
    "time_embedding_type": "fourier",
}  # fmt: skip
SSD = {
    "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048, "mid_block_type": None,
    "down_block_types": ["DownBlock2D"] + ["CrossAttnDownBlock2D"] * 2,
    "up_block_types": ["CrossAttnUpBlock2D"] * 2 + ["UpBlock2D"], "attention_head_dim": [5, 10, 20],
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "use_linear_projection": True,
    "projection_class_embeddings_input_dim": 2816, "transformer_layers_per_block": [0, [2, 2], [4, 4]],
    "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], 0],
}  # fmt: skip
DEEPFLOYD = {
    "block_out_channels": [192, 384, 576, 768], "cross_attention_dim": 768, "encoder_hid_dim": 4096,
    "encoder_hid_dim_type": "text_proj", "addition_embed_type": "text", "attention_head_dim": 64,
    "cross_attention_norm": "group_norm", "resnet_time_scale_shift": "scale_shift", "layers_per_block": 3,
    "down_block_types": ["ResnetDownsampleBlock2D"] + ["SimpleCrossAttnDownBlock2D"] * 3, "in_channels": 3,
    "up_block_types": ["SimpleCrossAttnUpBlock2D"] * 3 + ["ResnetUpsampleBlock2D"], "out_channels": 6,
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
}  # fmt: skip
UPSCALER = {
    "block_out_channels": [384, 384, 768, 768], "cross_attention_dim": 768, "attention_head_dim": 64,
    "norm_num_groups": None, "time_embedding_type": "fourier", "time_cond_proj_dim": 896, "conv_in_kernel": 1,
    "conv_out_kernel": 1, "in_channels": 8, "out_channels": 5, "mid_block_type": None, "layers_per_block": 4,
    "down_block_types": ["KDownBlock2D"] + ["KCrossAttnDownBlock2D"] * 3, "resnet_time_scale_shift": "scale_shift",
    "up_block_types": ["KCrossAttnUpBlock2D"] * 3 + ["KUpBlock2D"],
}  # fmt: skip

VQ_DIFFUSION = {
    "norm_type": "ada_norm", "num_vector_embeds": 4097, "sample_size": 32, "num_layers": 19, "num_attention_heads": 16,
    "attention_head_dim": 64, "cross_attention_dim": 512, "attention_bias": True, "num_embeds_ada_norm": 100,
    "activation_fn": "geglu-approximate",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "config", "total"),
    [
        ("UNetSpatioTemporalConditionModel", {}, 1524623082),
        ("UNet3DConditionModel", {}, 1411233860),
        ("I2VGenXLUNet", {}, 1420469224),
        ("UNetMotionModel", {}, 1325509764),
        ("UNetMotionModel", {"cross_attention_dim": 768, "use_motion_mid_block": False}, 1276658564),
        ("MotionAdapter", {}, 453209280),
        ("MotionAdapter", {"conv_in_channels": 9, "motion_layers_per_block": [2, 1, 1, 1]}, 290899520),
        ("SparseControlNetModel", {}, 496730880),
        (
            "SparseControlNetModel",
            {"use_simplified_condition_embedding": False, "concat_conditioning_mask": False},
            497802784,
        ),
        ("UNet2DModel", {}, 274056163),
        ("UNet2DModel", NCSNPP, 65574549),
        ("UNet2DConditionModel", SSD, 1300195844),
        ("UNet2DConditionModel", DEEPFLOYD, 371605830),
        ("UNet2DConditionModel", UPSCALER, 372560645),
        ("UNet2DConditionModel", {"attention_type": "gated", "cross_attention_dim": 768}, 1068623204),
        ("UNet2DConditionModel", {"dual_cross_attention": True, "cross_attention_dim": 768}, 1126760324),
        (
            "UNet2DConditionModel",
            {"encoder_hid_dim": 1280, "encoder_hid_dim_type": "image_proj", "addition_embed_type": "image_hint",
             "cross_attention_dim": 768},
            893004696,
        ),
        (
            "ControlNetModel",
            {"addition_embed_type": "text_image", "encoder_hid_dim": 1024, "encoder_hid_dim_type": "text_image_proj",
             "cross_attention_dim": 768},
            369943440,
        ),
        ("PriorTransformer", {}, 1022030080),
        ("T5FilmDecoder", {}, 238710528),
        ("Transformer2DModel", VQ_DIFFUSION, 391258112),
        ("TransformerTemporalModel", {"in_channels": 320}, 40576704),
    ],
)  # fmt: skip
def test_totals_of_diffusers(name: str, config: dict[str, Any], total: int) -> None:
    report = count(read({"_class_name": name, **config}, FORMATS["diffusers"]))
    assert report.root.totals.trainable + report.root.totals.frozen == total


@pytest.mark.parametrize(
    ("name", "config", "pointer"),
    [
        ("UNet2DModel", {"norm_num_groups": None}, "/norm_num_groups"),
        ("UNet2DModel", {"downsample_type": "fir"}, "/downsample_type"),
        ("UNet2DConditionModel", UPSCALER | {"mid_block_type": "UNetMidBlock2D"}, "/norm_num_groups"),
        ("UNet2DConditionModel", DEEPFLOYD | {"cross_attention_dim": 48}, "/cross_attention_dim"),
        ("UNet3DConditionModel", {"attention_head_dim": [64, 64, 64, 64]}, "/attention_head_dim"),
        ("UNetMotionModel", {"transformer_layers_per_block": [1, [1, 1], 1, 1]}, "/transformer_layers_per_block/1"),
        ("UNetMotionModel", {"motion_num_attention_heads": 320 * 5}, "/attention_head_dim"),
        (
            "MotionAdapter", {"motion_transformer_layers_per_mid_block": [1, 2]},
            "/motion_transformer_layers_per_mid_block",
        ),
        ("SparseControlNetModel", {"layers_per_block": [2, 2, 2, 2]}, "/layers_per_block"),
        ("UNetSpatioTemporalConditionModel", {"block_out_channels": [30] * 4}, "/norm_num_groups"),
        ("Transformer2DModel", {"in_channels": 32}, "/norm_type"),
        ("Transformer2DModel", {"norm_type": "layer_norm"}, "/in_channels"),
        ("Transformer2DModel", {"norm_type": "layer_norm", "in_channels": 32, "patch_size": 2}, "/norm_type"),
        (
            "TransformerTemporalModel", {"in_channels": 32, "positional_embeddings": "sinusoidal"},
            "/num_positional_embeddings",
        ),
    ],
)  # fmt: skip
def test_refused(name: str, config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read({"_class_name": name, **config}, FORMATS["diffusers"])
    assert [problem.pointer for problem in refused.value.problems] == [pointer]

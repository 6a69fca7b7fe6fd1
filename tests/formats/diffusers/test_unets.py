"""UNets, ControlNets and transformers of plain blocks: the numbers that diffusers 0.42.1 reports, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS
from tests.builders.diffusers import count_component, list_pointers

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

CASCADE = {
    "in_channels": 4, "out_channels": 4, "patch_size": 2, "conditioning_dim": 1280, "clip_seq": 4,
    "block_out_channels": [320, 640, 1280, 1280], "num_attention_heads": [-1, -1, 20, 20], "self_attn": True,
    "down_num_layers_per_block": [2, 6, 28, 6], "up_num_layers_per_block": [6, 28, 6, 2],
    "down_blocks_repeat_mappers": [1, 1, 1, 1], "up_blocks_repeat_mappers": [3, 3, 2, 2],
    "block_types_per_layer": [["SDCascadeResBlock", "SDCascadeTimestepBlock"]] * 2
    + [["SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock"]] * 2,
    "clip_text_pooled_in_channels": 1280, "effnet_in_channels": 16, "pixel_mapper_in_channels": 3,
    "dropout": [0, 0, 0.1, 0.1], "timestep_conditioning_type": ["sca"],
}  # fmt: skip
DIFFUSER = {
    "in_channels": 14, "out_channels": 14, "block_out_channels": [32, 64, 128, 256], "act_fn": "mish",
    "down_block_types": ["DownResnetBlock1D"] * 4, "up_block_types": ["UpResnetBlock1D"] * 4,
    "mid_block_type": "MidResTemporalBlock1D", "out_block_type": "OutConv1DBlock",
    "time_embedding_type": "positional", "use_timestep_embedding": True,
}  # fmt: skip
AUDIOLDM2 = {
    "cross_attention_dim": [[None, 768, 1024]] * 4, "in_channels": 8, "out_channels": 8, "attention_head_dim": 32,
    "block_out_channels": [128, 256, 384, 640],
}  # fmt: skip
UNIDIFFUSER = {
    "in_channels": 4, "out_channels": 4, "sample_size": 64, "patch_size": 2, "num_layers": 30,
    "num_attention_heads": 24, "attention_head_dim": 64, "activation_fn": "gelu", "use_data_type_embedding": True,
}  # fmt: skip
STABLE_AUDIO = {"text_encoder_dim": 768, "conditioning_dim": 768, "min_value": 0, "max_value": 512}
Z_CONTROL = {"control_layers_places": [0, 5, 10, 15, 20, 25], "control_in_dim": 16}


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
        ("Kandinsky3UNet", {}, 3055348228),
        ("StableCascadeUNet", {}, 3605346320),
        ("StableCascadeUNet", CASCADE, 1562941136),
        ("UVit2DModel", {}, 603537664),
        ("UNet1DModel", {}, 708418),
        ("UNet1DModel", DIFFUSER, 3986478),
        ("ControlNetUnionModel", {"addition_time_embed_dim": 256}, 373450480),
        ("ControlNetXSAdapter", {}, 12135796),
        ("UNetControlNetXSModel", {}, 878046520),
        ("AudioLDM2UNet2DConditionModel", AUDIOLDM2, 215710216),
        (
            "AudioLDM2ProjectionModel",
            {"text_encoder_dim": 512, "text_encoder_1_dim": 1024, "langauge_model_dim": 768},
            1184256,
        ),
        ("CLIPImageProjection", {}, 589824),
        ("ReduxImageEncoder", {}, 64503808),
        ("StableAudioProjectionModel", STABLE_AUDIO, 396544),
        ("StableAudio3DurationEmbedder", {}, 197376),
        (
            "UniDiffuserTextDecoder",
            {"prefix_length": 77, "prefix_inner_dim": 768, "prefix_hidden_dim": 64},
            124538944,
        ),
        ("UniDiffuserModel", UNIDIFFUSER, 954699024),
        ("QwenImageControlNetModel", {"num_layers": 5}, 1768003584),
        ("DreamLiteUNetModel", {}, 427077084),
        (
            "DreamLiteUNetModel",
            {"qk_norm": None, "use_sep_conv": False, "num_kv_heads": None, "encoder_hid_dim": 64,
             "encoder_hid_dim_type": "text_proj_rms"},
            705773572,
        ),
        (
            "DreamLiteTransformer2DModel",
            {"in_channels": 320, "qk_norm": "layer_norm", "num_kv_heads": 2, "use_self_attention": False,
             "cross_attention_dim": 512},
            28861088,
        ),
        ("ZImageControlNetModel", Z_CONTROL, 1550778368),
    ],
)  # fmt: skip
def test_totals_of_diffusers(name: str, config: dict[str, Any], total: int) -> None:
    assert count_component(name, config) == total


@pytest.mark.parametrize(
    ("name", "config", "pointer"),
    [
        ("UNet2DModel", {"norm_num_groups": None}, "/norm_num_groups"),
        ("UNet2DModel", {"downsample_type": "fir"}, "/downsample_type"),
        ("UNet2DConditionModel", UPSCALER | {"up_block_types": ["UpBlock2D"] * 4}, "/norm_num_groups"),
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
        ("Kandinsky3UNet", {"block_out_channels": [64] * 5}, "/block_out_channels"),
        ("StableCascadeUNet", {"up_num_layers_per_block": [1000, 8]}, "/up_num_layers_per_block"),
        ("StableCascadeUNet", {"block_types_per_layer": [[], ["SDCascadeBlock"]]}, "/block_types_per_layer/1"),
        ("StableCascadeUNet", {"timestep_conditioning_type": "sca"}, "/timestep_conditioning_type"),
        ("UVit2DModel", {"block_num_heads": 1000}, "/block_num_heads"),
        ("UNet1DModel", {"time_embedding_dim": 5}, "/time_embedding_dim"),
        ("UNet1DModel", {"out_block_type": "OutConv1DBlock"}, "/act_fn"),
        ("ControlNetUnionModel", {}, "/addition_time_embed_dim"),
        ("ControlNetXSAdapter", {"base_block_out_channels": [32]}, "/base_block_out_channels"),
        ("UNetControlNetXSModel", {"time_embedding_mix": 0.5}, "/time_embedding_mix"),
        ("AudioLDM2UNet2DConditionModel", {"cross_attention_dim": [[5] * 5] * 4}, "/cross_attention_dim"),
        ("AudioLDM2UNet2DConditionModel", {"cross_attention_dim": [[0]] * 4}, "/cross_attention_dim"),
        (
            "AudioLDM2UNet2DConditionModel", {"cross_attention_dim": [[5, 6]] * 4, "layers_per_block": 500},
            "/layers_per_block",
        ),
        ("AudioLDM2ProjectionModel", {"langauge_model_dim": 4}, "/text_encoder_dim"),
        ("StableAudioProjectionModel", {"text_encoder_dim": 4, "conditioning_dim": 4}, "/min_value"),
        ("StableAudio3DurationEmbedder", {"min_freq": 0}, "/min_freq"),
        (
            "UniDiffuserTextDecoder", {"prefix_length": 77, "prefix_inner_dim": 64, "n_embd": 60},
            "/prefix_hidden_dim",
        ),
        ("UniDiffuserModel", UNIDIFFUSER | {"sample_size": 1}, "/sample_size"),
        ("QwenImageControlNetModel", {"axes_dims_rope": [16, 55, 57]}, "/axes_dims_rope"),
        ("ZImageControlNetModel", {"control_layers_places": [5], "control_in_dim": 16}, "/control_layers_places"),
        ("MultiControlNetModel", {}, "/_class_name"),
        (
            "DreamLiteUNetModel", {"num_mid_layers": 3, "transformer_layers_per_block": [1, 1, [1, 1]]},
            "/transformer_layers_per_block/2",
        ),
        (
            "TransformerTemporalModel", {"in_channels": 32, "positional_embeddings": "sinusoidal"},
            "/num_positional_embeddings",
        ),
    ],
)  # fmt: skip
def test_refused(name: str, config: dict[str, Any], pointer: str) -> None:
    assert list_pointers(name, config) == [pointer]


def test_several_networks() -> None:
    """A class that has no config of its own says what to send instead."""
    with pytest.raises(Problems) as refused:
        read({"_class_name": "FluxMultiControlNetModel"}, FORMATS["diffusers"])
    assert "count the config.json of each FluxControlNetModel" in refused.value.problems[0].detail

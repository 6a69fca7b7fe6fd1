"""Transformers: the numbers of parameters that diffusers 0.42.1 reports; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.formats.diffusers.transformers.wan import build_animate
from tests.builders.diffusers import count_component, list_pointers

PATCHED: dict[str, Any] = {"in_channels": 4, "patch_size": 2}
WIDE: dict[str, Any] = {"in_channels": 16, "patch_size": 2}
LATTE = PATCHED | {
    "caption_channels": 4096, "num_layers": 28, "cross_attention_dim": 1152, "attention_head_dim": 72,
    "attention_bias": True, "norm_type": "ada_norm_single", "norm_elementwise_affine": False,
    "activation_fn": "gelu-approximate",
}  # fmt: skip
HIDREAM = WIDE | {"caption_channels": [4096, 4096]}
FACTORS = {"short_factor": [1.0], "long_factor": [1.0]}
Z_IMAGE = {"dim": 24, "n_heads": 3, "axes_dims": [4, 4], "axes_lens": [5, 6]}


@pytest.mark.parametrize(
    ("name", "config", "total"),
    [
        ("AceStepTransformer1DModel", {}, 1575458880),
        ("AllegroTransformer3DModel", {}, 2771907856),
        ("AnyFlowFARTransformer3DModel", {}, 14317342784),
        ("AnyFlowTransformer3DModel", {}, 14316026944),
        ("BriaFibo2Transformer2DModel", {}, 8127342213),
        ("ChronoEditTransformer3DModel", {}, 14288491584),
        ("CogView3PlusTransformer2DModel", {}, 2848836672),
        ("ConsisIDTransformer3DModel", {"is_train_face": True}, 2041886272),
        ("CosmosControlNetModel", {}, 1125310464),
        ("CosmosTransformer3DModel", {}, 7236192256),
        ("CosmosTransformer3DModel", {"extra_pos_embed_type": None, "img_context_dim_in": 1152}, 8646339584),
        ("EasyAnimateTransformer3DModel", WIDE | {"out_channels": 16}, 11799053376),
        ("HeliosTransformer3DModel", {}, 14312427584),
        ("HiDreamImageTransformer2DModel", HIDREAM, 17105733184),
        ("HunyuanDiT2DModel", PATCHED | {"hidden_size": 1408}, 1043217184),
        ("HunyuanImageTransformer2DModel", {}, 17411235904),
        ("HunyuanVideo15Transformer3DModel", {"task_type": "t2v"}, 8326608160),
        ("HunyuanVideoFramepackTransformer3DModel", {"has_image_proj": True, "has_clean_x_embedder": True},
         12874314816),
        ("JoyImageEditPlusTransformer3DModel", {}, 4620995648),
        ("JoyImageEditTransformer3DModel", {}, 4620995648),
        ("Kandinsky5Transformer3DModel", {}, 2147285776),
        ("Kandinsky6Transformer3DModel", {}, 48188504148),
        ("Krea2Transformer2DModel", {}, 12820073036),
        ("LatteTransformer3DModel", LATTE, 1057228432),
        ("LongCatImageTransformer2DModel", {}, 11877803072),
        ("LuminaNextDiT2DModel", {"num_kv_heads": 8}, 2337901344),
        ("NucleusMoEImageTransformer2DModel", {}, 22672721408),
        ("OmniGenTransformer2DModel", {"rope_scaling": FACTORS}, 3762072592),
        ("OvisImageTransformer2DModel", {}, 7370449728),
        ("PRXTransformer2DModel", {}, 1170691648),
        ("QwenImageControlNetModel", {}, 20977938944),
        ("SanaControlNetModel", {}, 631576960),
        ("SanaVideoTransformer3DModel", {}, 1905841344),
        ("SkyReelsV2Transformer3DModel", {"inject_sample_info": True}, 2221256768),
        ("StableAudioDiTModel", {}, 1056939136),
        ("WanAnimate2Transformer3DModel", {}, 16394878784),
        ("WanAnimateTransformer3DModel", {}, 15177050484),
        ("WanVACETransformer3DModel", {}, 17337592896),
        ("ZImageTransformer2DModel", {}, 6154908736),
        ("ZImageTransformer2DModel", {"siglip_feat_dim": 1152}, 6513266880),
        ("ZImageTransformer2DModel", Z_IMAGE | {"n_layers": 3, "qk_norm": False}, 416656),
    ],
)  # fmt: skip
def test_totals_of_diffusers(name: str, config: dict[str, Any], total: int) -> None:
    assert count_component(name, config) == total


@pytest.mark.parametrize(
    ("name", "config", "pointer"),
    [
        ("AceStepTransformer1DModel", {"layer_types": ["full_attention"]}, "/layer_types"),
        ("AnyFlowTransformer3DModel", {"patch_size": 2}, "/patch_size"),
        ("BriaFibo2Transformer2DModel", {"axes_lens": [8]}, "/axes_lens"),
        ("BriaFibo2Transformer2DModel", {"dim": 16}, "/n_heads"),
        ("BriaFibo2Transformer2DModel", {"dim": 16, "n_heads": 1}, "/dim"),
        ("BriaFibo2Transformer2DModel", {"injection_layer_ids": [1.0]}, "/injection_layer_ids"),
        ("ConsisIDTransformer3DModel", {"use_learned_positional_embeddings": True},
         "/use_learned_positional_embeddings"),
        ("ConsisIDTransformer3DModel", {"attention_head_dim": 3}, "/attention_head_dim"),
        ("ConsisIDTransformer3DModel", {"is_train_face": True, "LFE_depth": 3}, "/LFE_depth"),
        ("CosmosTransformer3DModel", {"attention_head_dim": 8}, "/attention_head_dim"),
        ("CosmosTransformer3DModel", {"max_size": [1, 1, 1]}, "/max_size"),
        ("CosmosTransformer3DModel", {"mlp_ratio": 1e9}, "/mlp_ratio"),
        ("HeliosTransformer3DModel", {"rope_dim": [4]}, "/rope_dim"),
        ("HeliosTransformer3DModel", {"is_amplify_history": True, "history_scale_mode": "none"},
         "/history_scale_mode"),
        ("HiDreamImageTransformer2DModel", {}, "/patch_size"),
        ("HiDreamImageTransformer2DModel", {"patch_size": 2, "caption_channels": [4096]}, "/caption_channels"),
        ("JoyImageEditTransformer3DModel", {"num_attention_heads": 5}, "/hidden_size"),
        ("Kandinsky5Transformer3DModel", {"axes_dims": [7]}, "/model_dim"),
        ("Krea2Transformer2DModel", {"axes_dims_rope": [7]}, "/axes_dims_rope"),
        ("Krea2Transformer2DModel", {"text_num_attention_heads": 7}, "/text_num_attention_heads"),
        ("LatteTransformer3DModel", LATTE | {"norm_type": "ada_norm"}, "/norm_type"),
        ("LatteTransformer3DModel", LATTE | {"attention_head_dim": 1, "num_attention_heads": 3},
         "/attention_head_dim"),
        ("NucleusMoEImageTransformer2DModel", {"axes_dims_rope": [16]}, "/axes_dims_rope"),
        ("NucleusMoEImageTransformer2DModel", {"capacity_factors": [1.0]}, "/capacity_factors"),
        ("NucleusMoEImageTransformer2DModel", {"mlp_ratio": 0.01}, "/mlp_ratio"),
        ("NucleusMoEImageTransformer2DModel", {"mlp_ratio": "4"}, "/mlp_ratio"),
        ("OmniGenTransformer2DModel", {}, "/rope_scaling"),
        ("OmniGenTransformer2DModel", {"hidden_size": 30}, "/hidden_size"),
        ("OmniGenTransformer2DModel", {"rope_scaling": FACTORS, "vocab_size": 9}, "/pad_token_id"),
        ("PRXTransformer2DModel", {"axes_dim": [7]}, "/hidden_size"),
        ("SanaControlNetModel", {"interpolation_scale": 1, "num_attention_heads": 1, "attention_head_dim": 3},
         "/attention_head_dim"),
        ("SanaVideoTransformer3DModel", {"qk_norm": "other"}, "/qk_norm"),
        ("WanAnimate2Transformer3DModel", {"num_heads": 7}, "/dim"),
        ("WanAnimateTransformer3DModel", {"in_channels": 3}, "/in_channels"),
        ("WanAnimateTransformer3DModel", {"motion_encoder_size": 7}, "/motion_encoder_channel_sizes"),
        ("WanVACETransformer3DModel", {"vace_layers": [1]}, "/vace_layers"),
        ("WanVACETransformer3DModel", {"vace_layers": [0, 40]}, "/vace_layers"),
        ("ZImageTransformer2DModel", Z_IMAGE | {"axes_dims": [4, 2]}, "/axes_dims"),
        ("ZImageTransformer2DModel", Z_IMAGE | {"axes_lens": [5]}, "/axes_lens"),
        ("ZImageTransformer2DModel", {"all_patch_size": [2, 4]}, "/all_f_patch_size"),
        ("ZImageTransformer2DModel", {"n_heads": 3841}, "/n_heads"),
    ],
)  # fmt: skip
def test_refused(name: str, config: dict[str, Any], pointer: str) -> None:
    assert list_pointers(name, config) == [pointer]


@pytest.mark.parametrize(
    ("config", "channels"),
    [({"in_channels": None}, (36, 16)), ({"latent_channels": None}, (36, 16)), ({"in_channels": 12,
     "latent_channels": 4, "out_channels": 3}, (12, 4))],
)  # fmt: skip
def test_channels_of_animate(config: dict[str, Any], channels: tuple[int, int]) -> None:
    root = build_animate(config)
    patches = {child.name: child.tensors[0].shape[1] for child in root.children if "patch" in child.name}
    assert patches == {"patch_embedding": channels[0], "pose_patch_embedding": channels[1]}

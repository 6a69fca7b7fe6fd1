"""Configs inside a config, of other model types or none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.huggingface.configs import GEMMA4, count_config, find_row, list_problems

LLAVA: dict[str, Any] = {
    "architectures": ["LlavaForConditionalGeneration"],
    "model_type": "llava",
    "text_config": {
        "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 152000, "tie_word_embeddings": True,
    },
    "vision_config": {
        "model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 26,
        "num_attention_heads": 16, "image_size": 384, "patch_size": 14,
    },
}  # fmt: skip


def test_a_config_inside_may_be_of_another_model_type() -> None:
    """As many as transformers 5.23 builds: its Qwen2 has biases, its Llama, which is LLaVA's own, has none."""
    report = count_config(LLAVA)
    assert report.exact
    assert report.root.totals.trainable == 908_913_008
    biased = find_row(report.root, "model.language_model.layers.0-23.self_attn.q_proj")
    assert [tensor.shape for tensor in biased.tensors] == [(896, 896), (896,)]
    assert find_row(report.root, "lm_head").tensors[0].tied_to == "model.language_model.embed_tokens.weight"


@pytest.mark.parametrize(
    ("part", "pointer", "code"),
    [
        ({"model_type": "qwen2", "hidden_size": "896"}, "/text_config/hidden_size", "type"),
        ({"model_type": "qwen2", "hidden_size": None}, "/text_config/hidden_size", "type"),
        ({"model_type": "vit"}, "/text_config/model_type", "unverified"),
        ({"model_type": "mine"}, "/text_config/model_type", "unverified"),
        ({"model_type": 7}, "/text_config/model_type", "unverified"),
        ({"model_type": ["qwen2"]}, "/text_config/model_type", "unverified"),
        ([], "/text_config", "type"),
    ],
)
def test_refused_inside(part: Any, pointer: str, code: str) -> None:
    assert (pointer, code) in [problem[:2] for problem in list_problems(LLAVA | {"text_config": part})]


@pytest.mark.parametrize(
    ("parts", "total"),
    [
        ({}, 4_676_271_104),
        ({"text_config": {"model_type": "llama"}, "audio_config": None}, 4_676_271_104),
        (
            {
                "text_config": {"hidden_size": 2048, "num_hidden_layers": 4},
                "audio_config": {"num_hidden_layers": 2, "hidden_size": 640, "intermediate_size": 2560},
            },
            843_822_080,
        ),
    ],
)
def test_a_model_inside_may_always_have_another_blueprint(parts: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds: what the config around fills in is not what Llama alone has."""
    config = {"architectures": ["VoxtralForConditionalGeneration"], "model_type": "voxtral", **parts}
    totals = count_config(config).root.totals
    assert totals.trainable + totals.frozen == total  # the sinusoids of its audio encoder are frozen


@pytest.mark.parametrize(
    ("part", "pointer", "code"),
    [
        ({"model_type": "vit"}, "/text_config/model_type", "unverified"),
        ({"hidden_size": "2048"}, "/text_config/hidden_size", "type"),
        ({"hidden_act": "prelu"}, "", "unverified"),
        ([], "/text_config", "type"),
    ],
)
def test_refused_in_a_model_that_always_has_another_blueprint(part: Any, pointer: str, code: str) -> None:
    config = {"architectures": ["VoxtralForConditionalGeneration"], "model_type": "voxtral", "text_config": part}
    assert (pointer, code) in [problem[:2] for problem in list_problems(config)]


def test_a_refused_model_type_inside_lists_the_known_ones() -> None:
    assert " or llama or " in list_problems(LLAVA | {"text_config": {"model_type": "mine"}})[0][2]


@pytest.mark.parametrize(
    ("parts", "total"),
    [
        ({}, 4_628_569_344),
        ({"vision_config": None}, 4_628_569_344),
        ({"vision_config": {}}, 4_797_113_600),
        ({"vision_config": {"model_type": "gemma4_vision"}, "audio_config": {}}, 5_104_297_504),
    ],
)
def test_a_config_inside_may_be_there_or_not(parts: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds, of the layers of which some share what others keep."""
    report = count_config(GEMMA4 | parts)
    assert report.root.totals.trainable == total
    assert find_row(report.root, "model.language_model.layers.4,9,14.self_attn.k_proj").tensors[0].shape == (512, 1536)


@pytest.mark.parametrize(
    ("part", "pointer", "code"),
    [
        ({"hidden_size": None}, "/vision_config/hidden_size", "type"),
        ({"model_type": "siglip_vision_model"}, "/vision_config/model_type", "unverified"),
        ({"model_type": None}, "/vision_config/model_type", "unverified"),
        ({"model_type": ["gemma4_vision"]}, "/vision_config/model_type", "unverified"),
        ({"head_dim": 63}, "/vision_config/head_dim", "unverified"),
        ([], "/vision_config", "type"),
        (7, "/vision_config", "type"),
    ],
)
def test_refused_where_a_config_may_be_there(part: Any, pointer: str, code: str) -> None:
    assert (pointer, code) in [problem[:2] for problem in list_problems(GEMMA4 | {"vision_config": part})]


@pytest.mark.parametrize(
    ("config", "total"),
    [
        ({"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava"}, 7_062_902_784),
        (
            {
                "architectures": ["LlavaForConditionalGeneration"],
                "model_type": "llava",
                "vision_feature_layer": [-2, -5],
            },
            7_067_097_088,
        ),
        (
            {
                "architectures": ["LlavaNextForConditionalGeneration"],
                "model_type": "llava_next",
                "vision_feature_layer": [-24, -20, -12, -1],
            },
            7_075_489_792,
        ),
    ],
)
def test_features_of_several_layers_widen_the_projector(config: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds; Granite Vision lists four layers."""
    assert count_config(config).root.totals.trainable == total


def test_a_decoder_may_state_the_width_of_the_encoder() -> None:
    """TrOCR base, as transformers 5.23 builds it."""
    decoder = {"model_type": "trocr", "cross_attention_hidden_size": 768, "is_decoder": True}
    encoder = {"model_type": "vit", "image_size": 384, "qkv_bias": False}
    config = {"architectures": ["VisionEncoderDecoderModel"], "model_type": "vision-encoder-decoder"}
    report = count_config(config | {"encoder": encoder, "decoder": decoder})
    assert report.exact
    assert report.root.totals.trainable + report.root.totals.frozen == 333_921_792
    wrong = config | {"encoder": encoder, "decoder": decoder | {"cross_attention_hidden_size": 512}}
    assert [problem[1] for problem in list_problems(wrong)] == ["unverified"]


DONUT: dict[str, Any] = {
    "architectures": ["VisionEncoderDecoderModel"],
    "model_type": "vision-encoder-decoder",
    "encoder": {
        "model_type": "donut-swin", "image_size": [2560, 1920], "embed_dim": 128, "depths": [2, 2, 14, 2],
        "num_heads": [4, 8, 16, 32], "window_size": 10,
    },
    "decoder": {
        "model_type": "mbart", "add_cross_attention": True, "add_final_layer_norm": True, "decoder_layers": 4,
        "max_position_embeddings": 1536, "scale_embedding": True, "vocab_size": 57525,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "total"), [({}, 201_852_024), ({"hidden_size": 1024}, 201_852_024), ({"hidden_size": 7}, 201_860_216)]
)
def test_the_width_that_an_encoder_derives(stated: dict[str, Any], total: int) -> None:
    """Donut base, as transformers 5.23 builds it: the encoder is 1024 = 128 · 2³ wide, unless its config says more."""
    report = count_config(DONUT | {"encoder": DONUT["encoder"] | stated})
    assert report.exact
    assert report.root.totals.trainable + report.root.totals.frozen == total


def test_mistral3_with_the_text_model_of_mistral4() -> None:
    """As many as transformers 5.23 builds."""
    config = {"architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3"}
    report = count_config(config | {"text_config": {"model_type": "mistral4"}})
    assert report.exact
    assert report.root.totals.trainable == 118_864_428_032


SWIN = {"model_type": "swin", "out_features": ["stage1", "stage2", "stage3", "stage4"]}
SWIN_LARGE = SWIN | {"embed_dim": 192, "depths": [2, 2, 18, 2], "num_heads": [6, 12, 24, 48], "window_size": 12}
MASK2FORMER = {"architectures": ["Mask2FormerForUniversalSegmentation"], "model_type": "mask2former"}
UPERNET = {"architectures": ["UperNetForSemanticSegmentation"], "model_type": "upernet"}
DINOV2_LARGE = {
    "model_type": "dinov2", "hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 24,
    "image_size": 518, "patch_size": 14, "out_features": ["stage5", "stage12", "stage18", "stage24"],
    "reshape_hidden_states": False,
}  # fmt: skip
DEPTH_ANYTHING = {
    "architectures": ["DepthAnythingForDepthEstimation"], "model_type": "depth_anything",
    "neck_hidden_sizes": [256, 512, 1024, 1024], "fusion_hidden_size": 256, "reassemble_hidden_size": 1024,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (MASK2FORMER | {"backbone_config": SWIN_LARGE}, 215_453_815),
        (MASK2FORMER | {"backbone_config": SWIN}, 47_403_133),
        (UPERNET | {"backbone_config": SWIN, "auxiliary_in_channels": 384}, 59_829_438),
        (DEPTH_ANYTHING | {"backbone_config": DINOV2_LARGE}, 335_315_649),
    ],
)
def test_backbones(config: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds."""
    report = count_config(config)
    assert report.exact
    assert report.root.totals.trainable + report.root.totals.frozen == total


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        (MASK2FORMER | {"backbone_config": {"model_type": "resnet"}}, "/backbone_config/model_type"),
        (MASK2FORMER | {"backbone_config": SWIN | {"out_features": ["stage4"]}}, "/backbone_config/out_features"),
        (
            MASK2FORMER | {"backbone_config": {"model_type": "swin", "out_indices": [1, 2, 3, 4]}},
            "/backbone_config/out_indices",
        ),
        (MASK2FORMER | {"backbone_config": {"model_type": "swin"}}, ""),
        (
            DEPTH_ANYTHING | {"backbone_config": DINOV2_LARGE | {"out_features": ["stage5"]}},
            "/backbone_config/out_features",
        ),
    ],
)
def test_refused_backbones(config: dict[str, Any], pointer: str) -> None:
    assert pointer in [problem[0] for problem in list_problems(config)]


_HGNET = {
    "model_type": "hgnet_v2",
    "stage_names": ["stem", "stage1", "stage2", "stage3", "stage4"],
    "out_features": ["stage2", "stage3", "stage4"],
}


def test_the_batch_norms_of_a_backbone_that_is_frozen_are_buffers() -> None:
    """As transformers 5.24 builds it: 400 tensors of the backbone, of which 320 are buffers."""
    config = {"architectures": ["DFineForObjectDetection"], "model_type": "d_fine", "backbone_config": _HGNET}
    stem = find_row(count_config(config).root, "model.backbone.model.embedder.stem1.normalization")
    assert [tensor.role for tensor in stem.tensors] == ["buffer"] * 4
    assert [tensor.name for tensor in stem.tensors] == ["weight", "bias", "running_mean", "running_var"]


@pytest.mark.parametrize("field", ["stage_names", "out_features"])
def test_a_field_that_decides_which_tensors_are_around_a_backbone_must_be_stated(field: str) -> None:
    """Without its stage_names one projection would be missing."""
    backbone = {name: value for name, value in _HGNET.items() if name != field}
    config = {"architectures": ["DFineModel"], "model_type": "d_fine", "backbone_config": backbone}
    assert list_problems(config)

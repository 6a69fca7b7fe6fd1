"""Fields in other forms: lists that stand for one value, and values that stand for a list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.huggingface.configs import count_config, list_problems

DEBERTA: dict[str, Any] = {
    "architectures": ["DebertaV2Model"], "model_type": "deberta-v2", "vocab_size": 128100, "type_vocab_size": 0,
    "relative_attention": True, "position_buckets": 256, "norm_rel_ebd": "layer_norm", "share_att_key": True,
    "position_biased_input": False, "hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 6,
}  # fmt: skip
LONGFORMER = {"architectures": ["LongformerModel"], "model_type": "longformer", "num_hidden_layers": 3}
DONUT_SWIN: dict[str, Any] = {
    "architectures": ["DonutSwinModel"], "model_type": "donut-swin", "embed_dim": 128, "depths": [2, 2, 14, 2],
    "num_heads": [4, 8, 16, 32], "window_size": 10,
}  # fmt: skip
VIT = {"architectures": ["ViTModel"], "model_type": "vit"}


AUTOFORMER = {"architectures": ["AutoformerModel"], "model_type": "autoformer", "prediction_length": 24}


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (AUTOFORMER | {"lags_sequence": [1, 2, 3]}, 127_173),
        (AUTOFORMER | {"lags_sequence": [1, 2, 3, 4, 5, 6, 7, 11, 13]}, 130_635),
        (DEBERTA | {"pos_att_type": ["p2c", "c2p"]}, 91_975_680),
        (DEBERTA | {"pos_att_type": "p2c|c2p"}, 91_975_680),
        (DEBERTA | {"pos_att_type": ["c2p"]}, 91_975_680),
        (LONGFORMER | {"attention_window": [32, 64, 512]}, 51_006_720),
        (LONGFORMER | {"attention_window": 512}, 51_006_720),
        (VIT | {"image_size": [384, 384], "patch_size": [16, 16]}, 86_681_088),
        (
            {"architectures": ["SwinModel"], "model_type": "swin", "image_size": [224, 224], "patch_size": [4, 4]},
            27_519_354,
        ),
        (DONUT_SWIN | {"image_size": [2560, 1920]}, 74_180_728),
        ({"architectures": ["Dinov2Model"], "model_type": "dinov2", "image_size": [518, 518]}, 86_580_480),
        ({"architectures": ["VideoMAEModel"], "model_type": "videomae", "patch_size": [16, 16]}, 86_225_664),
        ({"architectures": ["InternVLVisionModel"], "model_type": "internvl_vision", "image_size": 448}, 303_938_560),
        ({"architectures": ["VipLlavaModel"], "model_type": "vipllava", "vision_feature_layer": -2}, 6_931_832_832),
    ],
)
def test_forms(config: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds."""
    report = count_config(config)
    assert report.exact
    assert report.root.totals.trainable + report.root.totals.frozen == total


@pytest.mark.parametrize(
    ("config", "pointer", "code"),
    [
        (DEBERTA | {"pos_att_type": ["c2p", "p2p"]}, "", "unverified"),
        (DEBERTA | {"pos_att_type": ["c2p|p2c"]}, "/pos_att_type", "unverified"),
        (DEBERTA | {"pos_att_type": ["C2P"]}, "/pos_att_type", "unverified"),
        (DEBERTA | {"pos_att_type": [["c2p"]]}, "/pos_att_type", "unverified"),
        (DEBERTA | {"pos_att_type": []}, "/pos_att_type", "unverified"),
        (LONGFORMER | {"attention_window": [512, 512]}, "/attention_window", "type"),
        (LONGFORMER | {"attention_window": [512] * 4}, "/attention_window", "type"),
        (LONGFORMER | {"attention_window": [512, 512, 511]}, "", "unverified"),
        (LONGFORMER | {"attention_window": [512, 512, 2**50]}, "/attention_window", "maximum"),
        (LONGFORMER | {"attention_window": [], "num_hidden_layers": 0}, "/attention_window", "type"),
        (VIT | {"image_size": [224, 384]}, "/image_size", "unverified"),
        (VIT | {"image_size": [224, 224, 3]}, "/image_size", "type"),
        (VIT | {"image_size": [224]}, "/image_size", "type"),
        (VIT | {"image_size": [224.0, 224.0]}, "/image_size", "type"),
        (VIT | {"image_size": [True, True]}, "/image_size", "type"),
        (VIT | {"image_size": {"height": 224, "width": 224}}, "/image_size", "type"),
        (DONUT_SWIN | {"image_size": [2560, 1920], "use_absolute_embeddings": True}, "/image_size", "unverified"),
        (DONUT_SWIN | {"patch_size": [4, 8]}, "/patch_size", "unverified"),
        (  # one encoder layer for each, of which one was verified
            {"architectures": ["PPDocLayoutV3Model"], "model_type": "pp_doclayout_v3", "encode_proj_layers": [2, 2]},
            "/encode_proj_layers",
            "unverified",
        ),
        (  # CLIP's own code divides the size, and fails on a list
            {"architectures": ["CLIPVisionModel"], "model_type": "clip_vision_model", "image_size": [224, 224]},
            "/image_size",
            "type",
        ),
        ({"architectures": ["YolosModel"], "model_type": "yolos", "patch_size": [16, 16]}, "/patch_size", "type"),
    ],
)  # fmt: skip
def test_refused(config: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in [problem[:2] for problem in list_problems(config)]


def test_a_refusal_names_the_other_form() -> None:
    ((_, _, detail),) = list_problems(VIT | {"image_size": [224, 224, 3]})
    assert "must be an integer or a list of two equal ones" in detail

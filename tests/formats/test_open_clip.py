"""open_clip: the config of a CLIP, SigLIP or CoCa model: counted, and refused."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS

VISION = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1}
MODEL = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT}


def block(width: int, ratio: float = 4) -> int:
    """Two norms, attention of 4·width² with its biases, and an MLP."""
    inner = int(width * ratio)
    return 4 * width + 4 * width * width + 4 * width + 2 * width * inner + inner + width


# Patches 32·3·16², a class token, 5 positions, two norms, a projection of 32·16.
VISUAL = 32 * 768 + 32 + 5 * 32 + 2 * 64 + 512 + 2 * block(32)
# Tokens 50·16, 8 positions, a norm, a projection of 16².
TEXTUAL = 800 + 128 + 32 + 256 + block(16)
TOTAL = VISUAL + TEXTUAL + 1
# RoBERTa's 12 blocks; 50,265 tokens, 514 positions, a type, a norm.
ROBERTA = 12 * block(768) + (50265 + 514 + 1 + 2) * 768
# The encoder of M2M-100 has no learned positions: 256,206 tokens, 12 blocks and a norm of 1,024.
NLLB = 12 * block(1024) + (256206 + 2) * 1024


def model(vision: dict[str, Any] | None = None, text: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    config = MODEL | {"vision_cfg": VISION | (vision or {}), "text_cfg": TEXT | (text or {})} | others
    return {"model_cfg": config, "preprocess_cfg": {"mean": [0.5]}}


def resnet() -> int:
    """The vision tower of RN with one block a stage and the width 2, before its pool."""
    stem = 27 + 9 + 2 * 9 + 2 * (1 + 1 + 2)
    blocks = 0
    inputs = 2
    for planes in (2, 4, 8, 16):
        outputs = 4 * planes
        blocks += inputs * planes + 9 * planes * planes + planes * outputs + 2 * (2 * planes + outputs)
        blocks += inputs * outputs + 2 * outputs  # the shortcut
        inputs = outputs
    return stem + blocks


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (model(), TOTAL),
        (model(custom_text=True, quick_gelu=True), TOTAL),
        (model(init_logit_bias=-10), TOTAL + 1),
        (model({"mlp_ratio": 3.0}), TOTAL - 2 * (block(32) - block(32, 3))),
        (model({"image_size": [32, 64], "pool_type": "avg"}), TOTAL + 4 * 32),
        (model({"no_ln_pre": True}), TOTAL - 64),
        (model({"ls_init_value": 0.1}), TOTAL + 2 * 64),
        (model({"scale_fc": True}), TOTAL + 2 * 2 * 128),
        (model({"qk_norm": True, "scale_heads": True}), TOTAL + 2 * (2 * 32 + 2)),
        (model(text={"proj_bias": True}), TOTAL + 16),
        (model(text={"proj_type": "none"}), TOTAL - 256),
        (model(text={"embed_cls": True}), TOTAL + 16),  # a position; CLIP leaves the token out
        (model(text={"embed_cls": True}, custom_text=True), TOTAL + 32),
        # Queries 256·16, projections 16² + 2·16·32, biases 3·16, the output, norms of 16 and 32; what follows is of 16.
        (model({"attentional_pool": True}), TOTAL + 4096 + 1280 + 48 + 272 + 96 - 32 - 256),
        # A pool of 1 + 49 positions over 64 features, three projections, and one to 16.
        (model({"layers": [1, 1, 1, 1], "width": 2, "image_size": 224, "patch_size": None}),
         resnet() + 50 * 64 + 3 * 4160 + 1040 + TEXTUAL + 1),
        # A decoder of one block, one that attends across with one more norm, a norm, and a projection to 50 tokens.
        (model(custom_text=True, multimodal_cfg={"width": 32, "heads": 2, "layers": 1, "mlp_ratio": 2}),
         TOTAL + 2 * block(32) + 64 + 64 + 1600),
        (model(text={"hf_model_name": "FacebookAI/roberta-base"}), VISUAL + ROBERTA + 1 + 784 * 392),
        (model(text={"hf_model_name": "roberta-base", "hf_proj_type": "linear"}, custom_text=True),
         VISUAL + ROBERTA + 1 + 768 * 16),
        (model(text={"hf_model_name": "roberta-base", "hf_proj_type": None, "hf_pooler_type": "cls_pooler"}),
         VISUAL + ROBERTA + 1 + 769 * 768),  # the pooler of transformers is there
        (model(text={"hf_model_name": "facebook/nllb-200-distilled-600M", "hf_proj_type": "linear"}),
         VISUAL + NLLB + 1 + 1024 * 16),
        # timm's resnet18 without a classifier is 11,176,512, with one of 16 classes 513·16 more.
        (model({"timm_model_name": "resnet18", "timm_pool": "avg", "timm_proj": ""}), 11176512 + 8208 + TEXTUAL + 1),
        (model({"timm_model_name": "resnet18", "timm_pool": "avg", "timm_proj": "none"}), 11176512 + TEXTUAL + 1),
    ],
)  # fmt: skip
def test_counted(config: dict[str, Any], total: int) -> None:
    assert detect(config).name == "open_clip"
    report = count(read(config, FORMATS["open_clip"]))
    assert (report.root.totals.trainable, report.exact) == (total, True)


def test_a_projection_behind_a_model_of_timm() -> None:
    """27,820,128 are of convnext_tiny without its classifier, whose 768 features are projected."""
    config = model({"timm_model_name": "convnext_tiny", "timm_pool": "", "timm_proj": "linear"})
    report = count(read(config, FORMATS["open_clip"]))
    assert report.root.totals.trainable == 27820128 + 768 * 16 + TEXTUAL + 1


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"model_cfg": {}}, "/model_cfg/embed_dim"),
        (model(embed_dim=0), "/model_cfg/embed_dim"),
        (model(text_cfg=3), "/model_cfg/text_cfg"),
        (model(other=1), "/model_cfg/other"),
        (model({"widht": 3}), "/model_cfg/vision_cfg/widht"),
        (model({"width": "3"}), "/model_cfg/vision_cfg/width"),
        (model({"width": None}), "/model_cfg/vision_cfg/width"),
        (model({"width": 33}), "/model_cfg/vision_cfg/width"),
        (model({"patch_size": 0}), "/model_cfg/vision_cfg/patch_size"),
        (model({"patch_size": None}), "/model_cfg/vision_cfg/patch_size"),
        (model({"layers": [1, 2]}), "/model_cfg/vision_cfg/layers"),
        (model({"mlp_ratio": 1e300}), "/model_cfg/vision_cfg/mlp_ratio"),
        (model({"attentional_pool": True, "attn_pooler_heads": 3}), "/model_cfg/vision_cfg/attn_pooler_heads"),
        (model({"pos_embed_type": "rope"}), "/model_cfg/vision_cfg/pos_embed_type"),
        (model({"pos_embed_type": "sin_cos_2d", "image_size": [32, 64]}), "/model_cfg/vision_cfg/pos_embed_type"),
        (model({"qk_norm": True, "scaled_cosine_attn": True}), "/model_cfg/vision_cfg/qk_norm"),
        (model({"timm_model_name": "resnet19"}), "/model_cfg/vision_cfg/timm_model_name"),
        (model({"timm_model_name": "resnet18", "timm_pool": "rot_attn"}), "/model_cfg/vision_cfg/timm_pool"),
        (model({"timm_model_name": "resnet18", "timm_pool": "avg"}), "/model_cfg/vision_cfg/timm_proj"),
        (model(text={"hf_model_name": "someone/model"}), "/model_cfg/text_cfg/hf_model_name"),
        (model(text={"hf_model_name": "roberta-base", "hf_proj_type": "x"}), "/model_cfg/text_cfg/hf_proj_type"),
        (model(text={"hf_model_name": "roberta-base", "hf_pooler_type": "x"}), "/model_cfg/text_cfg/hf_pooler_type"),
        (model(text={"heads": 3}), "/model_cfg/text_cfg/width"),
        (model(multimodal_cfg={}), "/model_cfg/multimodal_cfg"),
        (model(custom_text=True, multimodal_cfg={"width": 30}), "/model_cfg/multimodal_cfg/width"),
    ],
)
def test_refused(config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read(config, FORMATS["open_clip"])
    assert pointer in [problem.pointer for problem in refused.value.problems]

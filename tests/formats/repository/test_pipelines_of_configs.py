"""Pipelines of diffusers from the configs of their components alone."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS
from tests.formats.diffusers.test_components import BASE, DECODER, ENCODER, QUANT, UNET, VAE

T5 = {"model_type": "t5", "d_model": 16, "d_kv": 4, "d_ff": 10, "num_layers": 1, "num_heads": 2, "vocab_size": 30}
# 30·16; attention 4·16·8, its positions 32·2, a norm; MLP 2·16·10, a norm; the last norm.
T5_ENCODER = 480 + 512 + 64 + 16 + 320 + 16 + 16
CLIP = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 32, "patch_size": 16}  # fmt: skip
# A class token, patches of 3·16², five positions, two norms, and a layer: two norms, attention, an MLP.
CLIP_VISION = 16 + 16 * 768 + 5 * 16 + 64 + 64 + 4 * (256 + 16) + 2 * 16 * 24 + 24 + 16
TOTAL = BASE + ENCODER + DECODER + QUANT


def pipeline(configs: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    index = {
        "_class_name": "StableDiffusionPipeline",
        "requires_safety_checker": False,
        "feature_extractor": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    files = {"model_index.json": index | others, "unet/config.json": UNET, "vae/config.json": VAE}
    return {"files": files | (configs or {})}


@pytest.mark.parametrize(
    ("files", "total", "frozen"),
    [
        (pipeline(), TOTAL, 0),
        (pipeline({"text_encoder/config.json": T5}, text_encoder=["transformers", "T5EncoderModel"]),
         TOTAL + T5_ENCODER, 0),
        (pipeline({"checker/config.json": {"architectures": ["StableDiffusionSafetyChecker"], "model_type": "clip",
                                           "vision_config": CLIP, "projection_dim": 8}},
                  checker=["stable_diffusion", "StableDiffusionSafetyChecker"]),
         TOTAL + CLIP_VISION + 16 * 8, 20 * 8 + 20),
    ],
)  # fmt: skip
def test_counted(files: dict[str, Any], total: int, frozen: int) -> None:
    report = count(read(files, FORMATS["repository"]))
    assert (report.root.totals.trainable, report.root.totals.frozen, report.exact) == (total, frozen, True)


@pytest.mark.parametrize(
    ("files", "pointer"),
    [
        (pipeline({"unet/config.json": {"_class_name": "MyUNet"}}), "/files/unet~1config.json/_class_name"),
        (pipeline({"unet/config.json": UNET | {"norm_num_groups": 3}}), "/files/unet~1config.json/norm_num_groups"),
        (pipeline({"vae/config.json": VAE | {"latent_channels": "4"}}), "/files/vae~1config.json/latent_channels"),
        (pipeline({"text/config.json": T5}, text=["transformers", "T6"]), "/files/text~1config.json/architectures/0"),
        (pipeline({"checker/config.json": {"architectures": ["StableDiffusionSafetyChecker"]}},
                  checker=["stable_diffusion", "StableDiffusionSafetyChecker"]),
         "/files/checker~1config.json/vision_config"),
    ],
)  # fmt: skip
def test_refused(files: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problems) as refused:
        read(files, FORMATS["repository"])
    assert pointer in [problem.pointer for problem in refused.value.problems]

"""python -m tools.libraries.diffusers_pipelines: whole pipelines of diffusers, of small configs, from their folders."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS
from tools.architectures.building import torch
from tools.libraries.diffusers_models import draw

import diffusers  # isort: skip # after what makes torchvision's operators
import transformers

RANDOM = 3
"""Pipelines of each kind."""

_CLIP = "CLIPTextModel"
_PROJECTED = "CLIPTextModelWithProjection"
_T5 = "T5EncoderModel"

PIPELINES: Mapping[str, Mapping[str, str]] = {
    "AnimateDiffPipeline": {
        "unet": "UNetMotionModel",
        "motion_adapter": "MotionAdapter",
        "vae": "AutoencoderKL",
        "text_encoder": _CLIP,
    },
    "AuraFlowPipeline": {
        "transformer": "AuraFlowTransformer2DModel",
        "vae": "AutoencoderKL",
        "text_encoder": "UMT5EncoderModel",
    },
    "CogVideoXPipeline": {
        "transformer": "CogVideoXTransformer3DModel",
        "vae": "AutoencoderKLCogVideoX",
        "text_encoder": _T5,
    },
    "DDPMPipeline": {
        "unet": "UNet2DModel",
    },
    "DiTPipeline": {
        "transformer": "DiTTransformer2DModel",
        "vae": "AutoencoderKL",
    },
    "FluxPipeline": {
        "transformer": "FluxTransformer2DModel",
        "vae": "AutoencoderKL",
        "text_encoder": _CLIP,
        "text_encoder_2": _T5,
    },
    "Flux2Pipeline": {
        "transformer": "Flux2Transformer2DModel",
        "vae": "AutoencoderKLFlux2",
        "text_encoder": "Mistral3ForConditionalGeneration",
    },
    "Lumina2Pipeline": {
        "transformer": "Lumina2Transformer2DModel",
        "vae": "AutoencoderKL",
        "text_encoder": "Gemma2Model",
    },
    "PixArtAlphaPipeline": {
        "transformer": "PixArtTransformer2DModel",
        "vae": "AutoencoderKL",
        "text_encoder": _T5,
    },
    "QwenImagePipeline": {
        "transformer": "QwenImageTransformer2DModel",
        "vae": "AutoencoderKLQwenImage",
        "text_encoder": "Qwen2_5_VLForConditionalGeneration",
    },
    "StableDiffusion3Pipeline": {
        "transformer": "SD3Transformer2DModel",
        "vae": "AutoencoderKL",
        "text_encoder": _PROJECTED,
        "text_encoder_2": _PROJECTED,
        "text_encoder_3": _T5,
    },
    "StableDiffusionControlNetPipeline": {
        "unet": "UNet2DConditionModel",
        "controlnet": "ControlNetModel",
        "vae": "AutoencoderKL",
        "text_encoder": _CLIP,
    },
    "StableDiffusionPipeline": {
        "unet": "UNet2DConditionModel",
        "vae": "AutoencoderKL",
        "text_encoder": _CLIP,
        "image_encoder": "CLIPVisionModelWithProjection",
    },
    "StableDiffusionXLPipeline": {
        "unet": "UNet2DConditionModel",
        "vae": "AutoencoderTiny",
        "text_encoder": _CLIP,
        "text_encoder_2": _PROJECTED,
    },
    "StableVideoDiffusionPipeline": {
        "unet": "UNetSpatioTemporalConditionModel",
        "vae": "AutoencoderKLTemporalDecoder",
        "image_encoder": "CLIPVisionModelWithProjection",
    },
    "TextToVideoSDPipeline": {
        "unet": "UNet3DConditionModel",
        "vae": "AutoencoderKL",
        "text_encoder": _CLIP,
    },
    "WanPipeline": {
        "transformer": "WanTransformer3DModel",
        "vae": "AutoencoderKLWan",
        "text_encoder": "UMT5EncoderModel",
    },
}
"""The components of pipelines that own weights, by class."""

_SMALL: Mapping[str, Mapping[str, Any]] = {
    "AuraFlowTransformer2DModel": {"num_mmdit_layers": 1, "num_single_dit_layers": 2, "joint_attention_dim": 32},
    "CogVideoXTransformer3DModel": {"num_layers": 2, "num_attention_heads": 2, "text_embed_dim": 16},
    "DiTTransformer2DModel": {"num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 8, "sample_size": 8},
    "FluxTransformer2DModel": {"num_layers": 1, "num_single_layers": 2, "joint_attention_dim": 32},
    "Flux2Transformer2DModel": {"num_layers": 2, "num_single_layers": 1, "num_attention_heads": 4},
    "Lumina2Transformer2DModel": {"num_layers": 2, "num_refiner_layers": 1, "cap_feat_dim": 16},
    "PixArtTransformer2DModel": {"num_layers": 2, "caption_channels": 16},
    "QwenImageTransformer2DModel": {"num_layers": 2, "joint_attention_dim": 16},
}
"""Arguments that make a class small, of those whose configs are not drawn."""

_EXTRA = {"scheduler": ["diffusers", "DDIMScheduler"], "tokenizer": ["transformers", "CLIPTokenizer"]}


def main() -> int:
    """Exit status 1 where a pipeline is counted otherwise than diffusers and transformers build its parts."""
    chance = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    equal = wrong = 0
    for title, components in PIPELINES.items():
        for _ in range(RANDOM):
            files, truth = _build(title, components, chance)
            try:
                counted = _count(files)
            except Problems as problems:
                print(
                    f"{title}: refused: {[f'{one.pointer} {one.detail[:120]}' for one in problems.problems]}",
                    flush=True,
                )
                continue
            equal += counted == truth
            wrong += counted != truth
            if counted != truth:
                print(f"{title}: WRONG: {truth}, not {counted}", flush=True)
    print(f"diffusers {diffusers.__version__}: {equal} pipelines equal, {wrong} wrong")
    return int(wrong > 0)


def _count(files: Mapping[str, Any]) -> dict[str, int]:
    root = count(read({"files": files}, FORMATS["repository"])).root
    return {row.name: row.totals.trainable + row.totals.frozen for row in root.children if row.totals.trainable}


def _build(title: str, components: Mapping[str, str], chance: random.Random) -> tuple[dict[str, Any], dict[str, int]]:
    """The files of a pipeline, and the parameters of each component."""
    index: dict[str, Any] = {"_class_name": title, "_diffusers_version": diffusers.__version__, **_EXTRA}
    files: dict[str, Any] = {"model_index.json": index, "scheduler/scheduler_config.json": {}}
    truth = {}
    for name, kind in components.items():
        for config, model in _iterate_built(kind, chance):
            library = "diffusers" if hasattr(diffusers, kind) else "transformers"
            index[name] = [library, kind]
            files[f"{name}/config.json"] = config
            truth[name] = sum(parameter.numel() for parameter in model.parameters())
    return files, truth


def _iterate_built(kind: str, chance: random.Random) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield the config and the model of the first drawn config that its library builds."""
    while True:
        try:
            with torch.device("meta"):
                if hasattr(diffusers, kind):
                    config = {"_class_name": kind, **(_SMALL.get(kind) or draw(kind, chance))}
                    model = getattr(diffusers, kind).from_config(dict(config))
                    yield {**config, "_diffusers_version": diffusers.__version__}, model
                else:
                    cls = getattr(transformers, kind)
                    config_object = cls.config_class(**_draw_text(kind, chance))
                    config_object.architectures = [kind]
                    yield config_object.to_dict(), cls(config_object)
        except (ValueError, TypeError, ZeroDivisionError, AssertionError):
            continue
        return


def _draw_text(kind: str, chance: random.Random) -> dict[str, Any]:
    """A small text or image encoder."""
    layers, width = chance.choice([1, 2, 3]), chance.choice([16, 32])
    if "T5" in kind:
        return {"num_layers": layers, "d_model": width, "d_kv": 4, "num_heads": 2, "d_ff": 24, "vocab_size": 50}
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 24}
    if kind.startswith("CLIP"):
        return sizes | {"vocab_size": 50, "projection_dim": 16}
    text = sizes | {"num_key_value_heads": 1, "vocab_size": 50, "head_dim": 8}
    return text if kind == "Gemma2Model" else {"text_config": text}


if __name__ == "__main__":
    sys.exit(main())

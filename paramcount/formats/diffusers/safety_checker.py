"""The safety checker of Stable Diffusion, which diffusers defines as a class of transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.composition import nest
from paramcount.formats.huggingface import huggingface
from paramcount.formats.parts import assemble, linear
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument
from paramcount.model.tensors import Tensor


def read_safety_checker(config: Mapping[str, Any]) -> Document:
    """Source: diffusers.pipelines.stable_diffusion.safety_checker.StableDiffusionSafetyChecker."""
    vision = config.get("vision_config")
    if not isinstance(vision, Mapping):
        raise InvalidDocument("must be an object", "/vision_config")
    stated = dict(vision) | {"architectures": ["CLIPVisionModel"], "model_type": "clip_vision_model"}
    document = huggingface(stated)
    width, projected = vision.get("hidden_size", 768), config.get("projection_dim", 512)
    if type(projected) is not int or projected < 1 or type(width) is not int:
        raise InvalidDocument("must be an integer of at least 1", "/projection_dim")

    def tensors() -> Iterator[Tensor]:
        yield from linear("visual_projection", width, projected, bias=False)
        for name, count in (("concept_embeds", 17), ("special_care_embeds", 3)):
            yield Tensor(name, (count, projected), trainable=False)
            yield Tensor(f"{name}_weights", (count,), trainable=False)

    root = assemble("", "StableDiffusionSafetyChecker", tensors(), [nest(document.root, "vision_model")])
    return document._replace(root=root)

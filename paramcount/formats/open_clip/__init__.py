"""open_clip: the open_clip_config.json of a CLIP model: its own towers, and timm's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.built_models import get_or_build
from paramcount.formats.open_clip.configs import TextConfig, VisionConfig, check
from paramcount.formats.open_clip.towers import build_decoder, build_text, build_vision
from paramcount.formats.repository.folder import locate_problems
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, raise_problems, token
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import reader
from paramcount.schema.signature import MAX_DIMENSION

VERSION = "3.3.0"
"""The release of open_clip that the towers were verified against."""

_EXAMPLE = {
    "model_cfg": {
        "embed_dim": 512,
        "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
    }
}

_KNOWN = frozenset(
    (
        "embed_dim", "vision_cfg", "text_cfg", "multimodal_cfg", "custom_text", "quick_gelu", "init_logit_scale",
        "init_logit_bias", "nonscalar_logit_scale", "output_dict", "pad_id",
    )
)  # fmt: skip


class _ModelConfig(Schema):
    """The arguments of a model of open_clip."""

    class Meta:
        unknown = INCLUDE

    embed_dim = fields.Integer(strict=True, required=True, validate=validate.Range(1, MAX_DIMENSION))
    vision_cfg = fields.Dict(required=True)
    text_cfg = fields.Dict(required=True)
    multimodal_cfg = fields.Dict()
    custom_text = fields.Boolean()


class OpenClipConfig(Schema):
    """An open_clip_config.json: the model's config, and that of its preprocessing, which is not read."""

    class Meta:
        unknown = INCLUDE

    model_cfg = fields.Nested(_ModelConfig, required=True)


def _claims(payload: Any) -> bool:
    return isinstance(payload, dict) and isinstance(payload.get("model_cfg"), Mapping)


@reader("open_clip", claims=_claims, members=("model_cfg",), schema=OpenClipConfig, example=_EXAMPLE)
def open_clip(payload: Mapping[str, Any]) -> Document:
    """The open_clip_config.json of a CLIP, SigLIP or CoCa model: its towers exactly as open_clip builds them."""
    config = payload["model_cfg"]
    with locate_problems("/model_cfg"):
        raise_problems(_find_problems(config))
        model = get_or_build("open_clip", config, partial(_build, config))
    warnings = (ReportWarning("verified", "", f"{model.root.type} of open_clip {VERSION}"),)
    return Document(model.root, "torch", "torch", warnings=warnings, counts=model.counts)


def _find_problems(config: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    for name in sorted(config.keys() - _KNOWN):
        yield InvalidDocument("is no argument of open_clip's models", token(name[:100]), "unknown_member")
    yield from check(VisionConfig, config["vision_cfg"], "/vision_cfg")
    yield from check(TextConfig, config["text_cfg"], "/text_cfg")
    if "multimodal_cfg" in config:
        yield from check(TextConfig, config["multimodal_cfg"], "/multimodal_cfg")
        if not is_custom_text(config):
            yield InvalidDocument("needs custom_text", "/multimodal_cfg")


def is_custom_text(config: Mapping[str, Any]) -> bool:
    """Return whether the text tower is a module of its own. Source: open_clip.factory.create_model."""
    text = config["text_cfg"]
    return bool(config.get("custom_text") or (isinstance(text, Mapping) and text.get("hf_model_name")))


def _build(config: Mapping[str, Any]) -> Layer:
    """The model: CLIP, whose text tower lies open, CustomTextCLIP, or CoCa. Source: open_clip.model."""
    embed_dim, is_custom = config["embed_dim"], is_custom_text(config)
    with locate_problems("/vision_cfg"):
        visual = build_vision(VisionConfig(**config["vision_cfg"]), embed_dim)
    text_config = TextConfig(**config["text_cfg"])
    with locate_problems("/text_cfg"):
        text = build_text(text_config, embed_dim)
    shape = (1,) if config.get("nonscalar_logit_scale") else ()
    scales = [Tensor("logit_scale", shape)]
    if config.get("init_logit_bias") is not None:
        scales.append(Tensor("logit_bias", shape))
    if not is_custom:
        kept = tuple(tensor for tensor in text.tensors if tensor.name != "cls_emb")
        return Layer("CLIP", "CLIP", children=(visual, *text.children), tensors=(*kept, *scales))
    if "multimodal_cfg" not in config:
        return Layer("CustomTextCLIP", "CustomTextCLIP", children=(visual, text), tensors=tuple(scales))
    with locate_problems("/multimodal_cfg"):
        decoder = build_decoder(TextConfig(**config["multimodal_cfg"]), text_config.vocab_size)
    return Layer("CoCa", "CoCa", children=(text, visual, decoder), tensors=tuple(scales))

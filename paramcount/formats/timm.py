"""timm: the config.json of a timm model on the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.architectures.models import build_document, find, read_image_size
from paramcount.formats.claims import is_timm_config
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, raise_problems, token
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

_EXAMPLE = {
    "architecture": "resnet50",
    "num_classes": 10,
    "model_args": {"num_classes": 10, "in_chans": 3, "global_pool": "avg"},
    "pretrained_cfg": {"input_size": [3, 224, 224], "fixed_input_size": False, "num_classes": 10},
}

_WEIGHTLESS = frozenset(
    (
        "drop_rate", "drop_path_rate", "proj_drop_rate", "attn_drop_rate", "pos_drop_rate", "patch_drop_rate",
        "drop_block_rate", "dynamic_img_size", "dynamic_img_pad", "strict_img_size", "scriptable", "exportable",
        "no_jit", "pretrained", "pretrained_strict", "checkpoint_path",
    )
)  # fmt: skip
"""The arguments that change no tensor, of any architecture."""

_UNFIXED = ("dynamic_img_size", "use_naflex")
"""The arguments that let a model take images of any size (timm.models._hub._parse_model_cfg)."""


class TimmConfig(Schema):
    """A config.json of timm: the architecture, and the arguments that it was made with."""

    class Meta:
        unknown = INCLUDE

    architecture = fields.String(required=True, validate=validate.Length(1, 200))
    num_classes = fields.Raw(metadata={"description": "of the classifier; 0 leaves it out"})
    model_args = fields.Dict(allow_none=True, metadata={"description": "in_chans, global_pool, img_size"})
    pretrained_cfg = fields.Dict(metadata={"description": "the checkpoint's own: input_size, num_classes"})


@reader("timm", claims=is_timm_config, members=("architecture",), schema=TimmConfig, example=_EXAMPLE)
def timm(payload: Mapping[str, Any]) -> Document:
    """The config.json of a timm model: the architecture with its arguments, exactly as timm builds it."""
    name = payload["architecture"]
    entry = find("timm", name, "/architecture")
    arguments, pointers = _read_arguments(payload)
    raise_problems(_refuse_unknown(payload.get("model_args") or {}))
    if "img_size" not in entry.defaults and "img_size" in arguments and pointers["img_size"] != "/model_args/img_size":
        del arguments["img_size"]
    if "img_size" in entry.defaults and "img_size" not in arguments:
        unfixed = entry.defaults.get("unfixed_img_size", entry.defaults["img_size"])
        arguments["img_size"], pointers["img_size"] = read_image_size(unfixed), "/model_args"
    return build_document("timm", name, entry, arguments, pointers)


def _read_arguments(payload: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The arguments that timm makes of a config, and where each stands. Raises InvalidDocument.

    Source: timm.models._hub._parse_model_cfg, and _update_default_model_kwargs of timm.models._builder.
    """
    stated = payload.get("model_args") or {}
    cfg, prefix = (payload["pretrained_cfg"], "/pretrained_cfg") if "pretrained_cfg" in payload else (payload, "")
    size = cfg.get("input_size", [3, 224, 224])
    if not isinstance(size, list) or len(size) != 3:
        raise InvalidDocument(f"must be a list of three sizes, not {format_value(size)}", f"{prefix}/input_size")
    classes_pointer = "/num_classes" if "num_classes" in payload else f"{prefix}/num_classes"
    arguments = {
        "num_classes": payload.get("num_classes", cfg.get("num_classes", 1000)),
        "in_chans": size[0],
    }
    pointers = {"num_classes": classes_pointer, "in_chans": f"{prefix}/input_size/0"}
    is_fixed = cfg.get("fixed_input_size") and stated.get("strict_img_size") is not False
    if is_fixed and not any(stated.get(name) for name in _UNFIXED):
        arguments["img_size"], pointers["img_size"] = size[1:], f"{prefix}/input_size"
    for name in ("num_classes", "in_chans", "img_size", "global_pool"):
        if stated.get(name) is not None or name in stated.keys() - {"img_size", "in_chans"}:
            arguments[name], pointers[name] = stated[name], f"/model_args/{name}"
    return arguments, pointers


def _refuse_unknown(stated: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    known = _WEIGHTLESS | {"num_classes", "in_chans", "img_size", "global_pool"}
    for name in sorted(stated.keys() - known):
        yield InvalidDocument("was not verified, and may size something", f"/model_args{token(name)}", "unsupported")

"""diffusers: the config.json of a component: a UNet, an autoencoder, a transformer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.claims import is_safety_checker
from paramcount.formats.diffusers.components import LIBRARY, build_component
from paramcount.formats.diffusers.safety_checker import read_safety_checker
from paramcount.formats.huggingface.blueprints import load_index
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import reader

_EXAMPLE = {
    "_class_name": "AutoencoderKL",
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
}


class DiffusersConfig(Schema):
    """A component's config.json."""

    class Meta:
        unknown = INCLUDE

    class_name = fields.String(
        data_key="_class_name", validate=validate.Length(1, 200), metadata={"description": "the component's class"}
    )


def _claims(payload: Any) -> bool:
    return isinstance(payload, dict) and ("_class_name" in payload or is_safety_checker(payload))


@reader("diffusers", claims=_claims, members=("_class_name", "architectures"), schema=DiffusersConfig, example=_EXAMPLE)
def diffusers(payload: Mapping[str, Any]) -> Document:
    """The config.json of a component of diffusers: what its class builds of it, exactly as it would."""
    if is_safety_checker(payload):
        return read_safety_checker(payload)
    if "_class_name" not in payload:
        raise InvalidDocument('must have a "_class_name"', "", "required")
    root, counts = build_component(payload["_class_name"], payload, "/_class_name")
    detail = f"{root.type or root.name} of diffusers {load_index(LIBRARY).version}"
    return Document(root, "torch", "torch", warnings=(ReportWarning("verified", "", detail),), counts=counts)

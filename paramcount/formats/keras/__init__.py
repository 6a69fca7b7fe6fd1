"""keras: what `model.to_json()` writes, what `config.json` in a .keras archive holds, and the archive itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.keras.archive import opened
from paramcount.formats.keras.reading import Reading
from paramcount.formats.keras.warnings import from_optimizer
from paramcount.formats.keras.written import decoded
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.layers import Layer
from paramcount.schema.registry import reader

_EXAMPLE = {
    "class_name": "Sequential",
    "config": {
        "name": "classifier",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "pixels", "batch_shape": [None, 784]}},
            {"class_name": "Dense", "config": {"name": "digit", "units": 10}},
        ],
    },
}


class KerasLayer(Schema):
    """A layer or a model as Keras serializes it: its class, and the arguments that rebuild it."""

    class Meta:
        unknown = INCLUDE

    class_name = fields.String(required=True, validate=validate.Length(1, 200))
    config = fields.Nested(lambda: KerasConfig(), required=True)
    name = fields.String()
    inbound_nodes = fields.List(
        fields.Raw(metadata={"type": ["object", "array"], "items": {}}),
        metadata={"description": "the calls of a layer: objects as Keras 3 writes them, lists as Keras 2 did"},
    )


class KerasConfig(Schema):
    """The arguments of a layer's constructor; for a model, its layers and how they are wired."""

    class Meta:
        unknown = INCLUDE

    name = fields.String()
    trainable = fields.Boolean()
    layers = fields.List(fields.Nested(KerasLayer))


def _claims(payload: Any) -> bool:
    if isinstance(payload, bytes | bytearray):
        return payload[:2] == b"PK" and b"config.json" in payload
    return isinstance(payload, dict) and "class_name" in payload and "config" in payload


def _lazily(raw: bytes) -> Document | None:
    """The model of sound JSON that Keras 3 wrote."""
    if (document := decoded(raw)) is None:
        return None
    try:
        return _read(document)
    except (ArchitectureError, Problems, RecursionError, ValueError):  # what is wrong is told by who decodes all
        return None


@reader("keras", claims=_claims, schema=KerasLayer, example=_EXAMPLE, media="application/octet-stream", lazily=_lazily)
def keras(payload: Any) -> Document:
    """The JSON of a Keras model, Keras 3 or 2: Functional or Sequential, nested, shared, frozen; or a .keras file.

    Raises Problems with everything that is wrong with it.
    """
    return _read(opened(payload) if isinstance(payload, bytes | bytearray) else payload)


def _read(document: Any) -> Document:
    """The model that is written. Raises Problems."""
    reading = Reading()
    root = reading.layer(document, "", root=True)
    if reading.problems:
        raise Problems(reading.problems)
    compiled = document.get("compile_config") if isinstance(document, Mapping) else None
    return Document(
        root,
        "keras",
        "keras",
        inputs=reading.stated_input(document, root),
        warnings=tuple(reading.warnings),
        read_nested_layer=_read_nested_layer,
        type_pointer="/class_name",
        config_pointer="/config",
        lenient=True,
        warnings_from_totals=lambda totals: from_optimizer(compiled, totals),
    )


def _read_nested_layer(item: Any, pointer: str) -> Layer:
    """A layer inside a wrapper's config."""
    reading = Reading()
    layer = reading.layer(item, pointer)
    if reading.problems:
        raise Problems(reading.problems)
    return layer

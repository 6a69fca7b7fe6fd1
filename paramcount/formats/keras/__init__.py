"""keras: the JSON of `model.to_json()`, the `config.json` of a .keras archive, the archive itself, and HDF5 files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats import unique_names
from paramcount.formats.keras.archive import may_be_archive, read_config
from paramcount.formats.keras.files import hold_against_archive, read_hdf5
from paramcount.formats.keras.raw import parse_document
from paramcount.formats.keras.reader import KerasReader, find_input_shape
from paramcount.formats.keras.sharing import mark_first_occurrences
from paramcount.formats.keras.warnings import warn_of_optimizer, warn_of_orphan
from paramcount.formats.keras.writer import Writer, find_writer
from paramcount.formats.signatures import file_kind
from paramcount.formats.source import NotJSON, decode, encode
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument, raise_problems
from paramcount.model.layers import Layer
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

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
    """A layer or a model as Keras serializes it: its class, and the arguments that rebuild it.

    TensorFlow.js and HDF5 files have it inside `modelTopology` or `model_config`.
    """

    class Meta:
        unknown = INCLUDE

    class_name = fields.String(validate=validate.Length(1, 200))
    config = fields.Raw(
        metadata={
            "type": ["object", "array"],
            "items": {},
            "description": "the arguments of a layer's constructor; for a model, its `layers` and how they are wired; "
            "before Keras 2.2.3, the list of a Sequential's layers",
        }
    )
    name = fields.String()
    inbound_nodes = fields.List(
        fields.Raw(metadata={"type": ["object", "array"], "items": {}}),
        metadata={"description": "the calls of a layer: objects as Keras 3 writes them, lists as Keras 2 did"},
    )
    keras_version = fields.Raw(metadata={"description": "the version that wrote it, which decides what it means"})
    modelTopology = fields.Raw(metadata={"description": "the document, where it has no class"})  # noqa: N815
    model_config = fields.Raw(metadata={"description": "the same, or a string of its JSON"})


def _claims(payload: Any) -> bool:
    if isinstance(payload, dict):
        return ("class_name" in payload and "config" in payload) or _is_envelope(payload)
    kind = file_kind(payload)
    return kind == "hdf5" or (kind == "zip" and may_be_archive(payload))


def _is_envelope(payload: Mapping[str, Any]) -> bool:
    """Return whether an object holds a document of Keras; a config of another library may have such a member, too."""
    if "modelTopology" in payload:
        return True
    inner = payload.get("model_config")
    return "class_name" in inner if isinstance(inner, Mapping) else isinstance(inner, str) and '"class_name"' in inner


def parse(raw: bytes) -> Document:
    """Return the model in JSON. Raises Problems with everything that is wrong with it, or NotJSON."""
    if not raw.isascii():
        try:
            raw.decode()  # members that stay bytes are checked here only
        except UnicodeDecodeError as error:
            raise NotJSON(str(error)) from None
    if b"\\" in raw and (b"\\ud" in raw or b"\\uD" in raw):
        unique_names.check_undecoded(raw)
    document = parse_document(raw)
    if document is None:
        raise InvalidDocument(f"must be an object, not {format_value(decode(raw))}", code="type")
    writer = find_writer(document)
    keras_reader = KerasReader(writer)
    root = keras_reader.read_document(document)
    raise_problems(keras_reader.problems)
    if raw.count(b":") != keras_reader.names:  # a colon is in a string, or a name was not read
        unique_names.check_undecoded(raw)
    return Document(
        root,
        "keras",
        "keras",
        inputs=find_input_shape(document, root),
        warnings=tuple(keras_reader.warnings),
        read_nested_layer=partial(_read_nested_layer, writer),
        type_pointer="/class_name",
        config_pointer="/config",
        lenient=True,
        warnings_from_totals=lambda totals: warn_of_optimizer(document.compile_config, totals),
    )


@reader(
    "keras",
    claims=_claims,
    members=("class_name", "modelTopology", "model_config"),
    schema=KerasLayer,
    example=_EXAMPLE,
    media="application/octet-stream",
    parse=parse,
)
def keras(payload: Any) -> Document:
    """A Keras model, Keras 3 or 2: its JSON (Functional or Sequential, nested, shared, frozen), its .keras or .h5 file.

    A file of weights alone is counted by what it stores: every element, by its path.

    Raises Problems with everything that is wrong with it.
    """
    if file_kind(payload) == "hdf5":
        return read_hdf5(payload, parse)
    raw, orphans = mark_first_occurrences(read_config(payload))
    document = parse(raw)
    document = document._replace(warnings=(*document.warnings, *map(warn_of_orphan, orphans)))
    return hold_against_archive(document, payload) if file_kind(payload) == "zip" else document


def _read_nested_layer(writer: Writer, item: Any, pointer: str) -> Layer:
    """Return the layer in a wrapper's config. Raises Problems."""
    keras_reader = KerasReader(writer)
    layer = keras_reader.read_nested(encode(item), pointer)
    raise_problems(keras_reader.problems)
    return layer

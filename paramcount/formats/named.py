"""named: a model by the name that its library builds it of, with a few arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.architectures.keras_applications import LIBRARY as KERAS
from paramcount.formats.architectures.keras_applications import build_application
from paramcount.formats.architectures.models import build_document, find, read_defaults
from paramcount.formats.architectures.tables import load_index
from paramcount.formats.claims import is_named_model
from paramcount.formats.detect import read
from paramcount.formats.open_clip.named import load_configs
from paramcount.model.document import Document
from paramcount.model.errors import (
    ArchitectureError,
    InvalidDocument,
    UnknownLayer,
    did_you_mean,
    raise_problems,
    token,
)
from paramcount.schema.registry import FORMATS, reader

_EXAMPLE = {"library": "timm", "name": "resnet50", "num_classes": 10}

_TAKEN = {
    "timm": ("num_classes", "in_chans", "global_pool", "img_size"),
    "torchvision": ("num_classes",),
}
"""The arguments of each library that has a table."""


class NamedModel(Schema):
    """A model's library and name, and beside them the arguments that size it."""

    class Meta:
        unknown = INCLUDE

    library = fields.String(required=True, metadata={"description": "timm, torchvision, transformers, ..."})
    name = fields.String(required=True, validate=validate.Length(1, 200))


@reader("named", claims=is_named_model, members=("library",), schema=NamedModel, example=_EXAMPLE)
def named(payload: Mapping[str, Any]) -> Document:
    """A model by name: one of timm, torchvision or keras.applications, a config of open_clip, or a class of
    transformers or diffusers, with the arguments that size it."""
    library, name = payload["library"], payload["name"]
    if library not in READERS:
        near = did_you_mean(library, READERS)
        detail = f'"{library[:100]}" is no library that is known by name{near}; known are {", ".join(READERS)}'
        raise InvalidDocument(detail, "/library")
    if "/" in name:
        detail = "is the id of a model on the Hub, and nothing is fetched: send its config.json, or its files' headers"
        raise InvalidDocument(detail, "/name", "hub_id")
    arguments = {key: value for key, value in payload.items() if key not in ("library", "name")}
    return READERS[library](library, name, arguments)


def _read_architecture(library: str, name: str, arguments: Mapping[str, Any]) -> Document:
    """A model of a table: its defaults, those of a checkpoint (resnet50.a1_in1k), and the arguments."""
    plain, _, tag = name.partition(".") if library == "timm" else (name, "", "")
    entry = find(library, plain, "/name")
    if tag and tag not in entry.tags:
        detail = f'"{tag[:100]}" is no checkpoint of {plain}{did_you_mean(tag, entry.tags)}'
        raise UnknownLayer(detail, name, "/name")
    raise_problems(_refuse_unknown(arguments, _TAKEN[library]))
    defaults = dict(entry.defaults) | dict(entry.tags.get(tag, {}))
    stated = read_defaults(defaults)
    if library == "torchvision" and "num_classes" in arguments and "num_classes" not in stated:
        raise InvalidDocument(f"is no argument of {name}", "/num_classes", "unsupported")
    stated |= arguments
    return build_document(library, plain, entry, stated, {key: token(key) for key in stated})


def _refuse_unknown(arguments: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[ArchitectureError]:
    for name in sorted(arguments.keys() - set(known)):
        near = did_you_mean(name, known)
        yield InvalidDocument(f"was not verified: known are {', '.join(known)}{near}", token(name[:100]), "unsupported")


def _read_class(_: str, name: str, arguments: Mapping[str, Any]) -> Document:
    return read({**arguments, "architectures": [name]}, FORMATS["huggingface"])


def _read_component(_: str, name: str, arguments: Mapping[str, Any]) -> Document:
    return read({**arguments, "_class_name": name}, FORMATS["diffusers"])


def _read_application(_: str, name: str, arguments: Mapping[str, Any]) -> Document:
    return build_application(name, arguments)


def _read_clip(_: str, name: str, arguments: Mapping[str, Any]) -> Document:
    """One of open_clip's own configs; arguments replace members of it."""
    configs = load_configs()
    if name not in configs:
        raise UnknownLayer(f'"{name[:100]}" is no config of open_clip{did_you_mean(name, configs)}', name, "/name")
    return read({"model_cfg": {**configs[name], **arguments}}, FORMATS["open_clip"])


READERS: Mapping[str, Callable[[str, str, Mapping[str, Any]], Document]] = {
    "timm": _read_architecture,
    "torchvision": _read_architecture,
    KERAS: _read_application,
    "transformers": _read_class,
    "diffusers": _read_component,
    "open_clip": _read_clip,
}
"""The reader of each library's models."""


def iterate_names() -> Iterator[tuple[str, str, str]]:
    """Yield each named model of a table: its library, its name, and why it is refused; '' where it is not."""
    for library in (KERAS, *_TAKEN):
        for name, line in load_index(library).lines.items():
            yield library, name, line.removeprefix("! ") if line.startswith("! ") else ""
    for name in load_configs():
        yield "open_clip", name, ""

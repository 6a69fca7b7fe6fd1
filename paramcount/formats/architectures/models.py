"""A named model with arguments: what its library builds of them, as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.architectures.tables import ARGUMENTS, Architecture, Entry, apply, load_family, load_index
from paramcount.formats.built_models import get_or_build
from paramcount.model.document import Document
from paramcount.model.errors import (
    ArchitectureError,
    InvalidDocument,
    UnknownLayer,
    did_you_mean,
    raise_problems,
    token,
)
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.schema.signature import is_dimension
from paramcount.schema.validator import format_value

SIZES = ("num_classes", "in_chans")
"""The arguments that size tensors."""

MIN_IMAGE_SIDE = 32
"""The least side of an image: no patch is larger."""

Pointers = Mapping[str, str]
"""The pointer to each argument in the document."""


def read_defaults(defaults: Mapping[str, str]) -> dict[str, Any]:
    """The default arguments of an entry, or of a checkpoint, as a config states them."""
    read = {name: int(value) for name, value in defaults.items() if name in SIZES}
    return {**read, "img_size": read_image_size(defaults["img_size"])} if "img_size" in defaults else read


def read_image_size(text: str) -> int | list[int] | None:
    """The size of images as a config states it, of that of an index: 224, 240x320, None."""
    if text == "None":
        return None
    first, *others = map(int, text.split("x"))
    return [first, *others] if others else first


def find(library: str, name: str, pointer: str) -> Entry:
    """The entry of an architecture. Raises UnknownLayer."""
    index = load_index(library)
    if name not in index.lines:
        near = did_you_mean(name, index.lines)
        raise UnknownLayer(f'"{name[:100]}" is no architecture of {library} {index.version}{near}', name, pointer)
    if index.lines[name].startswith("! "):
        reason = index.lines[name].removeprefix("! ")
        raise UnknownLayer(f"{name} of {library} {index.version} was not verified: {reason}", name, pointer)
    return index.entry(name)


def build_document(library: str, name: str, entry: Entry, arguments: Mapping[str, Any], pointers: Pointers) -> Document:
    """The model of an architecture with arguments, each of which is there. Raises Problems."""

    def build() -> Layer:
        raise_problems(_check_sizes(arguments, pointers))
        family = load_family(library, entry.family)
        architecture = family.architecture(name)
        sizes = {size: arguments[size] for size in SIZES if size in arguments}
        stated = dict(arguments)
        if architecture.is_sized_by_image and "img_size" in stated:
            sizes |= _image_sides(stated.pop("img_size"), pointers)
        tokens = _choose(architecture, stated, entry.defaults, pointers)
        return family.build(architecture.kind, tokens, sizes)._replace(name=name)

    model = get_or_build(library, (name, sorted(arguments.items())), build)
    warnings = (ReportWarning("verified", "", f"{name} of {library} {load_index(library).version}"),)
    return Document(model.root, "torch", "torch", warnings=warnings, counts=model.counts)


def _check_sizes(arguments: Mapping[str, Any], pointers: Pointers) -> Iterator[ArchitectureError]:
    for name in SIZES:
        least = 0 if name == "num_classes" else 1
        value = arguments.get(name, least)
        if type(value) is not int or not is_dimension(value) or value < least:
            yield InvalidDocument(f"must be an integer of at least {least}, not {format_value(value)}", pointers[name])


def _image_sides(value: Any, pointers: Pointers) -> dict[str, int]:
    """The rows and columns of an image: of an integer, or of two. Raises InvalidDocument."""
    sides = value if isinstance(value, list) else [value]
    if len(sides) not in (1, 2) or not all(type(side) is int and is_dimension(side) for side in sides):
        detail = f"must be an integer, or two: rows and columns; not {format_value(value)}"
        raise InvalidDocument(detail, pointers.get("img_size", "/img_size"))
    if min(sides) < MIN_IMAGE_SIDE:
        raise_problems([_refuse("img_size", f"less than {MIN_IMAGE_SIDE}", pointers)])
    return {"rows": sides[0], "cols": sides[-1]}


def _choose(
    architecture: Architecture, arguments: Mapping[str, Any], defaults: Mapping[str, str], pointers: Pointers
) -> tuple[str, ...]:
    """The tokens of an architecture's root for the values of arguments. Raises Problems where one was not verified."""
    stated = {name: _write(arguments[name]) for name in ARGUMENTS if name in arguments}
    known = {
        name: {value for variant in architecture.variants for value in variant.values.get(name, ())}
        | ({defaults[name]} if name in defaults else set())
        for name in stated
    }
    raise_problems(_check_values(stated, known, pointers))
    matching = [
        variant for variant in architecture.variants
        if all(stated.get(name) in values for name, values in variant.values.items())
    ]  # fmt: skip
    tokens = architecture.tokens
    special = [variant for variant in matching if len(variant.values) > 1]
    for variant in special or sorted(matching, key=lambda variant: "num_classes" in variant.values):
        if "-" in variant.tokens:
            raise_problems([_refuse("num_classes", "0 with this global_pool", pointers)])
        tokens = apply(tokens, variant.tokens)
    return tokens


def _check_values(
    stated: Mapping[str, str], known: Mapping[str, set[str]], pointers: Pointers
) -> Iterator[ArchitectureError]:
    for name, value in stated.items():
        if value not in known[name] and (name != "num_classes" or value == "0"):
            some = ", ".join(f'"{one}"' for one in sorted(known[name])) or "none"
            yield _refuse(name, f"{format_value(value)}; verified are {some}", pointers)


def _refuse(name: str, what: str, pointers: Pointers) -> ArchitectureError:
    return InvalidDocument(f"was not verified for {what}", pointers.get(name, token(name)), "unsupported")


def _write(value: Any) -> str:
    """A value as the tables write it."""
    if isinstance(value, list):
        return str(value[0]) if len(set(map(str, value))) == 1 else "x".join(map(str, value))
    return str(value)

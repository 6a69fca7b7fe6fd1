"""The models of keras.applications: what Keras builds of their arguments, from tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.architectures.models import find
from paramcount.formats.architectures.tables import Entry, Family, apply, load_family, load_index
from paramcount.formats.built_models import get_or_build
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, did_you_mean, raise_problems, token
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.schema.signature import is_dimension
from paramcount.schema.validator import format_value

LIBRARY = "keras"

WEIGHTLESS = ("classifier_activation", "dropout", "dropout_rate", "include_preprocessing")
"""The arguments that change no weight, of the models that take them."""

WIDTHS = ("alpha", "depth_multiplier", "minimalistic")
"""The arguments that make another model: a table has a line for each combination that was verified."""

_SIZES = ("classes", "include_top", "input_shape", "pooling", "weights")
_POOLS = (None, "avg", "max")
_CLASSES, _CHANNELS = 1000, 3


def write_width(width: Mapping[str, Any]) -> str:
    """Write what follows a model's name in its table: "(alpha=0.5,minimalistic=True)"; nothing for its defaults."""
    return f"({','.join(f'{name}={width[name]}' for name in WIDTHS if name in width)})" if width else ""


def build_application(name: str, arguments: Mapping[str, Any]) -> Document:
    """A model of keras.applications, with random weights. Raises Problems, UnknownLayer."""
    entry = find(LIBRARY, name, "/name")

    def build() -> Layer:
        raise_problems(_check(name, entry, arguments))
        return _build(name, entry, arguments)

    model = get_or_build(LIBRARY, (name, sorted(arguments.items())), build)
    warnings = (ReportWarning("verified", "", f"{name} of {LIBRARY} {load_index(LIBRARY).version}"),)
    return Document(model.root, "keras", "keras", warnings=warnings, counts=model.counts)


def _build(name: str, entry: Entry, arguments: Mapping[str, Any]) -> Layer:
    """The model of arguments that were checked."""
    side = int(entry.defaults["default_size"])
    rows, cols, channels = arguments.get("input_shape") or (side, side, _CHANNELS)
    sizes = {
        "num_classes": arguments.get("classes", _CLASSES),
        "in_chans": channels,
        "rows": rows or side,  # only a top is sized by them, and needs them
        "cols": cols or side,
    }
    family = load_family(LIBRARY, entry.family)
    architecture = family.architecture(name + _read_width(entry, arguments))
    tokens = architecture.tokens
    if arguments.get("include_top") is False:
        tokens = apply(tokens, architecture.variants[0].tokens)
    return family.build(architecture.kind, tokens, sizes)._replace(name=name)


def _read_width(entry: Entry, arguments: Mapping[str, Any]) -> str:
    """The part of a line's name that says what makes another model."""
    width = {
        one: _normalise(arguments[one], entry.defaults[one])
        for one in WIDTHS
        if one in arguments.keys() & entry.defaults.keys()
    }
    return write_width({one: value for one, value in width.items() if value != entry.defaults[one]})


def _normalise(value: Any, default: str) -> str:
    """The value of an argument as tables write it: 1 is 1.0 where the default is a float."""
    is_number = type(value) in (int, float)
    return str(float(value)) if is_number and "." in default and is_dimension(int(value)) else str(value)


def _check(name: str, entry: Entry, arguments: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    """The problems of the arguments of a model."""
    weightless = entry.defaults["weightless"].split(",")
    known = [*_SIZES, *(one for one in WIDTHS if one in entry.defaults), *weightless]
    for argument in sorted(arguments.keys() - set(known)):
        detail = f"is no argument of {name} that was verified{did_you_mean(argument, known)}"
        yield InvalidDocument(f"{detail}; known are {', '.join(known)}", token(argument[:100]), "unsupported")
    if type(arguments.get("include_top", True)) is not bool:
        yield _must("include_top", "be true or false", arguments)
    classes = arguments.get("classes", _CLASSES)
    if type(classes) is not int or classes < 1 or not is_dimension(classes):
        yield _must("classes", "be an integer of at least 1", arguments)
    if arguments.get("pooling") not in _POOLS:
        yield _must("pooling", 'be null, "avg" or "max"', arguments)
    yield from _check_shape(entry, arguments)
    yield from _check_width(load_family(LIBRARY, entry.family), name, entry, arguments)
    yield from _check_weights(arguments)


def _check_shape(entry: Entry, arguments: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    """The problems of an input_shape. Source: keras.src.applications.imagenet_utils.obtain_input_shape."""
    shape, least = arguments.get("input_shape"), int(entry.defaults["min_size"])
    if shape is None:
        return
    if not isinstance(shape, list) or len(shape) != 3:
        yield _must("input_shape", "be a list of three: rows, columns, channels", arguments)
        return
    *sides, channels = shape
    if type(channels) is not int or channels < 1 or not is_dimension(channels):
        yield InvalidDocument(f"must be an integer of at least 1, not {format_value(channels)}", "/input_shape/2")
    is_fixed = arguments.get("include_top", True) and entry.defaults["any_size"] == "0"
    for axis, side in enumerate(sides):
        pointer = f"/input_shape/{axis}"
        if side is None and is_fixed:
            yield InvalidDocument("must be stated where include_top is true", pointer)
        elif side is not None and (type(side) is not int or side < least or not is_dimension(side)):
            yield InvalidDocument(f"must be an integer of at least {least}, not {format_value(side)}", pointer)


def _check_width(family: Family, name: str, entry: Entry, arguments: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    """The problems of what makes another model: only some values were verified."""
    stated = [one for one in WIDTHS if one in arguments and one in entry.defaults]
    for argument in stated:
        default, value = entry.defaults[argument], arguments[argument]
        is_number = type(value) in (int, float)
        if (type(value) is bool) is not (default in ("True", "False")) or not (is_number or type(value) is bool):
            yield _must(argument, "be of the type of " + default, arguments)
            return
    if name + _read_width(entry, arguments) not in family:
        some = ", ".join(line.removeprefix(name) for line in family.names() if line.startswith(f"{name}("))
        detail = f"was not verified for these values; verified are the defaults, and {some}"
        yield InvalidDocument(detail, token(stated[0]), "unsupported")


def _check_weights(arguments: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    """The problems of weights: those of ImageNet are of one shape."""
    weights = arguments.get("weights")
    if weights not in (None, "imagenet"):
        yield _must("weights", 'be null or "imagenet"', arguments)
    if weights != "imagenet":
        return
    has_top = arguments.get("include_top", True)
    others = [one for one in ("input_shape", *WIDTHS) if arguments.get(one) is not None and (has_top or one in WIDTHS)]
    if has_top and arguments.get("classes", _CLASSES) != _CLASSES:
        yield _must("classes", f"be {_CLASSES} with the weights of ImageNet", arguments)
    if not has_top and isinstance(shape := arguments.get("input_shape"), list) and shape[2:] != [_CHANNELS]:
        yield _must("input_shape", f"have {_CHANNELS} channels with the weights of ImageNet", arguments)
    for one in others:
        yield InvalidDocument("was not verified with the weights of ImageNet", token(one), "unsupported")


def _must(argument: str, what: str, arguments: Mapping[str, Any]) -> ArchitectureError:
    return InvalidDocument(f"must {what}, not {format_value(arguments.get(argument))}", token(argument))

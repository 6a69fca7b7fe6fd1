"""Registries of layer types and of formats by name: filled at start, plug-ins included, then closed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from inspect import getdoc
from typing import Any, TypeVar

from marshmallow import Schema

from paramcount.model.document import Document
from paramcount.model.errors import (
    AmbiguousLayer,
    InvalidConfig,
    RegistrationError,
    ShapeMismatch,
    UnknownLayer,
    UnknownShape,
    did_you_mean,
)
from paramcount.model.tensors import Dimensions, Formula, Output, Tensor
from paramcount.schema.signature import Signature
from paramcount.schema.validator import format_value

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

BUILT_IN = ("paramcount.layers", "paramcount.formats")
PLUGINS = "paramcount.plugins"
FRAMEWORKS = ("keras", "torch")


class Registry(dict[str, T]):
    """A mapping of names that are each registered once; `close` ends registration."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.closed = kind, False

    def add(self, name: str, thing: T) -> None:
        """Register `thing`. Raises RegistrationError."""
        if self.closed:
            raise RegistrationError(f"too late for the {self.kind} {name!r}: register it while the plug-in is imported")
        if name in self:
            raise RegistrationError(f"the {self.kind} {name!r} exists already: {self[name]}")
        self[name] = thing

    def close(self) -> None:
        self.closed = True

    def sort(self) -> None:
        """Order the entries by name."""
        things = sorted(self.items())
        self.clear()
        self.update(things)


@dataclass(frozen=True, slots=True)
class LayerType:
    """A registered layer: its formula, and the signature of that."""

    name: str  # with its dialect: keras.Dense
    formula: Callable[..., Formula]
    signature: Signature
    weightless: bool = False  # it has no tensors, whatever its input

    def __str__(self) -> str:
        return f"{self.name} of {self.origin}"

    @property
    def origin(self) -> str:
        """The name of the module that registered it."""
        return self.formula.__module__

    @property
    def is_built_in(self) -> bool:
        """False for a layer of a plug-in."""
        return self.origin.partition(".")[0] == "paramcount"

    @property
    def doc(self) -> str:
        return getdoc(self.formula) or ""


@dataclass(frozen=True, slots=True)
class Format:
    """A registered input format: functions that recognise and read a payload."""

    name: str
    media: str  # the media type of its documents, which JSON envelopes hold too
    claims: Callable[[Any], bool]
    members: (
        Collection[str] | None
    )  # an object of JSON that has none of these is never of this format; None: any may be
    read: Callable[[Any], Document]
    schema: type[Schema] | None  # of the payload, where it is a JSON object
    example: Any  # bytes where it is a file
    read_as_base: Callable[[Any], Document] | None = None  # reads a model with code of its own as its base class
    parse: Callable[[bytes], Document] | None = (
        None  # reads JSON from its bytes, and decodes only the parts that it needs
    )

    def __str__(self) -> str:
        return f"{self.name} of {self.read.__module__}"

    @property
    def doc(self) -> str:
        return getdoc(self.read) or ""


LAYERS: Registry[LayerType] = Registry("layer")
FORMATS: Registry[Format] = Registry("format")

_DIALECTS: dict[str, None] = {}
"""The dialects of the registered layers, in order of registration."""


def layer(name: str, ignores: str = "", *, weightless: bool = False) -> Callable[[Function], Function]:
    """Register the formula below as the layer type `name`, dialect first ("keras.Dense").

    `ignores` names the constructor's other arguments, which change no tensor and no shape. `weightless`: the layer has
    no tensors, so that it may follow one whose output shape is not known.
    """

    def register(formula: Function) -> Function:
        if name.count(".") != 1 or not all(name.split(".")):
            raise RegistrationError(f"a layer is named by its dialect and its class, as in keras.Dense, not {name!r}")
        LAYERS.add(name, LayerType(name, formula, Signature(formula, name, ignores), weightless))
        _DIALECTS.setdefault(name.partition(".")[0])
        return formula

    return register


def reader(
    name: str,
    *,
    claims: Callable[[Any], bool],
    members: Collection[str] | None = None,
    schema: type[Schema] | None,
    example: Any,
    media: str = "application/json",
    read_as_base: Callable[[Any], Document] | None = None,
    parse: Callable[[bytes], Document] | None = None,
) -> Callable[[Callable[[Any], Document]], Callable[[Any], Document]]:
    """Register the function below as the reader of the format `name`.

    `claims` recognises a document of it. It is not asked about an object of JSON that has none of `members`.

    The function takes the decoded document: the value of JSON that fits `schema`, a text, or a file's bytes. With
    `parse`, JSON goes there instead, undecoded: `parse` decides alone what is valid, and `schema` only explains what it
    refuses.
    `read_as_base` reads a model with code of its own as its base class, for `remote_code="base"`.
    """

    def register(read: Callable[[Any], Document]) -> Callable[[Any], Document]:
        FORMATS.add(
            name,
            Format(
                name=name,
                media=media,
                claims=claims,
                members=members,
                read=read,
                schema=schema,
                example=example,
                read_as_base=read_as_base,
                parse=parse,
            ),
        )
        return read

    return register


def load_built_ins() -> None:
    """Import the built-in layers and formats."""
    for module in BUILT_IN:
        import_module(module)
    FORMATS.sort()


def load_plugins() -> None:
    """Import the built-ins and every installed plug-in, then close both registries. A second call does nothing.

    Raises RegistrationError, with the plug-in's name, when one is broken.
    """
    if LAYERS.closed:
        return
    load_built_ins()
    for entry_point in sorted(entry_points(group=PLUGINS), key=lambda entry: entry.name):
        try:
            entry_point.load()
        except (Exception, SystemExit) as error:
            distribution = entry_point.dist.name if entry_point.dist else "?"
            raise RegistrationError(f"plug-in {entry_point.name!r} of {distribution} is broken: {error!r}") from error
    LAYERS.close()
    FORMATS.close()


def resolve(name: str, framework: str, *, advise: bool = True) -> LayerType:
    """Return the layer type that `name` means in a document of `framework` ('' where it states none).

    Raises UnknownLayer, which names the nearest types where `advise` is set, or AmbiguousLayer.
    """
    if (exact := LAYERS.get(name) or LAYERS.get(f"{framework}.{name}")) is not None:
        return exact
    namesakes = [
        full for dialect in _DIALECTS if _is_visible(dialect, framework) and (full := f"{dialect}.{name}") in LAYERS
    ]
    if len(namesakes) == 1:
        return LAYERS[namesakes[0]]
    if namesakes:
        raise AmbiguousLayer(
            f'"{name}" is a layer of several frameworks: write {" or ".join(namesakes)}, or state the framework'
        )
    visible = [full for full in LAYERS if _is_visible(full.partition(".")[0], framework)] if advise else []
    bare = [full.partition(".")[2] for full in visible]
    nearest = did_you_mean(name, [*bare, *visible])
    advice = f"{nearest} A" if nearest else ": a"
    detail = f'"{name[:100]}" is an unknown layer type{advice} plug-in can add it, and unknown=report leaves it out'
    raise UnknownLayer(detail, name)


def _is_visible(dialect: str, framework: str) -> bool:
    """Return whether a bare name in a document of `framework` may mean a layer of `dialect`."""
    return not framework or dialect == framework or dialect not in FRAMEWORKS


def require(condition: bool, detail: str, argument: str = "") -> None:
    """Raise InvalidConfig with `detail` ("must be odd") unless `condition`; `argument` names the invalid argument."""
    if not condition:
        raise InvalidConfig(detail, f"/{argument}" if argument else "")


def axis_length(shape: Dimensions, axis: int = -1) -> int:
    """Return the length of an axis that sizes a weight. Raises ShapeMismatch or UnknownShape."""
    if not -len(shape) <= axis < len(shape):
        raise ShapeMismatch(f"needs an axis {axis} of its input, which has the shape {format_value(shape)}")
    length = shape[axis]
    if length is None:
        raise UnknownShape(
            f"its weights are sized by axis {axis} of its input, which is left open: {format_value(shape)}"
        )
    return length


def inside(prefix: str, formula: Iterable[Tensor]) -> Generator[Tensor, None, Output]:
    """Yield the tensors of a formula with `prefix` and a dot before their names; return its output."""
    output: Output = None
    iterator = iter(formula)
    while True:
        try:
            tensor = next(iterator)
        except StopIteration as stop:
            output = stop.value
            break
        yield tensor._replace(name=f"{prefix}.{tensor.name}")
    return output

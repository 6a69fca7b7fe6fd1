"""Names to layer types and to formats: filled at start, plug-ins included, then closed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
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
from paramcount.schema.validator import shown

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

BUILT_IN = ("paramcount.layers", "paramcount.formats")
PLUGINS = "paramcount.plugins"
FRAMEWORKS = ("keras", "torch")


class Registry(dict[str, T]):
    """Things by name. A name is given once, and after `close` nothing comes in."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.closed = kind, False

    def add(self, name: str, thing: T) -> None:
        """Take `thing` in, or raise RegistrationError."""
        if self.closed:
            raise RegistrationError(f"too late for the {self.kind} {name!r}: register it while the plug-in is imported")
        if name in self:
            raise RegistrationError(f"the {self.kind} {name!r} exists already: {self[name]}")
        self[name] = thing

    def close(self) -> None:
        self.closed = True

    def sort(self) -> None:
        """List things by name, in whatever order they came in."""
        things = sorted(self.items())
        self.clear()
        self.update(things)


@dataclass(frozen=True, slots=True)
class LayerType:
    """A registered layer: its formula, and what its signature says."""

    name: str  # with its dialect: keras.Dense
    formula: Callable[..., Formula]
    signature: Signature

    def __str__(self) -> str:
        return f"{self.name} of {self.origin}"

    @property
    def origin(self) -> str:
        """The module that brought it."""
        return self.formula.__module__

    @property
    def doc(self) -> str:
        return getdoc(self.formula) or ""


@dataclass(frozen=True, slots=True)
class Format:
    """A registered input format: how to recognise a payload, how to read it."""

    name: str
    media: str  # the media type it comes as, beside JSON in an envelope
    claims: Callable[[Any], bool]
    read: Callable[[Any], Document]
    schema: type[Schema] | None  # of the payload, where it is a JSON object
    example: Any  # bytes where it is a file
    base: Callable[[Any], Document] | None = None  # reads one whose own code is not to be had as what it derives from
    parse: Callable[[bytes], Document] | None = None  # reads JSON, and decodes no more of it than it must

    def __str__(self) -> str:
        return f"{self.name} of {self.read.__module__}"

    @property
    def doc(self) -> str:
        return getdoc(self.read) or ""


LAYERS: Registry[LayerType] = Registry("layer")
FORMATS: Registry[Format] = Registry("format")

_DIALECTS: dict[str, None] = {}
"""The dialects of the registered layers, in order."""


def layer(name: str, ignores: str = "") -> Callable[[Function], Function]:
    """Register the formula below as the layer type `name`, dialect first ("keras.Dense").

    `ignores` names the constructor's other arguments, which change no tensor and no shape.
    """

    def register(formula: Function) -> Function:
        if name.count(".") != 1 or not all(name.split(".")):
            raise RegistrationError(f"a layer is named by its dialect and its class, as in keras.Dense, not {name!r}")
        LAYERS.add(name, LayerType(name, formula, Signature(formula, name, ignores)))
        _DIALECTS.setdefault(name.partition(".")[0])
        return formula

    return register


def reader(
    name: str,
    *,
    claims: Callable[[Any], bool],
    schema: type[Schema] | None,
    example: Any,
    media: str = "application/json",
    base: Callable[[Any], Document] | None = None,
    parse: Callable[[bytes], Document] | None = None,
) -> Callable[[Callable[[Any], Document]], Callable[[Any], Document]]:
    """Register the function below as the reader of the format `name`.

    It takes the decoded document: what JSON holds, once that fits `schema`; a text; a file's bytes. With `parse`, JSON
    goes there instead, undecoded: it accepts by itself, and `schema` only says what is wrong with what it refuses.
    """

    def register(read: Callable[[Any], Document]) -> Callable[[Any], Document]:
        FORMATS.add(name, Format(name, media, claims, read, schema, example, base, parse))
        return read

    return register


def load_built_ins() -> None:
    """Import the built-in layers and formats."""
    for module in BUILT_IN:
        import_module(module)
    FORMATS.sort()


def load_plugins() -> None:
    """Import the built-ins and every installed plug-in, then close both registries. Doing it again does nothing.

    Raises RegistrationError, with the plug-in's name, when one is broken.
    """
    if LAYERS.closed:
        return
    load_built_ins()
    for entry_point in sorted(entry_points(group=PLUGINS), key=lambda entry: entry.name):
        try:
            entry_point.load()
        except Exception as error:
            distribution = entry_point.dist.name if entry_point.dist else "?"
            raise RegistrationError(f"plug-in {entry_point.name!r} of {distribution} is broken: {error!r}") from error
    LAYERS.close()
    FORMATS.close()


def resolve(name: str, framework: str, *, advise: bool = True) -> LayerType:
    """The layer type that `name` means in a document of `framework` ('' where it says none).

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
    advice = did_you_mean(name, [*bare, *visible]) or ": a plug-in can add it, and unknown=report leaves it out"
    raise UnknownLayer(f'"{name[:100]}" is no known layer{advice}', name)


def _is_visible(dialect: str, framework: str) -> bool:
    """Whether a bare name in a document of `framework` may mean a layer of `dialect`: never another framework's."""
    return not framework or dialect == framework or dialect not in FRAMEWORKS


def require(condition: bool, detail: str, argument: str = "") -> None:
    """Refuse a config: "kernel_size must be odd". `argument` is the one to blame, where it is one."""
    if not condition:
        raise InvalidConfig(detail, f"/{argument}" if argument else "")


def axis_length(shape: Dimensions, axis: int = -1) -> int:
    """The length of an axis that sizes a weight. Raises ShapeMismatch or UnknownShape where there is none."""
    if not -len(shape) <= axis < len(shape):
        raise ShapeMismatch(f"needs an axis {axis} of its input, which has the shape {shown(shape)}")
    length = shape[axis]
    if length is None:
        raise UnknownShape(f"its weights are sized by axis {axis} of its input, which is left open: {shown(shape)}")
    return length


def inside(prefix: str, formula: Iterable[Tensor]) -> Generator[Tensor, None, Output]:
    """The tensors of a part, named as the whole sees them; returns what the part returns."""
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

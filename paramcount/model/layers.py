"""The layers of an architecture, and how they are wired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from paramcount.model.tensors import Dimensions, Formula, Output, Tensor


class Ref(NamedTuple):
    """One output of one call of a layer, and the shape that the document itself states for it."""

    layer: str
    call: int = 0
    output: int | None = None  # None: all that the call returned
    stated: Dimensions | None = None


class Call(NamedTuple):
    """One use of a layer: refs, alone or in lists and dicts, by position and by name; anything else is no tensor."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}


class Graph(NamedTuple):
    """How the children of a layer are wired: the names of those that stand for its inputs, and what it returns."""

    inputs: tuple[str, ...]
    outputs: Any  # refs, alone or in lists and dicts
    stated: tuple[Dimensions | None, ...] = ()  # what the document says of inputs that are no layers


class Layer(NamedTuple):
    """One node of an architecture, whatever format it was read from.

    `config` is what its type's formula takes; None: there is nothing to compute, all is in `tensors` and `children`.
    `calls` wire it into its parent's graph; without a graph, children follow each other.
    `name` of one of several alike blocks is its indices ("0-31"), and `repeat` is how many those are.
    """

    name: str
    type: str
    config: Mapping[str, Any] | None = None
    children: tuple[Layer, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    calls: tuple[Call, ...] = ()
    graph: Graph | None = None
    trainable: bool = True  # False is inherited by everything beneath
    repeat: int = 1
    shares: str = ""  # the path of the layer whose tensors these are
    dtype: str = ""
    pointer: str = ""  # where it stands in the document
    cache_key: bytes = b""  # the same of two layers only if type and config are; empty where the reader does not know

    def with_calls(self, calls: Iterable[Call]) -> Layer:
        """The layer, wired in by these."""
        return Layer._make((*self[:5], tuple(calls), *self[6:]))


class NestedLayer(NamedTuple):
    """A layer inside another's config, as the formula of the outer one sees it: `yield from layer(shape)`."""

    layer: Layer
    ask: Callable[[Layer, Call], tuple[tuple[Tensor, ...], Output]]

    def __call__(self, *args: Output, **kwargs: Output) -> Formula:
        """Its tensors, by its own names; returns its output."""
        tensors, output = self.ask(self.layer, Call(args, kwargs))
        yield from tensors
        return output

"""The layers of an architecture, and the graphs that wire them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from paramcount.model.tensors import Dimensions, Formula, Output, Tensor


class Ref(NamedTuple):
    """A reference to one output of one call of a layer, with the shape that the document states for it."""

    layer: str
    call: int = 0
    output: int | None = None  # None: all that the call returned
    stated: Dimensions | None = None


class Call(NamedTuple):
    """The arguments of one call of a layer: refs, alone or in lists and dicts; any other value is no tensor."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}


class Graph(NamedTuple):
    """The wiring of a layer's children: the names of its inputs, and the refs that it returns."""

    inputs: tuple[str, ...]
    outputs: Any  # refs, alone or in lists and dicts
    stated: tuple[Dimensions | None, ...] = ()  # the shapes that the document states for inputs that are no layers


class Layer(NamedTuple):
    """One node of an architecture, whatever format it was read from.

    `config` holds the arguments of its type's formula; None: it has no formula, only `tensors` and `children`.
    `calls` wire it into its parent's graph; without a graph, children follow each other.
    A layer that is a block of equal copies has their indices as its `name` ("0-31"), and their number as `repeat`.
    """

    name: str
    type: str
    config: Mapping[str, Any] | None = None
    children: tuple[Layer, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    calls: tuple[Call, ...] = ()
    graph: Graph | None = None
    trainable: bool = True  # False is inherited by its descendants
    repeat: int = 1
    shares: str = ""  # the path of the layer whose tensors these are
    dtype: str = ""
    pointer: str = ""  # a JSON pointer to it in the document
    # Equal only for layers of equal type and config, or, without a config, of equal tensors and children; empty where
    # the reader makes none.
    cache_key: bytes = b""
    object_id: bytes = b""  # layers of one id are one object, whose tensors count once; empty: an object of its own

    def count_layers(self) -> int:
        """Return the number of layers, this one and all below it; a repeated one counts once."""
        return 1 + sum([child.count_layers() for child in self.children])

    def with_calls(self, calls: Iterable[Call]) -> Layer:
        """Return the layer with other calls; `_replace` takes three times as long, and most layers need this."""
        return Layer(
            self.name,
            self.type,
            self.config,
            self.children,
            self.tensors,
            tuple(calls),
            self.graph,
            self.trainable,
            self.repeat,
            self.shares,
            self.dtype,
            self.pointer,
            self.cache_key,
            self.object_id,
        )


class NestedLayer(NamedTuple):
    """A layer inside another's config, for the outer layer's formula to call: `yield from layer(shape)`.

    Formulas put the layer's name before the names of its tensors. A layer with a call states the shape of its input
    there, which replaces one that is unknown.
    """

    layer: Layer
    evaluate: Callable[[Layer, Call], tuple[tuple[Tensor, ...], Output]]

    def __call__(self, *args: Output, **kwargs: Output) -> Formula:
        """Yield its tensors by their names in this layer, and return its output."""
        if args == (None,) and self.layer.calls:
            ((entry,), _) = self.layer.calls[0]
            args = (entry.stated,)
        tensors, output = self.evaluate(self.layer, Call(args, kwargs))
        yield from tensors
        return output

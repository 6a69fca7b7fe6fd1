"""Outputs of unknown shape: each is traced to the layer that causes it, which the problems of later layers name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from paramcount.counting.graph import flatten, input_refs, refs
from paramcount.model.errors import ArchitectureError, UnknownInput
from paramcount.model.layers import Layer
from paramcount.model.tensors import Output


class Origin(NamedTuple):
    """A layer whose output has a shape that its document does not state."""

    path: str
    type: str


def name_origin(problems: Iterable[ArchitectureError], origin: Origin) -> None:
    """Name the origin of an unknown input in the problems that it causes."""
    for problem in problems:
        if isinstance(problem, UnknownInput):
            problem.name_origin(origin.path, origin.type)


class UnknownOutputs:
    """The unknown outputs of the layers of a document, by path, each with its origin."""

    def __init__(self) -> None:
        self.origins: dict[str, Origin] = {}

    def find(self, layer: Layer, prefix: str) -> Origin | None:
        """Return the origin of an unknown input of a layer in a graph; `prefix` is the path of the graph, and a dot."""
        names = [ref.layer for call in layer.calls for ref in input_refs(call) if ref.stated is None]
        return next((origin for name in names if (origin := self.origins.get(prefix + name)) is not None), None)

    def enter(self, layer: Layer, path: str, origin: Origin) -> None:
        """Note the origin of an unknown input for the inputs of a nested model."""
        if layer.graph is not None:
            self.origins |= {f"{path}.{name}": origin for name in layer.graph.inputs}

    def leave(
        self, layer: Layer, path: str, output: Output, origin: Origin | None, problems: Iterable[ArchitectureError]
    ) -> None:
        """Note the origin of a layer's output, if that is unknown; name the origin of its input in its `problems`."""
        if output is None or (isinstance(output, list) and None in flatten(output)):
            inside = refs(layer.graph.outputs) if layer.graph is not None else ()
            origins = [self.origins.get(f"{path}.{ref.layer}") for ref in inside]
            self.origins[path] = next(filter(None, origins), origin) or Origin(path, layer.type)
        if origin is not None:
            name_origin(problems, origin)

"""Layers that share another layer's tensors, by its path or as one object; the other must have tensors like these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from paramcount.model.budget import PathBudget
from paramcount.model.errors import InvalidConfig
from paramcount.model.layers import Layer
from paramcount.model.report import Row
from paramcount.model.tensors import Tensor
from paramcount.schema.validator import format_value

COPY: Final = b"copy"
"""The object id of a layer that is rebuilt from a config: what it shares inside, it shares with nothing outside."""


class SharedObjects:
    """The objects of a document, each with the place that owns its tensors: the first that is counted."""

    def __init__(self, paths: PathBudget) -> None:
        self._paths = paths
        self._owners: dict[bytes, tuple[str, str]] = {}  # pointer and path by object id

    def resolve(self, layer: Layer, path: str) -> Layer:
        """Return the layer; with the owner's path in `shares`, and in its children's, if another place owns it.

        Raises TooLarge.
        """
        shares = layer.shares
        if layer.object_id:
            pointer, owner = self._owners.setdefault(layer.object_id, (layer.pointer, path))
            if pointer != layer.pointer:
                shares = owner
        if not shares:
            return layer
        self._paths.charge(shares, len(layer.children))
        children = tuple([child._replace(shares=f"{shares}.{child.name}") for child in layer.children])
        return layer._replace(shares=shares, children=children)


class SharedTensors(NamedTuple):
    """A layer with `shares`, and its tensors, each tied to the other layer's tensor of that name."""

    layer: Layer
    tensors: tuple[Tensor, ...]


def invalid_shares(shared: Sequence[SharedTensors], root: Row) -> Iterator[InvalidConfig]:
    """Yield a problem for each layer that shares tensors which its owner lacks; `root` is the row of the model."""
    shapes = {
        f"{row.path}.{tensor.name}" if row.path else tensor.name: tensor.shape
        for row, _ in root.walk()
        for tensor in row.tensors
        if not tensor.tied_to
    }
    for layer, tensors in shared:
        for tensor in tensors:
            if shapes.get(tensor.tied_to) != tensor.shape:
                detail = f'"{layer.shares[:100]}" has no {tensor.name} of shape {format_value(tensor.shape)} to share'
                yield InvalidConfig(detail, f"{layer.pointer}/{'shared_object_id' if layer.object_id else 'shares'}")
                break

"""Models made of others: a document's layers as a part of a larger model."""

from __future__ import annotations

from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor


def nest(layer: Layer, path: str) -> Layer:
    """Return a model's root as the layer at a path of another model: what is tied is tied within it."""
    nested: dict[int, Layer] = {}  # by the id of a layer, so that equal ones stay one object
    return _nest(layer, f"{path}.", nested)._replace(name=path.rpartition(".")[2])


def _nest(layer: Layer, prefix: str, nested: dict[int, Layer]) -> Layer:
    if (done := nested.get(id(layer))) is not None:
        return done
    tensors = layer.tensors
    if any(tensor.tied_to for tensor in tensors):
        tensors = tuple(_move_tie(tensor, prefix) for tensor in tensors)
    children = tuple([_nest(child, prefix, nested) for child in layer.children])
    if tensors is layer.tensors and all(map(_is_same, children, layer.children)):
        moved = layer
    else:
        moved = layer._replace(tensors=tensors, children=children)
    nested[id(layer)] = moved
    return moved


def _is_same(one: Layer, other: Layer) -> bool:
    return one is other


def _move_tie(tensor: Tensor, prefix: str) -> Tensor:
    return tensor._replace(tied_to=prefix + tensor.tied_to) if tensor.tied_to else tensor

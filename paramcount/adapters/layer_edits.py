"""Changes to a layer with all of its children: copies that train, tensors that are unfrozen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor


def make_trainable_copy(layer: Layer, path: str, copy_path: str, count_visit: Callable[[], None]) -> Layer:
    """Return a copy of a layer that trains; `path` is that of the module that is copied to `copy_path`.

    A tensor that was tied to one outside of the module no longer is. `count_visit` is called for each layer.
    """
    count_visit()
    tensors = tuple(_make_trainable(tensor, path, copy_path) for tensor in layer.tensors)
    children = tuple(make_trainable_copy(child, path, copy_path, count_visit) for child in layer.children)
    return layer._replace(config=None, tensors=tensors, children=children)


def _make_trainable(tensor: Tensor, path: str, copy_path: str) -> Tensor:
    is_tied_inside = tensor.tied_to.startswith(f"{path}.")
    tied_to = copy_path + tensor.tied_to.removeprefix(path) if is_tied_inside else ""
    return tensor._replace(trainable=tensor.role == "weight", tied_to=tied_to)


def freeze(tensors: Iterable[Tensor], bias: str) -> tuple[Tensor, ...]:
    """Return a model's tensors frozen, but for the biases where the adapter trains all of them."""
    return tuple(
        tensor._replace(trainable=bias == "all" and tensor.role == "weight" and tensor.name == "bias")
        for tensor in tensors
    )


def unfreeze(layer: Layer, path: str, names: Collection[str]) -> Layer:
    """Return the layer at `path` in which the tensors with these full names train."""
    prefix = f"{path}." if path else ""
    tensors = tuple(
        tensor._replace(trainable=True) if prefix + tensor.name in names else tensor for tensor in layer.tensors
    )
    children = tuple(unfreeze(child, prefix + child.name, names) for child in layer.children)
    return layer._replace(tensors=tensors, children=children)


def drop_weightless_children(layer: Layer) -> Layer:
    """Return a layer without those of its children that hold no weight."""
    return layer._replace(children=tuple(child for child in layer.children if _holds_weight(child)))


def _holds_weight(layer: Layer) -> bool:
    return any(tensor.role == "weight" for tensor in layer.tensors) or any(map(_holds_weight, layer.children))


def count_weights(tensors: Iterable[Tensor]) -> int:
    """Return the number of elements of all tensors that are no buffers."""
    return sum(tensor.size for tensor in tensors if tensor.role == "weight")


def holds_ties(layer: Layer) -> bool:
    """Return whether a tensor in a layer is tied to another."""
    return any(tensor.tied_to for tensor in layer.tensors) or any(map(holds_ties, layer.children))

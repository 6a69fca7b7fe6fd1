"""torch.nn.utils.parametrize: a module whose tensors are replaced by the ones that its parametrizations keep."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from paramcount.formats.torch.text import Module
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor


def parametrize(layer: Layer, module: Module, tensors: Mapping[str, Tensor]) -> Layer:
    """Return the layer with each parametrized tensor moved into its ParametrizationList.

    Source: torch.nn.utils.parametrize.ParametrizationList.
    """
    holder = next((child for child in module.children if child.name == "parametrizations"), None)
    lists = holder.children if holder else []
    moved = {item.name for item in lists}
    inner = tuple(
        Layer(
            item.name,
            item.type,
            tensors=_originals(item, tensors[item.name]) if item.name in tensors else (),
            children=tuple(_parametrization(child, tensors.get(item.name), module.type) for child in item.children),
        )
        for item in lists
    )
    remaining = tuple(tensor for name, tensor in tensors.items() if name not in moved)
    return layer._replace(tensors=remaining, children=(Layer("parametrizations", "ModuleDict", children=inner),))


def _originals(item: Module, tensor: Tensor) -> tuple[Tensor, ...]:
    """Return the weight itself; of a weight norm its magnitudes, one an output, and its direction."""
    if item.children and item.children[0].type == "_WeightNorm" and tensor.shape:
        magnitudes = (tensor.shape[0], *(1 for _ in tensor.shape[1:]))
        return tensor._replace(name="original0", shape=magnitudes), tensor._replace(name="original1")
    return (tensor._replace(name="original"),)


def _parametrization(module: Module, tensor: Tensor | None, owner: str) -> Layer:
    """Return a parametrization as a layer; a spectral norm keeps both vectors of its power method."""
    layer = Layer(module.name, module.type)
    if module.type != "_SpectralNorm" or tensor is None or len(tensor.shape) < 2:
        return layer
    axis = 1 if "ConvTranspose" in owner else 0
    rest = prod(size for index, size in enumerate(tensor.shape) if index != axis)
    vectors = Tensor("_u", (tensor.shape[axis],), role="buffer"), Tensor("_v", (rest,), role="buffer")
    return layer._replace(tensors=vectors)

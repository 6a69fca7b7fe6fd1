"""torch.nn.utils.parametrize: a module whose tensors stand in its parametrizations, as what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from paramcount.formats.torch.text import Module
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor


def parametrized(layer: Layer, module: Module, tensors: Mapping[str, Tensor]) -> Layer:
    """The layer with each parametrized tensor moved into its ParametrizationList.

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
            children=tuple(_step(step, tensors.get(item.name), module.type) for step in item.children),
        )
        for item in lists
    )
    own = tuple(tensor for name, tensor in tensors.items() if name not in moved)
    return layer._replace(tensors=own, children=(Layer("parametrizations", "ModuleDict", children=inner),))


def _originals(item: Module, tensor: Tensor) -> tuple[Tensor, ...]:
    """The weight itself; of a weight norm its magnitudes, one an output, and its direction."""
    if item.children and item.children[0].type == "_WeightNorm" and tensor.shape:
        magnitudes = (tensor.shape[0], *(1 for _ in tensor.shape[1:]))
        return tensor._replace(name="original0", shape=magnitudes), tensor._replace(name="original1")
    return (tensor._replace(name="original"),)


def _step(step: Module, tensor: Tensor | None, owner: str) -> Layer:
    """A parametrization; a spectral norm keeps both vectors of its power method."""
    layer = Layer(step.name, step.type)
    if step.type != "_SpectralNorm" or tensor is None or len(tensor.shape) < 2:
        return layer
    axis = 1 if "ConvTranspose" in owner else 0
    rest = prod(size for at, size in enumerate(tensor.shape) if at != axis)
    vectors = Tensor("_u", (tensor.shape[axis],), "buffer"), Tensor("_v", (rest,), "buffer")
    return layer._replace(tensors=vectors)

"""Layers inside a layer's config: run them, and name what they own as the outer layer does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from paramcount.model.layers import NestedLayer
from paramcount.model.tensors import Output, Tensor


def run(part: NestedLayer, *args: Output, **kwargs: Output) -> tuple[list[Tensor], Output]:
    """The tensors of a part by its own names, and what it returns."""
    tensors: list[Tensor] = []
    formula = part(*args, **kwargs)
    while True:
        try:
            tensors.append(next(formula))
        except StopIteration as stop:
            return tensors, stop.value


def named(part: NestedLayer, tensors: Iterable[Tensor], prefix: str = "") -> Iterator[Tensor]:
    """The tensors of a part under its name, as Keras' variable paths have them."""
    return (tensor._replace(name=f"{prefix}{part.layer.name}.{tensor.name}") for tensor in tensors)

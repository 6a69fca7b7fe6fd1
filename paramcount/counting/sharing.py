"""Layers that share another layer's tensors: the other must have tensors of these names and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from paramcount.model.errors import InvalidConfig
from paramcount.model.layers import Layer
from paramcount.model.report import Row
from paramcount.model.tensors import Tensor
from paramcount.schema.validator import format_value


class SharedTensors(NamedTuple):
    """A layer with `shares`, and its tensors, each tied to the other layer's tensor of that name."""

    layer: Layer
    tensors: tuple[Tensor, ...]


def invalid_shares(shared: Sequence[SharedTensors], root: Row) -> Iterator[InvalidConfig]:
    """Yield a problem for each layer that shares tensors which its owner lacks; `root` is the row of the model."""
    shapes = {
        f"{row.path}.{tensor.name}": tensor.shape
        for row, _ in root.walk()
        for tensor in row.tensors
        if not tensor.tied_to
    }
    for layer, tensors in shared:
        for tensor in tensors:
            if shapes.get(tensor.tied_to) != tensor.shape:
                detail = f'"{layer.shares}" has no {tensor.name} of shape {format_value(tensor.shape)} to share'
                yield InvalidConfig(detail, f"{layer.pointer}/shares")
                break

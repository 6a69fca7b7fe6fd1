"""Layers inside a layer's config: their tensors are named as the outer layer names them."""

from __future__ import annotations

from paramcount import Formula, inside
from paramcount.model.layers import NestedLayer
from paramcount.model.tensors import Output


def nested_formula(part: NestedLayer, *inputs: Output) -> Formula:
    """Yield the tensors of a nested layer under its name, as Keras' variable paths have them; return its output."""
    return (yield from inside(part.layer.name, part(*inputs)))

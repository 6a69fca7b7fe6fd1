"""Shapes through torch's modules, where a document states them: print(model) does not, so that inputs are optional."""

from __future__ import annotations

from paramcount import ShapeMismatch
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value

LAST = (-1,)
CHANNELS = (1, -1)
"""The axes that may hold channels: torch's own, and that of a layer of Keras before it."""


def require_size(inputs: Dimensions | None, size: int, argument: str, axes: tuple[int, ...]) -> None:
    """Raise ShapeMismatch where none of the axes of a known input has the size that the module was made for."""
    lengths = [inputs[axis] for axis in axes if axis < len(inputs)] if inputs else []
    if lengths and None not in lengths and size not in lengths:
        raise ShapeMismatch(f"has {size} {argument}, and an input of the shape {format_value(inputs)}")


def replace_last(inputs: Dimensions | None, size: int) -> Dimensions | None:
    """Return a known shape with another length of its last axis."""
    return (*inputs[:-1], size) if inputs else None

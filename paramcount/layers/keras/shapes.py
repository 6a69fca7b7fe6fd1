"""What Keras' layers make of their arguments and of the shapes that reach them: keras.src.ops.operation_utils."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from paramcount import ShapeMismatch, UnknownShape, axis_length, require
from paramcount.model.tensors import Dimensions
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import shown

Shapes = Sequence[Any]


def per_axis(value: int | list[int], rank: int, argument: str) -> tuple[int, ...]:
    """One number for every spatial axis (keras.src.utils.argument_validation.standardize_tuple)."""
    if isinstance(value, int):
        return (value,) * rank
    require(len(value) == rank, f"must be an integer or a list of {rank}, not {shown(value)}", argument)
    return tuple(value)


def pairs(value: Any, rank: int, argument: str) -> tuple[tuple[int, int], ...]:
    """What is cut off or added before and after every spatial axis: 1, [1, 2] or [[1, 1], [0, 2]]."""
    if _is_size(value):
        return ((value, value),) * rank
    ok = isinstance(value, list) and len(value) == rank
    require(ok, f"must be an integer or a list of {rank}, not {shown(value)}", argument)
    return tuple(pair(item, argument) for item in value)


def pair(value: Any, argument: str) -> tuple[int, int]:
    """Before and after one axis."""
    if _is_size(value):
        return value, value
    ok = isinstance(value, list) and len(value) == 2 and all(map(_is_size, value))
    require(ok, f"must be an integer of at least 0 or a pair of such, not {shown(value)}", argument)
    return value[0], value[1]


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_DIMENSION


def channels_first(data_format: str | None) -> bool:
    """Whether the channel axis is axis 1; where nothing is said, it is the last, as Keras has it by default."""
    known = (None, "channels_last", "channels_first")
    require(
        data_format in known, f'must be "channels_last" or "channels_first", not {shown(data_format)}', "data_format"
    )
    return data_format == "channels_first"


def of_rank(shape: Dimensions, rank: int) -> Dimensions:
    """The shape, if it has that many axes; the batch's is one of them."""
    if len(shape) != rank:
        raise ShapeMismatch(f"takes an input of {rank} axes, not {shown(shape)}")
    return shape


def at_least(shape: Dimensions, rank: int) -> Dimensions:
    """The shape, if it has that many axes or more."""
    if len(shape) < rank:
        raise ShapeMismatch(f"takes an input of at least {rank} axes, not {shown(shape)}")
    return shape


def channels(shape: Dimensions, first: bool) -> int:
    """The length of the channel axis, which sizes weights."""
    return axis_length(shape, 1 if first else -1)


def spatial(shape: Dimensions, first: bool) -> Dimensions:
    """The axes between batch and channels."""
    return shape[2:] if first else shape[1:-1]


def image(batch: int | None, between: Sequence[int | None], depth: int | None, first: bool) -> Dimensions:
    """A shape of batch, spatial axes and channels, in the order of its data format."""
    return (batch, depth, *between) if first else (batch, *between, depth)


def over_space(shape: Dimensions, first: bool, length: Callable[[int, int], int]) -> Dimensions:
    """The shape with every spatial axis that is known made `length(its number, its length)` long."""
    between = [size if size is None else length(axis, size) for axis, size in enumerate(spatial(shape, first))]
    return image(shape[0], between, shape[1] if first else shape[-1], first)


def window(size: int, window_size: int, stride: int, padding: str) -> int:
    """How many windows fit on an axis. Source: compute_conv_output_shape, compute_pooling_output_shape."""
    if padding != "valid":
        return (size - 1) // stride + 1
    count = (size - window_size) // stride + 1
    if count <= 0:
        raise ShapeMismatch(f"its window of {window_size} does not fit on an axis of {size}")
    return count


def each(inputs: Shapes) -> list[Dimensions]:
    """The shapes of a list of inputs, all known."""
    for shape in inputs:
        if shape is None:
            raise UnknownShape("the shape of one of its inputs is not known")
        if not isinstance(shape, tuple):
            raise ShapeMismatch("takes a flat list of inputs")
    if not inputs:
        raise ShapeMismatch("takes a list of at least one input")
    return list(inputs)


def axes_lengths(shape: Dimensions, axis: int | list[int]) -> tuple[int, ...]:
    """The lengths of the axes that a normalisation's weights span, in ascending order as they are written."""
    return tuple(axis_length(shape, number) for number in (sorted(axis) if isinstance(axis, list) else [axis]))

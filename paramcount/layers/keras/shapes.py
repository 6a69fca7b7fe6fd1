"""Checks of Keras' arguments and of the shapes that reach a layer: keras.src.ops.operation_utils."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from paramcount import ShapeMismatch, axis_length, require
from paramcount.model.errors import UnknownInput
from paramcount.model.tensors import Dimensions
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import format_value

Shapes = Sequence[Any]
"""The shapes of a list of inputs; each may be None (unknown), or a list or dict of shapes."""


def is_length(value: Any, minimum: int = 0) -> bool:
    """Return whether a value is an integer, not a bool, from `minimum` to MAX_DIMENSION."""
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= MAX_DIMENSION


def as_list(value: int | list[int] | None) -> list[int]:
    """Return an argument that is one integer, a list or null as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def require_one_of(value: str | None, choices: Sequence[str], argument: str, stated: Any = None) -> None:
    """Refuse a value that is none of the choices; the message cites `stated` where the config had another spelling."""
    cited = value if stated is None else stated
    require(value in choices, f"must be one of {', '.join(choices)}, not {format_value(cited)}", argument)


def require_either(value: str, first: str, second: str, argument: str) -> None:
    """Refuse a value that is neither of two."""
    require(value in (first, second), f'must be "{first}" or "{second}", not {format_value(value)}', argument)


def per_axis(value: int | list[int], rank: int, argument: str) -> tuple[int, ...]:
    """One number for every spatial axis. Source: keras.src.utils.argument_validation.standardize_tuple."""
    if isinstance(value, int):
        return (value,) * rank
    require(len(value) == rank, f"must be an integer or a list of {rank}, not {format_value(value)}", argument)
    return tuple(value)


def edge_sizes(value: Any, rank: int, argument: str) -> tuple[tuple[int, int], ...]:
    """Return the lengths to crop or pad before and after every spatial axis.

    Two or three axes take 1 or [[1, 1], [0, 2]], one axis takes 1 or [1, 2].
    """
    if rank == 1 or is_length(value):
        return (_edge_pair(value, argument),) * rank
    is_list = isinstance(value, list) and len(value) == rank
    require(is_list, f"must be an integer or a list of {rank}, not {format_value(value)}", argument)
    return tuple(_edge_pair(item, argument) for item in value)


def _edge_pair(value: Any, argument: str) -> tuple[int, int]:
    if is_length(value):
        return value, value
    is_pair = isinstance(value, list) and len(value) == 2 and all(map(is_length, value))
    require(is_pair, f"must be an integer of at least 0 or a pair of such, not {format_value(value)}", argument)
    return value[0], value[1]


def channels_first(data_format: str | None) -> bool:
    """Return whether the channel axis is axis 1; without a data format it is the last, Keras' default."""
    if data_format is not None:
        require_either(data_format, "channels_last", "channels_first", "data_format")
    return data_format == "channels_first"


def require_rank(shape: Dimensions, rank: int) -> Dimensions:
    """Return the shape if it has `rank` axes, the batch axis included; else raise ShapeMismatch."""
    if len(shape) != rank:
        raise ShapeMismatch(f"takes an input of {rank} axes, not {format_value(shape)}")
    return shape


def require_min_rank(shape: Dimensions, rank: int) -> Dimensions:
    """Return the shape if it has at least `rank` axes, the batch axis included; else raise ShapeMismatch."""
    if len(shape) < rank:
        raise ShapeMismatch(f"takes an input of at least {rank} axes, not {format_value(shape)}")
    return shape


def require_shapes(inputs: Shapes) -> list[Dimensions]:
    """Return the shapes of a flat list of inputs; raise UnknownInput or ShapeMismatch if it is not one."""
    for shape in inputs:
        if shape is None:
            raise UnknownInput
        if not isinstance(shape, tuple):
            raise ShapeMismatch("takes a flat list of inputs")
    if not inputs:
        raise ShapeMismatch("takes a list of at least one input")
    return list(inputs)


def require_axis(shape: Dimensions, axis: int) -> None:
    """Raise ShapeMismatch if the shape has no such axis."""
    if not -len(shape) <= axis < len(shape):
        raise ShapeMismatch(f"needs an axis {axis} of its input, which has {len(shape)}")


def channel_axis(first: bool) -> int:
    """The index of the channel axis."""
    return 1 if first else -1


def channel_count(shape: Dimensions, first: bool) -> int:
    """The length of the channel axis, which sizes weights. Raises UnknownShape where it is open."""
    return axis_length(shape, channel_axis(first))


def spatial_axes(shape: Dimensions, first: bool) -> Dimensions:
    """The axes between batch and channels."""
    return shape[2:] if first else shape[1:-1]


def image_shape(batch: int | None, spatial: Sequence[int | None], channels: int | None, first: bool) -> Dimensions:
    """A shape of batch, spatial axes and channels, in the order of the data format."""
    return (batch, channels, *spatial) if first else (batch, *spatial, channels)


def spatial_lengths(shape: Dimensions, first: bool, length: Callable[[int, int], int]) -> list[int | None]:
    """`length(axis, size)` of every spatial axis, axes counted from 0; an open axis stays open."""
    return [size if size is None else length(axis, size) for axis, size in enumerate(spatial_axes(shape, first))]


def map_spatial_axes(shape: Dimensions, first: bool, length: Callable[[int, int], int]) -> Dimensions:
    """The shape with every spatial axis `length(axis, size)` long."""
    return image_shape(shape[0], spatial_lengths(shape, first, length), shape[channel_axis(first)], first)


def window_count(size: int, window_size: int, stride: int, padding: str) -> int:
    """Return how many windows fit on an axis. Source: compute_conv_output_shape, compute_pooling_output_shape."""
    if padding != "valid":
        return (size - 1) // stride + 1
    count = (size - window_size) // stride + 1
    if count <= 0:
        raise ShapeMismatch(f"its window of {window_size} does not fit on an axis of {size}")
    return count


def axis_lengths(shape: Dimensions, axis: int | list[int]) -> tuple[int, ...]:
    """The lengths of the axes that a normalization's weights span; a list of axes is sorted as Keras sorts it."""
    return tuple(axis_length(shape, number) for number in sorted(as_list(axis)))

"""Reshaping, cropping, padding, repeating: keras.layers.reshaping. No layer of this family has tensors."""

from __future__ import annotations

from math import prod

from paramcount import Anything, Dim, Dims, Formula, Input, ShapeMismatch, Text, layer, require
from paramcount.layers.keras.common import SPATIAL_AXES
from paramcount.layers.keras.shapes import (
    as_list,
    channels_first,
    edge_sizes,
    is_length,
    map_spatial_axes,
    per_axis,
    require_min_rank,
    require_rank,
)
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value

_INFERRED = -1
"""The length in a target shape that follows from the others."""


@layer("keras.Flatten", ignores="data_format", weightless=True)
def flatten(inputs: Input) -> Formula:
    """Joins all axes but the batch axis in one. Source: keras.layers.Flatten."""
    yield from ()
    rest = require_min_rank(inputs, 1)[1:]
    return (inputs[0], None if None in rest else prod(length for length in rest if length is not None))


@layer("keras.Reshape", weightless=True)
def reshape(inputs: Input, target_shape: Anything) -> Formula:
    """Rearranges the elements into another shape. Source: keras.layers.Reshape, compute_reshape_output_shape."""
    yield from ()
    is_shape = isinstance(target_shape, list) and len(target_shape) <= 64
    is_shape = is_shape and all(length is None or is_length(length, _INFERRED) for length in target_shape)
    require(is_shape, f"must be a list of dimensions, one at most -1, not {format_value(target_shape)}", "target_shape")
    require(target_shape.count(_INFERRED) <= 1, "must have at most one -1", "target_shape")
    before = require_min_rank(inputs, 1)[1:]
    if None in before or None in target_shape:
        return (inputs[0], *(None if length == _INFERRED else length for length in target_shape))
    size = prod(length for length in before if length is not None)
    known = prod(length for length in target_shape if length != _INFERRED)
    fits = known and size % known == 0 if _INFERRED in target_shape else size == known
    if not fits:
        raise ShapeMismatch(f"cannot make {format_value(target_shape)} of {format_value(before)}")
    return (inputs[0], *(size // known if length == _INFERRED else length for length in target_shape))


@layer("keras.Permute", weightless=True)
def permute(inputs: Input, dims: Dims) -> Formula:
    """Puts the axes after the batch axis in another order. Source: keras.layers.Permute."""
    yield from ()
    order = as_list(dims)
    require(sorted(order) == list(range(1, len(order) + 1)), "must be 1, 2, ... in some order", "dims")
    inputs = require_rank(inputs, len(order) + 1)
    return (inputs[0], *(inputs[number] for number in order))


@layer("keras.RepeatVector", weightless=True)
def repeat_vector(inputs: Input, n: Dim) -> Formula:
    """Repeats a vector `n` times. Source: keras.layers.RepeatVector."""
    yield from ()
    inputs = require_rank(inputs, 2)
    return (inputs[0], n, inputs[1])


def _crop(inputs: Dimensions, cropping: tuple[tuple[int, int], ...], first: bool) -> Formula:
    yield from ()

    def length(axis: int, size: int) -> int:
        remaining = size - sum(cropping[axis])
        if remaining <= 0:
            raise ShapeMismatch(f"crops {sum(cropping[axis])} off an axis of {size}")
        return remaining

    return map_spatial_axes(require_rank(inputs, len(cropping) + 2), first, length)


@layer("keras.Cropping1D", weightless=True)
def cropping1d(inputs: Input, cropping: Anything = 1) -> Formula:
    """Cuts steps off both ends of one axis. Source: keras.layers.Cropping1D."""
    return (yield from _crop(inputs, edge_sizes(cropping, 1, "cropping"), first=False))


def _register_cropping(rank: int, default: int) -> None:
    @layer_variant(f"keras.Cropping{rank}D", f"Cuts off both ends of {SPATIAL_AXES[rank]}.", weightless=True)
    def crop(inputs: Input, cropping: Anything = default, data_format: Text | None = None) -> Formula:
        return (yield from _crop(inputs, edge_sizes(cropping, rank, "cropping"), channels_first(data_format)))


_register_cropping(2, default=0)
_register_cropping(3, default=1)


def _register_zero_padding(rank: int) -> None:
    @layer_variant(
        f"keras.ZeroPadding{rank}D",
        f"Adds zeros at both ends of {SPATIAL_AXES[rank]}.",
        weightless=True,
    )
    def pad(inputs: Input, padding: Anything = 1, data_format: Text | None = None) -> Formula:
        yield from ()
        added = edge_sizes(padding, rank, "padding")
        first = channels_first(data_format)
        return map_spatial_axes(require_rank(inputs, rank + 2), first, lambda axis, size: size + sum(added[axis]))


for _rank in SPATIAL_AXES:
    _register_zero_padding(_rank)


def _upsample(inputs: Dimensions, size: int | list[int], rank: int, first: bool) -> Formula:
    yield from ()
    factors = per_axis(size, rank, "size")
    return map_spatial_axes(require_rank(inputs, rank + 2), first, lambda axis, length: length * factors[axis])


@layer("keras.UpSampling1D", weightless=True)
def up_sampling1d(inputs: Input, size: Dim = 2) -> Formula:
    """Repeats every step `size` times. Source: keras.layers.UpSampling1D."""
    return (yield from _upsample(inputs, size, 1, first=False))


def _register_up_sampling(rank: int, ignores: str = "") -> None:
    @layer_variant(
        f"keras.UpSampling{rank}D", f"Repeats every element along {SPATIAL_AXES[rank]}.", ignores, weightless=True
    )
    def upsample(inputs: Input, size: Dims = 2, data_format: Text | None = None) -> Formula:
        return (yield from _upsample(inputs, size, rank, channels_first(data_format)))


_register_up_sampling(2, ignores="interpolation")
_register_up_sampling(3)

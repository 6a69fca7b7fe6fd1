"""Reshaping, cropping, padding, repeating: keras.layers.reshaping. No layer of this family owns anything."""

from __future__ import annotations

from math import prod
from typing import Any

from paramcount import Anything, Dim, Dims, Formula, Input, ShapeMismatch, Text, layer, require
from paramcount.layers.keras.shapes import at_least, channels_first, of_rank, over_space, pair, pairs, per_axis
from paramcount.model.tensors import Dimensions
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import shown


@layer("keras.Flatten", ignores="data_format")
def flatten(inputs: Input) -> Formula:
    """All axes but the batch's in one. Source: keras.layers.Flatten."""
    yield from ()
    rest = at_least(inputs, 1)[1:]
    return (inputs[0], None if None in rest else prod(length for length in rest if length is not None))


@layer("keras.Reshape")
def reshape(inputs: Input, target_shape: Anything) -> Formula:
    """The same elements in another shape. Source: keras.layers.Reshape, compute_reshape_output_shape."""
    yield from ()
    ok = isinstance(target_shape, list) and len(target_shape) <= 64 and all(map(_is_target, target_shape))
    require(ok, f"must be a list of dimensions, one at most -1, not {shown(target_shape)}", "target_shape")
    require(target_shape.count(-1) <= 1, "must have at most one -1", "target_shape")
    before = at_least(inputs, 1)[1:]
    if None in before or None in target_shape:
        return (inputs[0], *(None if length == -1 else length for length in target_shape))
    size = prod(length for length in before if length is not None)
    known = prod(length for length in target_shape if length != -1)
    whole = known and size % known == 0 if -1 in target_shape else size == known
    if not whole:
        raise ShapeMismatch(f"cannot make {shown(target_shape)} of {shown(before)}")
    return (inputs[0], *(size // known if length == -1 else length for length in target_shape))


def _is_target(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and -1 <= value <= MAX_DIMENSION)


@layer("keras.Permute")
def permute(inputs: Input, dims: Dims) -> Formula:
    """The axes in another order, the batch's first. Source: keras.layers.Permute."""
    yield from ()
    order = dims if isinstance(dims, list) else [dims]
    require(sorted(order) == list(range(1, len(order) + 1)), "must be 1, 2, ... in some order", "dims")
    inputs = of_rank(inputs, len(order) + 1)
    return (inputs[0], *(inputs[number] for number in order))


@layer("keras.RepeatVector")
def repeat_vector(inputs: Input, n: Dim) -> Formula:
    """n copies of a vector. Source: keras.layers.RepeatVector."""
    yield from ()
    inputs = of_rank(inputs, 2)
    return (inputs[0], n, inputs[1])


def _cropped(inputs: Dimensions, cut: tuple[tuple[int, int], ...], first: bool) -> Dimensions:
    def length(axis: int, size: int) -> int:
        left = size - sum(cut[axis])
        if left <= 0:
            raise ShapeMismatch(f"crops {sum(cut[axis])} off an axis of {size}")
        return left

    return over_space(of_rank(inputs, len(cut) + 2), first, length)


@layer("keras.Cropping1D")
def cropping1d(inputs: Input, cropping: Anything = 1) -> Formula:
    """Cuts steps off both ends. Source: keras.layers.Cropping1D."""
    yield from ()
    return _cropped(inputs, (pair(cropping, "cropping"),), first=False)


@layer("keras.Cropping2D")
def cropping2d(inputs: Input, cropping: Anything = 0, data_format: Text | None = None) -> Formula:
    """Cuts rows and columns off. Source: keras.layers.Cropping2D."""
    yield from ()
    return _cropped(inputs, pairs(cropping, 2, "cropping"), channels_first(data_format))


@layer("keras.Cropping3D")
def cropping3d(inputs: Input, cropping: Anything = 1, data_format: Text | None = None) -> Formula:
    """Cuts a volume's sides off. Source: keras.layers.Cropping3D."""
    yield from ()
    return _cropped(inputs, pairs(cropping, 3, "cropping"), channels_first(data_format))


def _padded(inputs: Dimensions, added: tuple[tuple[int, int], ...], first: bool) -> Dimensions:
    return over_space(of_rank(inputs, len(added) + 2), first, lambda axis, size: size + sum(added[axis]))


@layer("keras.ZeroPadding1D")
def zero_padding1d(inputs: Input, padding: Anything = 1, data_format: Text | None = None) -> Formula:
    """Adds steps at both ends. Source: keras.layers.ZeroPadding1D."""
    yield from ()
    return _padded(inputs, (pair(padding, "padding"),), channels_first(data_format))


@layer("keras.ZeroPadding2D")
def zero_padding2d(inputs: Input, padding: Anything = 1, data_format: Text | None = None) -> Formula:
    """Adds rows and columns. Source: keras.layers.ZeroPadding2D."""
    yield from ()
    return _padded(inputs, pairs(padding, 2, "padding"), channels_first(data_format))


@layer("keras.ZeroPadding3D")
def zero_padding3d(inputs: Input, padding: Anything = 1, data_format: Text | None = None) -> Formula:
    """Adds to a volume's sides. Source: keras.layers.ZeroPadding3D."""
    yield from ()
    return _padded(inputs, pairs(padding, 3, "padding"), channels_first(data_format))


def _scaled(inputs: Dimensions, size: int | list[int], rank: int, first: bool) -> Dimensions:
    times = per_axis(size, rank, "size")
    return over_space(of_rank(inputs, rank + 2), first, lambda axis, length: length * times[axis])


@layer("keras.UpSampling1D")
def up_sampling1d(inputs: Input, size: Dim = 2) -> Formula:
    """Every step several times. Source: keras.layers.UpSampling1D."""
    yield from ()
    return _scaled(inputs, size, 1, first=False)


@layer("keras.UpSampling2D", ignores="interpolation")
def up_sampling2d(inputs: Input, size: Dims = 2, data_format: Text | None = None) -> Formula:
    """Every pixel several times. Source: keras.layers.UpSampling2D."""
    yield from ()
    return _scaled(inputs, size, 2, channels_first(data_format))


@layer("keras.UpSampling3D")
def up_sampling3d(inputs: Input, size: Dims = 2, data_format: Text | None = None) -> Formula:
    """Every voxel several times. Source: keras.layers.UpSampling3D."""
    yield from ()
    return _scaled(inputs, size, 3, channels_first(data_format))

"""Pooling: keras.layers.pooling. No layer of this family owns anything."""

from __future__ import annotations

from paramcount import Dims, Flag, Formula, Input, Text, layer, require
from paramcount.layers.keras.shapes import at_least, channels_first, image, of_rank, over_space, per_axis, window
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import shown


def _pool(
    rank: int,
    inputs: Dimensions,
    pool_size: int | list[int],
    strides: int | list[int] | None,
    padding: str,
    data_format: str | None,
) -> Formula:
    """Source: keras.src.layers.pooling.base_pooling."""
    yield from ()
    first = channels_first(data_format)
    sizes = per_axis(pool_size, rank, "pool_size")
    steps = sizes if strides is None else per_axis(strides, rank, "strides")
    require(padding in ("valid", "same"), f'must be "valid" or "same", not {shown(padding)}', "padding")
    inputs = of_rank(inputs, rank + 2)
    return over_space(inputs, first, lambda axis, size: window(size, sizes[axis], steps[axis], padding))


def _global(rank: int, inputs: Dimensions, data_format: str | None, keepdims: bool) -> Formula:
    """Source: keras.src.layers.pooling.base_global_pooling."""
    yield from ()
    first = channels_first(data_format)
    inputs = of_rank(inputs, rank + 2)
    return image(inputs[0], (1,) * rank if keepdims else (), inputs[1] if first else inputs[-1], first)


def _adaptive(rank: int, inputs: Dimensions, output_size: int | list[int], data_format: str | None) -> Formula:
    """Source: keras.src.layers.pooling.base_adaptive_pooling."""
    yield from ()
    first = channels_first(data_format)
    sizes = per_axis(output_size, rank, "output_size")
    inputs = at_least(inputs, 2 if first else 1)
    return image(inputs[0], sizes, inputs[1] if first else inputs[-1], first)


@layer("keras.MaxPooling1D")
def max_pooling1d(
    inputs: Input,
    pool_size: Dims = 2,
    strides: Dims | None = None,
    padding: Text = "valid",
    data_format: Text | None = None,
) -> Formula:
    """The maximum of each window. Source: keras.layers.MaxPooling1D."""
    return (yield from _pool(1, inputs, pool_size, strides, padding, data_format))


@layer("keras.MaxPooling2D")
def max_pooling2d(
    inputs: Input,
    pool_size: Dims = 2,
    strides: Dims | None = None,
    padding: Text = "valid",
    data_format: Text | None = None,
) -> Formula:
    """The maximum of each window. Source: keras.layers.MaxPooling2D."""
    return (yield from _pool(2, inputs, pool_size, strides, padding, data_format))


@layer("keras.MaxPooling3D")
def max_pooling3d(
    inputs: Input,
    pool_size: Dims = 2,
    strides: Dims | None = None,
    padding: Text = "valid",
    data_format: Text | None = None,
) -> Formula:
    """The maximum of each window. Source: keras.layers.MaxPooling3D."""
    return (yield from _pool(3, inputs, pool_size, strides, padding, data_format))


@layer("keras.AveragePooling1D")
def average_pooling1d(
    inputs: Input,
    pool_size: Dims,
    strides: Dims | None = None,
    padding: Text = "valid",
    data_format: Text | None = None,
) -> Formula:
    """The mean of each window. Source: keras.layers.AveragePooling1D."""
    return (yield from _pool(1, inputs, pool_size, strides, padding, data_format))


@layer("keras.AveragePooling2D")
def average_pooling2d(
    inputs: Input,
    pool_size: Dims,
    strides: Dims | None = None,
    padding: Text = "valid",
    data_format: Text | None = None,
) -> Formula:
    """The mean of each window. Source: keras.layers.AveragePooling2D."""
    return (yield from _pool(2, inputs, pool_size, strides, padding, data_format))


@layer("keras.AveragePooling3D")
def average_pooling3d(
    inputs: Input,
    pool_size: Dims,
    strides: Dims | None = None,
    padding: Text = "valid",
    data_format: Text | None = None,
) -> Formula:
    """The mean of each window. Source: keras.layers.AveragePooling3D."""
    return (yield from _pool(3, inputs, pool_size, strides, padding, data_format))


@layer("keras.GlobalMaxPooling1D")
def global_max_pooling1d(inputs: Input, data_format: Text | None = None, keepdims: Flag = False) -> Formula:
    """The maximum of each channel. Source: keras.layers.GlobalMaxPooling1D."""
    return (yield from _global(1, inputs, data_format, keepdims))


@layer("keras.GlobalMaxPooling2D")
def global_max_pooling2d(inputs: Input, data_format: Text | None = None, keepdims: Flag = False) -> Formula:
    """The maximum of each channel. Source: keras.layers.GlobalMaxPooling2D."""
    return (yield from _global(2, inputs, data_format, keepdims))


@layer("keras.GlobalMaxPooling3D")
def global_max_pooling3d(inputs: Input, data_format: Text | None = None, keepdims: Flag = False) -> Formula:
    """The maximum of each channel. Source: keras.layers.GlobalMaxPooling3D."""
    return (yield from _global(3, inputs, data_format, keepdims))


@layer("keras.GlobalAveragePooling1D")
def global_average_pooling1d(inputs: Input, data_format: Text | None = None, keepdims: Flag = False) -> Formula:
    """The mean of each channel. Source: keras.layers.GlobalAveragePooling1D."""
    return (yield from _global(1, inputs, data_format, keepdims))


@layer("keras.GlobalAveragePooling2D")
def global_average_pooling2d(inputs: Input, data_format: Text | None = None, keepdims: Flag = False) -> Formula:
    """The mean of each channel. Source: keras.layers.GlobalAveragePooling2D."""
    return (yield from _global(2, inputs, data_format, keepdims))


@layer("keras.GlobalAveragePooling3D")
def global_average_pooling3d(inputs: Input, data_format: Text | None = None, keepdims: Flag = False) -> Formula:
    """The mean of each channel. Source: keras.layers.GlobalAveragePooling3D."""
    return (yield from _global(3, inputs, data_format, keepdims))


@layer("keras.AdaptiveMaxPooling1D")
def adaptive_max_pooling1d(inputs: Input, output_size: Dims, data_format: Text | None = None) -> Formula:
    """The maximum of as many windows as are wanted. Source: keras.layers.AdaptiveMaxPooling1D."""
    return (yield from _adaptive(1, inputs, output_size, data_format))


@layer("keras.AdaptiveMaxPooling2D")
def adaptive_max_pooling2d(inputs: Input, output_size: Dims, data_format: Text | None = None) -> Formula:
    """The maximum of as many windows as are wanted. Source: keras.layers.AdaptiveMaxPooling2D."""
    return (yield from _adaptive(2, inputs, output_size, data_format))


@layer("keras.AdaptiveMaxPooling3D")
def adaptive_max_pooling3d(inputs: Input, output_size: Dims, data_format: Text | None = None) -> Formula:
    """The maximum of as many windows as are wanted. Source: keras.layers.AdaptiveMaxPooling3D."""
    return (yield from _adaptive(3, inputs, output_size, data_format))


@layer("keras.AdaptiveAveragePooling1D")
def adaptive_average_pooling1d(inputs: Input, output_size: Dims, data_format: Text | None = None) -> Formula:
    """The mean of as many windows as are wanted. Source: keras.layers.AdaptiveAveragePooling1D."""
    return (yield from _adaptive(1, inputs, output_size, data_format))


@layer("keras.AdaptiveAveragePooling2D")
def adaptive_average_pooling2d(inputs: Input, output_size: Dims, data_format: Text | None = None) -> Formula:
    """The mean of as many windows as are wanted. Source: keras.layers.AdaptiveAveragePooling2D."""
    return (yield from _adaptive(2, inputs, output_size, data_format))


@layer("keras.AdaptiveAveragePooling3D")
def adaptive_average_pooling3d(inputs: Input, output_size: Dims, data_format: Text | None = None) -> Formula:
    """The mean of as many windows as are wanted. Source: keras.layers.AdaptiveAveragePooling3D."""
    return (yield from _adaptive(3, inputs, output_size, data_format))

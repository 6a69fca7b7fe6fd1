"""Pooling: keras.layers.pooling. No layer of this family has tensors."""

from __future__ import annotations

from paramcount import Dims, Flag, Formula, Input, Text
from paramcount.layers.keras.common import SPATIAL_AXES
from paramcount.layers.keras.shapes import (
    channel_axis,
    channels_first,
    image_shape,
    map_spatial_axes,
    per_axis,
    require_either,
    require_min_rank,
    require_rank,
    window_count,
)
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions


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
    require_either(padding, "valid", "same", "padding")
    inputs = require_rank(inputs, rank + 2)
    return map_spatial_axes(inputs, first, lambda axis, size: window_count(size, sizes[axis], steps[axis], padding))


def _pool_globally(rank: int, inputs: Dimensions, data_format: str | None, keepdims: bool) -> Formula:
    """Source: keras.src.layers.pooling.base_global_pooling."""
    yield from ()
    first = channels_first(data_format)
    inputs = require_rank(inputs, rank + 2)
    return image_shape(inputs[0], (1,) * rank if keepdims else (), inputs[channel_axis(first)], first)


def _pool_adaptively(rank: int, inputs: Dimensions, output_size: int | list[int], data_format: str | None) -> Formula:
    """Source: keras.src.layers.pooling.base_adaptive_pooling."""
    yield from ()
    first = channels_first(data_format)
    sizes = per_axis(output_size, rank, "output_size")
    inputs = require_min_rank(inputs, 2 if first else 1)
    return image_shape(inputs[0], sizes, inputs[channel_axis(first)], first)


def _register_max_pooling(rank: int) -> None:
    @layer_variant(
        f"keras.MaxPooling{rank}D", f"The maximum of each window over {SPATIAL_AXES[rank]}.", weightless=True
    )
    def max_pooling(
        inputs: Input,
        pool_size: Dims = 2,
        strides: Dims | None = None,
        padding: Text = "valid",
        data_format: Text | None = None,
    ) -> Formula:
        return (yield from _pool(rank, inputs, pool_size, strides, padding, data_format))


def _register_average_pooling(rank: int) -> None:
    @layer_variant(
        f"keras.AveragePooling{rank}D", f"The mean of each window over {SPATIAL_AXES[rank]}.", weightless=True
    )
    def average_pooling(
        inputs: Input,
        pool_size: Dims,
        strides: Dims | None = None,
        padding: Text = "valid",
        data_format: Text | None = None,
    ) -> Formula:
        return (yield from _pool(rank, inputs, pool_size, strides, padding, data_format))


def _register_global_pooling(name: str, statistic: str, rank: int) -> None:
    @layer_variant(
        f"keras.Global{name}Pooling{rank}D",
        f"The {statistic} of each channel over {SPATIAL_AXES[rank]}.",
        weightless=True,
    )
    def global_pooling(inputs: Input, data_format: Text | None = None, keepdims: Flag = False) -> Formula:
        return (yield from _pool_globally(rank, inputs, data_format, keepdims))


def _register_adaptive_pooling(name: str, statistic: str, rank: int) -> None:
    summary = f"The {statistic} of each of `output_size` windows over {SPATIAL_AXES[rank]}."

    @layer_variant(f"keras.Adaptive{name}Pooling{rank}D", summary, weightless=True)
    def adaptive_pooling(inputs: Input, output_size: Dims, data_format: Text | None = None) -> Formula:
        return (yield from _pool_adaptively(rank, inputs, output_size, data_format))


for _rank in SPATIAL_AXES:
    _register_max_pooling(_rank)
for _rank in SPATIAL_AXES:
    _register_average_pooling(_rank)
for _register in (_register_global_pooling, _register_adaptive_pooling):
    for _name, _statistic in (("Max", "maximum"), ("Average", "mean")):
        for _rank in SPATIAL_AXES:
            _register(_name, _statistic, _rank)

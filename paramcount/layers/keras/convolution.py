"""Convolutions: keras.layers.convolutional."""

from __future__ import annotations

from paramcount import Axes, Dim, Dims, Flag, Formula, Input, ShapeMismatch, Size, Tensor, Text, require
from paramcount.layers.keras.common import BIAS, DEPTHWISE, KERNEL, POINTWISE, SPATIAL_AXES
from paramcount.layers.keras.shapes import (
    channel_count,
    channels_first,
    image_shape,
    per_axis,
    require_one_of,
    require_rank,
    spatial_lengths,
    window_count,
)
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value

_CONVOLUTION = f"activation {KERNEL} {BIAS}"


class Windows:
    """The windows of a convolution: its arguments for every spatial axis, checked as Keras checks them."""

    def __init__(
        self,
        rank: int,
        kernel_size: int | list[int],
        strides: int | list[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | list[int],
        allow_causal: bool = False,
        allow_dilated_strides: bool = False,
    ) -> None:
        self.rank, self.padding, self.channels_first = rank, padding.lower(), channels_first(data_format)
        self.kernel = per_axis(kernel_size, rank, "kernel_size")
        self.strides = per_axis(strides, rank, "strides")
        self.dilation = per_axis(dilation_rate, rank, "dilation_rate")
        paddings = ("valid", "same", "causal") if allow_causal else ("valid", "same")
        require_one_of(self.padding, paddings, "padding", stated=padding)
        fits = allow_dilated_strides or max(self.strides) == 1 or max(self.dilation) == 1
        require(fits, "strides above 1 and a dilation_rate above 1 exclude each other", "dilation_rate")

    def extent(self, axis: int) -> int:
        """The steps of an axis that one window spans."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def output(self, inputs: Dimensions, filters: int) -> Dimensions:
        """The shape after the convolution. Source: compute_conv_output_shape."""

        def length(axis: int, size: int) -> int:
            return window_count(size, self.extent(axis), self.strides[axis], self.padding)

        spatial = spatial_lengths(inputs, self.channels_first, length)
        return image_shape(inputs[0], spatial, filters, self.channels_first)

    def transposed_output(self, inputs: Dimensions, filters: int, output_padding: tuple[int, ...] | None) -> Dimensions:
        """The shape after the transpose. Source: backend_utils._get_output_shape_given_tf_padding."""

        def length(axis: int, size: int) -> int:
            stride, extent = self.strides[axis], self.extent(axis)
            if self.padding == "valid":
                extra = max(extent, stride) - extent if output_padding is None else output_padding[axis]
                return (size - 1) * stride + extent + extra
            if output_padding is None:
                return size * stride
            return (size - 1) * stride + extent % 2 + output_padding[axis]

        spatial = spatial_lengths(inputs, self.channels_first, length)
        return image_shape(inputs[0], spatial, filters, self.channels_first)


def _input_channels(windows: Windows, inputs: Dimensions) -> int:
    return channel_count(require_rank(inputs, windows.rank + 2), windows.channels_first)


def _convolve(
    windows: Windows, inputs: Dimensions, filters: int, groups: int, use_bias: bool, lora_rank: int
) -> Formula:
    """kernel size × in/groups × filters. Source: keras.src.layers.convolutional.base_conv.BaseConv."""
    channels = _input_channels(windows, inputs)
    require(filters % groups == 0, f"must divide the {filters} filters", "groups")
    if channels % groups:
        raise ShapeMismatch(f"{groups} groups do not divide {channels} input channels")
    output = windows.output(inputs, filters)
    yield Tensor("kernel", (*windows.kernel, channels // groups, filters), trainable=not lora_rank)
    if use_bias:
        yield Tensor("bias", (filters,))
    if lora_rank:
        yield Tensor("lora_kernel_a", (*windows.kernel, channels // groups, lora_rank))
        yield Tensor("lora_kernel_b", (lora_rank, filters))
    return output


def _convolve_depthwise(windows: Windows, inputs: Dimensions, depth_multiplier: int, use_bias: bool) -> Formula:
    """kernel size × in × multiplier. Source: keras.src.layers.convolutional.base_depthwise_conv."""
    channels = _input_channels(windows, inputs)
    output = windows.output(inputs, depth_multiplier * channels)
    yield Tensor("kernel", (*windows.kernel, channels, depth_multiplier))
    if use_bias:
        yield Tensor("bias", (depth_multiplier * channels,))
    return output


def _convolve_separably(
    windows: Windows, inputs: Dimensions, filters: int, depth_multiplier: int, use_bias: bool
) -> Formula:
    """A depthwise kernel, then a pointwise one. Source: keras.src.layers.convolutional.base_separable_conv."""
    channels = _input_channels(windows, inputs)
    output = windows.output(inputs, filters)
    yield Tensor("depthwise_kernel", (*windows.kernel, channels, depth_multiplier))
    yield Tensor("pointwise_kernel", (*(1,) * windows.rank, depth_multiplier * channels, filters))
    if use_bias:
        yield Tensor("bias", (filters,))
    return output


def _transpose(
    windows: Windows, inputs: Dimensions, filters: int, output_padding: int | list[int] | None, use_bias: bool
) -> Formula:
    """kernel size × filters × in. Source: keras.src.layers.convolutional.base_conv_transpose."""
    extra = None if output_padding is None else _output_padding(output_padding, windows)
    channels = _input_channels(windows, inputs)
    yield Tensor("kernel", (*windows.kernel, filters, channels))
    if use_bias:
        yield Tensor("bias", (filters,))
    return windows.transposed_output(inputs, filters, extra)


def _output_padding(value: int | list[int], windows: Windows) -> tuple[int, ...]:
    extra = per_axis(value, windows.rank, "output_padding")
    fits = all(0 <= one < stride for one, stride in zip(extra, windows.strides, strict=True))
    require(fits, f"must be at least 0 and less than the strides, not {format_value(value)}", "output_padding")
    return extra


def _register_convolution(rank: int) -> None:
    @layer_variant(f"keras.Conv{rank}D", f"Slides filters along {SPATIAL_AXES[rank]}.", f"lora_alpha {_CONVOLUTION}")
    def convolve(
        inputs: Input,
        filters: Dim,
        kernel_size: Dims,
        strides: Dims = 1,
        padding: Text = "valid",
        data_format: Text | None = None,
        dilation_rate: Dims = 1,
        groups: Dim = 1,
        use_bias: Flag = True,
        lora_rank: Size | None = None,
    ) -> Formula:
        windows = Windows(rank, kernel_size, strides, padding, data_format, dilation_rate, allow_causal=rank == 1)
        return (yield from _convolve(windows, inputs, filters, groups, use_bias, lora_rank or 0))


def _register_depthwise(rank: int) -> None:
    summary = f"Filters each channel by itself along {SPATIAL_AXES[rank]}."

    @layer_variant(f"keras.DepthwiseConv{rank}D", summary, f"activation {DEPTHWISE} {BIAS}")
    def convolve(
        inputs: Input,
        kernel_size: Dims,
        strides: Dims = 1,
        padding: Text = "valid",
        depth_multiplier: Dim = 1,
        data_format: Text | None = None,
        dilation_rate: Dims = 1,
        use_bias: Flag = True,
    ) -> Formula:
        windows = Windows(rank, kernel_size, strides, padding, data_format, dilation_rate, allow_dilated_strides=True)
        return (yield from _convolve_depthwise(windows, inputs, depth_multiplier, use_bias))


def _register_separable(rank: int) -> None:
    summary = f"Filters each channel by itself along {SPATIAL_AXES[rank]}, then mixes the channels."

    @layer_variant(f"keras.SeparableConv{rank}D", summary, f"activation {DEPTHWISE} {POINTWISE} {BIAS}")
    def convolve(
        inputs: Input,
        filters: Dim,
        kernel_size: Dims,
        strides: Dims = 1,
        padding: Text = "valid",
        data_format: Text | None = None,
        dilation_rate: Dims = 1,
        depth_multiplier: Dim = 1,
        use_bias: Flag = True,
    ) -> Formula:
        windows = Windows(rank, kernel_size, strides, padding, data_format, dilation_rate, allow_dilated_strides=True)
        return (yield from _convolve_separably(windows, inputs, filters, depth_multiplier, use_bias))


def _register_transpose(rank: int) -> None:
    summary = f"Spreads every step by filters along {SPATIAL_AXES[rank]}: the transpose of a convolution."

    @layer_variant(f"keras.Conv{rank}DTranspose", summary, _CONVOLUTION)
    def convolve(
        inputs: Input,
        filters: Dim,
        kernel_size: Dims,
        strides: Dims = 1,
        padding: Text = "valid",
        output_padding: Axes | None = None,
        data_format: Text | None = None,
        dilation_rate: Dims = 1,
        use_bias: Flag = True,
    ) -> Formula:
        windows = Windows(rank, kernel_size, strides, padding, data_format, dilation_rate)
        return (yield from _transpose(windows, inputs, filters, output_padding, use_bias))


for _register, _ranks in (
    (_register_convolution, (1, 2, 3)),
    (_register_depthwise, (1, 2)),
    (_register_separable, (1, 2)),
    (_register_transpose, (1, 2, 3)),
):
    for _rank in _ranks:
        _register(_rank)

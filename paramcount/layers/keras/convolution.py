"""Convolutions: keras.layers.convolutional."""

from __future__ import annotations

from paramcount import Axes, Dim, Dims, Flag, Formula, Input, ShapeMismatch, Size, Tensor, Text, layer, require
from paramcount.layers.keras.common import BIAS, DEPTHWISE, KERNEL, POINTWISE
from paramcount.layers.keras.shapes import (
    channels,
    channels_first,
    image,
    of_rank,
    over_space,
    per_axis,
    spatial,
    window,
)
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import shown

_CONV = f"activation {KERNEL} {BIAS}"
_DEPTHWISE = f"activation {DEPTHWISE} {BIAS}"
_SEPARABLE = f"activation {DEPTHWISE} {POINTWISE} {BIAS}"


class Windows:
    """The arguments that every convolution has, checked as Keras checks them."""

    def __init__(
        self,
        rank: int,
        kernel_size: int | list[int],
        strides: int | list[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | list[int],
        allow_causal: bool = False,
        exclusive: bool = True,
    ) -> None:
        self.rank, self.padding, self.first = rank, padding.lower(), channels_first(data_format)
        self.kernel = per_axis(kernel_size, rank, "kernel_size")
        self.strides = per_axis(strides, rank, "strides")
        self.dilation = per_axis(dilation_rate, rank, "dilation_rate")
        known = ("valid", "same", "causal") if allow_causal else ("valid", "same")
        require(self.padding in known, f"must be one of {', '.join(known)}, not {shown(padding)}", "padding")
        apart = not exclusive or max(self.strides) == 1 or max(self.dilation) == 1
        require(apart, "strides above 1 and a dilation_rate above 1 exclude each other", "dilation_rate")

    def output(self, inputs: Dimensions, filters: int) -> Dimensions:
        """Source: compute_conv_output_shape."""

        def length(axis: int, size: int) -> int:
            reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
            return window(size, reach, self.strides[axis], self.padding)

        return image(inputs[0], spatial(over_space(inputs, self.first, length), self.first), filters, self.first)


def _conv(windows: Windows, inputs: Dimensions, filters: int, groups: int, use_bias: bool, lora_rank: int) -> Formula:
    """kernel size × in/groups × filters. Source: keras.src.layers.convolutional.base_conv.BaseConv."""
    depth = channels(of_rank(inputs, windows.rank + 2), windows.first)
    require(filters % groups == 0, f"must divide the {filters} filters", "groups")
    if depth % groups:
        raise ShapeMismatch(f"{groups} groups do not divide {depth} input channels")
    output = windows.output(inputs, filters)
    yield Tensor("kernel", (*windows.kernel, depth // groups, filters), trainable=not lora_rank)
    if use_bias:
        yield Tensor("bias", (filters,))
    if lora_rank:
        yield Tensor("lora_kernel_a", (*windows.kernel, depth // groups, lora_rank))
        yield Tensor("lora_kernel_b", (lora_rank, filters))
    return output


def _depthwise(windows: Windows, inputs: Dimensions, depth_multiplier: int, use_bias: bool) -> Formula:
    """kernel size × in × multiplier. Source: keras.src.layers.convolutional.base_depthwise_conv."""
    depth = channels(of_rank(inputs, windows.rank + 2), windows.first)
    output = windows.output(inputs, depth_multiplier * depth)
    yield Tensor("kernel", (*windows.kernel, depth, depth_multiplier))
    if use_bias:
        yield Tensor("bias", (depth_multiplier * depth,))
    return output


def _separable(windows: Windows, inputs: Dimensions, filters: int, depth_multiplier: int, use_bias: bool) -> Formula:
    """A depthwise kernel, then a pointwise one. Source: keras.src.layers.convolutional.base_separable_conv."""
    depth = channels(of_rank(inputs, windows.rank + 2), windows.first)
    output = windows.output(inputs, filters)
    yield Tensor("depthwise_kernel", (*windows.kernel, depth, depth_multiplier))
    yield Tensor("pointwise_kernel", (*(1,) * windows.rank, depth_multiplier * depth, filters))
    if use_bias:
        yield Tensor("bias", (filters,))
    return output


def _transpose(
    windows: Windows, inputs: Dimensions, filters: int, output_padding: int | list[int] | None, use_bias: bool
) -> Formula:
    """kernel size × filters × in. Source: keras.src.layers.convolutional.base_conv_transpose."""
    extra = None if output_padding is None else _output_padding(output_padding, windows)
    depth = channels(of_rank(inputs, windows.rank + 2), windows.first)
    yield Tensor("kernel", (*windows.kernel, filters, depth))
    if use_bias:
        yield Tensor("bias", (filters,))

    def length(axis: int, size: int) -> int:
        # Source: keras.src.backend.common.backend_utils._get_output_shape_given_tf_padding
        stride = windows.strides[axis]
        reach = (windows.kernel[axis] - 1) * windows.dilation[axis] + 1
        if windows.padding == "valid":
            return (size - 1) * stride + reach + (max(reach, stride) - reach if extra is None else extra[axis])
        return size * stride if extra is None else (size - 1) * stride + reach % 2 + extra[axis]

    return image(inputs[0], spatial(over_space(inputs, windows.first, length), windows.first), filters, windows.first)


def _output_padding(value: int | list[int], windows: Windows) -> tuple[int, ...]:
    extra = per_axis(value, windows.rank, "output_padding")
    fits = all(0 <= one < stride for one, stride in zip(extra, windows.strides, strict=True))
    require(fits, f"must be at least 0 and less than the strides, not {shown(value)}", "output_padding")
    return extra


@layer("keras.Conv1D", ignores=f"lora_alpha {_CONV}")
def conv1d(
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
    """Slides filters along one axis. Source: keras.layers.Conv1D."""
    windows = Windows(1, kernel_size, strides, padding, data_format, dilation_rate, allow_causal=True)
    return (yield from _conv(windows, inputs, filters, groups, use_bias, lora_rank or 0))


@layer("keras.Conv2D", ignores=f"lora_alpha {_CONV}")
def conv2d(
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
    """Slides filters over a plane. Source: keras.layers.Conv2D."""
    windows = Windows(2, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _conv(windows, inputs, filters, groups, use_bias, lora_rank or 0))


@layer("keras.Conv3D", ignores=f"lora_alpha {_CONV}")
def conv3d(
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
    """Slides filters through a volume. Source: keras.layers.Conv3D."""
    windows = Windows(3, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _conv(windows, inputs, filters, groups, use_bias, lora_rank or 0))


@layer("keras.DepthwiseConv1D", ignores=_DEPTHWISE)
def depthwise_conv1d(
    inputs: Input,
    kernel_size: Dims,
    strides: Dims = 1,
    padding: Text = "valid",
    depth_multiplier: Dim = 1,
    data_format: Text | None = None,
    dilation_rate: Dims = 1,
    use_bias: Flag = True,
) -> Formula:
    """Filters each channel on its own. Source: keras.layers.DepthwiseConv1D."""
    windows = Windows(1, kernel_size, strides, padding, data_format, dilation_rate, exclusive=False)
    return (yield from _depthwise(windows, inputs, depth_multiplier, use_bias))


@layer("keras.DepthwiseConv2D", ignores=_DEPTHWISE)
def depthwise_conv2d(
    inputs: Input,
    kernel_size: Dims,
    strides: Dims = 1,
    padding: Text = "valid",
    depth_multiplier: Dim = 1,
    data_format: Text | None = None,
    dilation_rate: Dims = 1,
    use_bias: Flag = True,
) -> Formula:
    """Filters each channel on its own. Source: keras.layers.DepthwiseConv2D."""
    windows = Windows(2, kernel_size, strides, padding, data_format, dilation_rate, exclusive=False)
    return (yield from _depthwise(windows, inputs, depth_multiplier, use_bias))


@layer("keras.SeparableConv1D", ignores=_SEPARABLE)
def separable_conv1d(
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
    """Filters each channel on its own, then mixes them. Source: keras.layers.SeparableConv1D."""
    windows = Windows(1, kernel_size, strides, padding, data_format, dilation_rate, exclusive=False)
    return (yield from _separable(windows, inputs, filters, depth_multiplier, use_bias))


@layer("keras.SeparableConv2D", ignores=_SEPARABLE)
def separable_conv2d(
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
    """Filters each channel on its own, then mixes them. Source: keras.layers.SeparableConv2D."""
    windows = Windows(2, kernel_size, strides, padding, data_format, dilation_rate, exclusive=False)
    return (yield from _separable(windows, inputs, filters, depth_multiplier, use_bias))


@layer("keras.Conv1DTranspose", ignores=_CONV)
def conv1d_transpose(
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
    """Spreads filters out. Source: keras.layers.Conv1DTranspose."""
    windows = Windows(1, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _transpose(windows, inputs, filters, output_padding, use_bias))


@layer("keras.Conv2DTranspose", ignores=_CONV)
def conv2d_transpose(
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
    """Spreads filters out. Source: keras.layers.Conv2DTranspose."""
    windows = Windows(2, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _transpose(windows, inputs, filters, output_padding, use_bias))


@layer("keras.Conv3DTranspose", ignores=_CONV)
def conv3d_transpose(
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
    """Spreads filters out. Source: keras.layers.Conv3DTranspose."""
    windows = Windows(3, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _transpose(windows, inputs, filters, output_padding, use_bias))

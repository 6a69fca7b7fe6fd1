"""Layers of Keras 1 and 2 that Keras 3 dropped."""

from __future__ import annotations

from math import prod

from paramcount import (
    Anything,
    Axes,
    Dim,
    Dims,
    Flag,
    Formula,
    Input,
    Tensor,
    Text,
    UnknownShape,
    axis_length,
    layer,
    require,
)
from paramcount.layers.keras.activation import per_element
from paramcount.layers.keras.common import BIAS, KERNEL, RECURRENT, SPATIAL_AXES
from paramcount.layers.keras.convolution import Windows
from paramcount.layers.keras.recurrent import LSTM_CELL_IGNORED, recurrent_output, step_shape
from paramcount.layers.keras.shapes import (
    channel_count,
    channels_first,
    image_shape,
    is_length,
    require_rank,
    spatial_axes,
)
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value

_CUDNN_IGNORED = f"{KERNEL} {RECURRENT} {BIAS} unit_forget_bias go_backwards stateful time_major"


def _cudnn(sequences: Dimensions, units: int, gates: int) -> Formula:
    """Two kernels, and two biases for each gate."""
    yield Tensor("kernel", (axis_length(step_shape(sequences)), gates * units))
    yield Tensor("recurrent_kernel", (units, gates * units))
    yield Tensor("bias", (2 * gates * units,))


@layer("keras.CuDNNLSTM", ignores=_CUDNN_IGNORED)
def cudnn_lstm(sequences: Input, units: Dim, return_sequences: Flag = False, return_state: Flag = False) -> Formula:
    """An LSTM with two biases a gate: 4(iu + u² + 2u). Source: keras.layers.CuDNNLSTM of Keras 2.15."""
    yield from _cudnn(sequences, units, 4)
    return recurrent_output(sequences, (units,), [(units,), (units,)], return_sequences, return_state)


@layer("keras.CuDNNGRU", ignores=_CUDNN_IGNORED)
def cudnn_gru(sequences: Input, units: Dim, return_sequences: Flag = False, return_state: Flag = False) -> Formula:
    """A GRU with two biases a gate: 3(iu + u² + 2u). Source: keras.layers.CuDNNGRU of Keras 2.15."""
    yield from _cudnn(sequences, units, 3)
    return recurrent_output(sequences, (units,), [(units,)], return_sequences, return_state)


def _connect_locally(
    windows: Windows, inputs: Dimensions, filters: int, implementation: int, use_bias: bool
) -> Formula:
    """A kernel of its own for each window, stored in one of three ways.

    Source: keras.src.layers.locally_connected of Keras 2.15.
    """
    channels = channel_count(require_rank(inputs, windows.rank + 2), windows.channels_first)
    lengths = tuple(length for length in spatial_axes(inputs, windows.channels_first) if length is not None)
    if len(lengths) < windows.rank:
        raise UnknownShape(f"needs every spatial axis of its input: {format_value(inputs)}")
    require(implementation in (1, 2, 3), "must be 1, 2 or 3", "implementation")
    require(implementation > 1 or windows.padding == "valid", 'must be "valid" with implementation 1', "padding")
    output = windows.output(inputs, filters)
    counts = tuple(length for length in spatial_axes(output, windows.channels_first) if length is not None)
    if implementation == 1:
        yield Tensor("kernel", (prod(counts), prod(windows.kernel) * channels, filters))
    elif implementation == 2:
        first = windows.channels_first
        shape = (channels, *lengths, filters, *counts) if first else (*lengths, channels, *counts, filters)
        yield Tensor("kernel", shape)
    else:
        connections = (_count_connections(windows, axis, length) for axis, length in enumerate(lengths))
        yield Tensor("kernel", (prod(connections) * channels * filters,))
    if use_bias:
        yield Tensor("bias", (*counts, filters))
    return output


def _count_connections(windows: Windows, axis: int, length: int) -> int:
    """Return the steps of an axis in its windows, summed over the windows; padding is no step.

    Source: keras.src.utils.conv_utils.conv_connected_inputs.
    """
    size, stride = windows.kernel[axis], windows.strides[axis]
    if windows.padding == "valid":
        return size * ((length - size) // stride + 1)
    left = size // 2
    count = (length - 1) // stride + 1
    # A window around step p·stride begins `left` steps before it, or at 0, and ends `size - left` after, or at the end.
    inner_ends = min(count, max(0, (length - (size - left)) // stride + 1))
    ends = _sum_progression(inner_ends, stride) + inner_ends * (size - left) + (count - inner_ends) * length
    before = min(count, -(-left // stride))  # windows that begin before the axis
    starts = _sum_progression(count, stride) - _sum_progression(before, stride) - (count - before) * left
    return ends - starts


def _sum_progression(count: int, stride: int) -> int:
    """Return 0 + stride + 2·stride + ..., of `count` terms."""
    return stride * count * (count - 1) // 2


def _register_locally_connected(rank: int) -> None:
    summary = f"A convolution along {SPATIAL_AXES[rank]} whose windows do not share their weights."

    @layer_variant(f"keras.LocallyConnected{rank}D", summary, f"activation {KERNEL} {BIAS}", "of Keras 2.15")
    def connect(
        inputs: Input,
        filters: Dim,
        kernel_size: Dims,
        strides: Dims = 1,
        padding: Text = "valid",
        data_format: Text | None = None,
        use_bias: Flag = True,
        implementation: Dim = 1,
    ) -> Formula:
        windows = Windows(rank, kernel_size, strides, padding, data_format, 1)
        return (yield from _connect_locally(windows, inputs, filters, implementation, use_bias))


for _rank in (1, 2):
    _register_locally_connected(_rank)


@layer("keras.RandomFourierFeatures", ignores="kernel_initializer scale")
def random_fourier_features(inputs: Input, output_dim: Dim) -> Formula:
    """Random features that approximate a kernel; its scale trains.

    Source: keras.layers.experimental.RandomFourierFeatures of Keras 2.15.
    """
    yield Tensor("unscaled_kernel", (axis_length(require_rank(inputs, 2)), output_dim), "buffer")
    yield Tensor("bias", (output_dim,), "buffer")
    yield Tensor("kernel_scale", (1,))
    return (inputs[0], output_dim)


@layer("keras.PeepholeLSTMCell", ignores=f"{LSTM_CELL_IGNORED} implementation")
def peephole_lstm_cell(inputs: Input, units: Dim, use_bias: Flag = True) -> Formula:
    """An LSTMCell whose gates see the cell's state. Source: keras.experimental.PeepholeLSTMCell of Keras 2.6."""
    yield Tensor("kernel", (axis_length(inputs), 4 * units))
    yield Tensor("recurrent_kernel", (units, 4 * units))
    if use_bias:
        yield Tensor("bias", (4 * units,))
    for gate in ("input", "forget", "output"):
        yield Tensor(f"{gate}_gate_peephole_weights", (units,))
    return [(inputs[0], units)] * 3


def _register_random_length(name: str, axis: int) -> None:
    summary = f"Changes the {name.removeprefix('Random').lower()} of images at random. No parameters."

    @layer_variant(f"keras.{name}", summary, "factor interpolation seed", "of Keras 2.15", weightless=True)
    def resize(inputs: Input) -> Formula:
        yield from ()
        shape = list(inputs)
        if len(shape) >= 3:
            shape[axis] = None
        return tuple(shape)


for _name, _axis in (("RandomHeight", -3), ("RandomWidth", -2)):
    _register_random_length(_name, _axis)


@layer("keras.MaxoutDense", ignores=f"{KERNEL} {BIAS}")
def maxout_dense(inputs: Input, units: Dim, nb_feature: Dim = 4, use_bias: Flag = True) -> Formula:
    """The maximum of `nb_feature` Dense layers. Source: keras.layers.MaxoutDense of Keras 1.2.2."""
    yield Tensor("W", (nb_feature, axis_length(require_rank(inputs, 2)), units))
    if use_bias:
        yield Tensor("b", (nb_feature, units))
    return (inputs[0], units)


@layer("keras.Highway", ignores=f"activation {KERNEL} {BIAS}")
def highway(inputs: Input, use_bias: Flag = True) -> Formula:
    """A Dense layer, and a gate between it and its input. Source: keras.layers.Highway of Keras 1.2.2."""
    width = axis_length(require_rank(inputs, 2))
    for name in ("W", "W_carry"):
        yield Tensor(name, (width, width))
    if use_bias:
        for name in ("b", "b_carry"):
            yield Tensor(name, (width,))
    return inputs


@layer("keras.ParametricSoftplus", ignores="alpha_init beta_init")
def parametric_softplus(inputs: Input, shared_axes: Axes | None = None) -> Formula:
    """α · log(1 + e^(βx)). Source: keras.layers.ParametricSoftplus of Keras 1.2.2."""
    shape = per_element(inputs, shared_axes)
    yield Tensor("alphas", shape)
    yield Tensor("betas", shape)
    return inputs


@layer("keras.SReLU", ignores="t_left_init a_left_init t_right_init a_right_init")
def srelu(inputs: Input, shared_axes: Axes | None = None) -> Formula:
    """x between two thresholds, with a slope beyond each. Source: keras.layers.SReLU of Keras 1.2.2."""
    shape = per_element(inputs, shared_axes)
    for name in ("t_left", "a_left", "t_right", "a_right"):
        yield Tensor(name, shape)
    return inputs


@layer("keras.Deconvolution2D", ignores=f"activation strides padding {KERNEL} {BIAS}")
def deconvolution(
    inputs: Input,
    filters: Dim,
    kernel_size: Dims,
    output_shape: Anything,
    data_format: Text | None = None,
    use_bias: Flag = True,
) -> Formula:
    """The transpose of a convolution, to a stated shape. Source: keras.layers.Deconvolution2D of Keras 1.2.2."""
    first = channels_first(data_format)
    windows = Windows(2, kernel_size, 1, "valid", data_format, 1)
    are_lengths = isinstance(output_shape, list) and len(output_shape) == 4
    are_lengths = are_lengths and all(length is None or is_length(length) for length in output_shape)
    require(are_lengths, f"must be a list of four dimensions, not {format_value(output_shape)}", "output_shape")
    yield Tensor("W", (*windows.kernel, channel_count(require_rank(inputs, 4), first), filters))
    if use_bias:
        yield Tensor("b", (filters,))
    return image_shape(inputs[0], spatial_axes(tuple(output_shape), first), filters, first)

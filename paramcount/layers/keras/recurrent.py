"""Recurrent layers and their cells: keras.layers.rnn."""

from __future__ import annotations

from paramcount import (
    Dim,
    Dims,
    Flag,
    Formula,
    Input,
    Part,
    Parts,
    Tensor,
    Text,
    UnknownShape,
    axis_length,
    inside,
    layer,
    require,
)
from paramcount.layers.keras.common import BIAS, KERNEL, RECURRENT
from paramcount.layers.keras.convolution import Windows
from paramcount.layers.keras.parts import named, run
from paramcount.layers.keras.shapes import at_least, channels, of_rank, spatial
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import shown

_CELL = f"activation {KERNEL} {RECURRENT} {BIAS} dropout recurrent_dropout seed"
_LAYER = f"{_CELL} go_backwards stateful unroll zero_output_for_mask"
"""The state of a stateful layer is no weight: Keras counts none of it."""


def _cell(inputs: Dimensions, units: int, gates: int, use_bias: bool, biases: int = 1) -> Formula:
    """Two kernels and a bias for all gates side by side."""
    yield Tensor("kernel", (axis_length(inputs), gates * units))
    yield Tensor("recurrent_kernel", (units, gates * units))
    if use_bias:
        yield Tensor("bias", (2, gates * units) if biases == 2 else (gates * units,))


def _sequence(inputs: Dimensions) -> Dimensions:
    """What a cell sees of a sequence: one step."""
    sequence = of_rank(inputs, 3)
    return (sequence[0], sequence[2])


def _returned(
    inputs: Dimensions, output: Dimensions, states: list[Dimensions], return_sequences: bool, return_state: bool
) -> Output:
    """What a recurrent layer returns; `output` and `states` are without the batch axis. Source: keras.layers.RNN."""
    batch = inputs[0]
    main = (batch, inputs[1], *output) if return_sequences else (batch, *output)
    return [main, *((batch, *state) for state in states)] if return_state else main


@layer("keras.SimpleRNNCell", ignores=_CELL)
def simple_rnn_cell(sequence: Input, units: Dim, use_bias: Flag = True) -> Formula:
    """h' = tanh(xW + hU + b). Source: keras.layers.SimpleRNNCell."""
    yield from _cell(sequence, units, 1, use_bias)
    return [(sequence[0], units)] * 2


@layer("keras.GRUCell", ignores=f"recurrent_activation {_CELL} implementation")
def gru_cell(inputs: Input, units: Dim, use_bias: Flag = True, reset_after: Flag = True) -> Formula:
    """Three gates; reset after the product, they have a second bias. Source: keras.layers.GRUCell."""
    yield from _cell(inputs, units, 3, use_bias, 2 if reset_after else 1)
    return [(inputs[0], units)] * 2


@layer("keras.LSTMCell", ignores=f"recurrent_activation unit_forget_bias {_CELL} implementation")
def lstm_cell(inputs: Input, units: Dim, use_bias: Flag = True) -> Formula:
    """Four gates. Source: keras.layers.LSTMCell."""
    yield from _cell(inputs, units, 4, use_bias)
    return [(inputs[0], units)] * 3


@layer("keras.SimpleRNN", ignores=_LAYER)
def simple_rnn(
    sequences: Input, units: Dim, use_bias: Flag = True, return_sequences: Flag = False, return_state: Flag = False
) -> Formula:
    """A SimpleRNNCell, step by step. Source: keras.layers.SimpleRNN."""
    yield from inside("simple_rnn_cell", _cell(_sequence(sequences), units, 1, use_bias))
    return _returned(sequences, (units,), [(units,)], return_sequences, return_state)


@layer("keras.GRU", ignores=f"recurrent_activation {_LAYER} use_cudnn implementation")
def gru(
    sequences: Input,
    units: Dim,
    use_bias: Flag = True,
    return_sequences: Flag = False,
    return_state: Flag = False,
    reset_after: Flag = True,
) -> Formula:
    """A GRUCell, step by step: 3(iu + u² + 2u). Source: keras.layers.GRU."""
    yield from inside("gru_cell", _cell(_sequence(sequences), units, 3, use_bias, 2 if reset_after else 1))
    return _returned(sequences, (units,), [(units,)], return_sequences, return_state)


@layer("keras.LSTM", ignores=f"recurrent_activation unit_forget_bias {_LAYER} use_cudnn implementation")
def lstm(
    sequences: Input, units: Dim, use_bias: Flag = True, return_sequences: Flag = False, return_state: Flag = False
) -> Formula:
    """An LSTMCell, step by step: 4(iu + u² + u). Source: keras.layers.LSTM."""
    yield from inside("lstm_cell", _cell(_sequence(sequences), units, 4, use_bias))
    return _returned(sequences, (units,), [(units,), (units,)], return_sequences, return_state)


@layer("keras.StackedRNNCells")
def stacked_rnn_cells(inputs: Input, cells: Parts) -> Formula:
    """Cells of which each feeds the next. Source: keras.layers.StackedRNNCells."""
    states: list[Dimensions] = []
    output: Dimensions = inputs
    require(bool(cells), "must have at least one cell", "cells")
    for cell in cells:
        tensors, result = run(cell, output)
        yield from named(cell, tensors)
        output, *after = _stepped(result, "cells")
        states += after
    return [output, *states]


def _stepped(result: Output, argument: str) -> list[Dimensions]:
    """What a cell returns of one step: its output, and its states."""
    fine = isinstance(result, list) and len(result) > 1 and all(isinstance(one, tuple) for one in result)
    require(fine, "must be a recurrent cell", argument)
    return list(result)


@layer("keras.RNN", ignores="go_backwards stateful unroll zero_output_for_mask")
def rnn(sequences: Input, cell: Part, return_sequences: Flag = False, return_state: Flag = False) -> Formula:
    """Any cell, step by step. Source: keras.layers.RNN."""
    sequences = at_least(sequences, 3)
    tensors, result = run(cell, (sequences[0], *sequences[2:]))
    yield from named(cell, tensors)
    if result is None:  # a cell that nobody here knows
        return None
    output, *states = _stepped(result, "cell")
    return _returned(sequences, output[1:], [state[1:] for state in states], return_sequences, return_state)


def _conv_lstm(
    windows: Windows, sequences: Dimensions, filters: int, use_bias: bool, return_sequences: bool, return_state: bool
) -> Formula:
    """An LSTM whose products are convolutions. Source: keras.src.layers.rnn.conv_lstm."""
    sequences = of_rank(sequences, windows.rank + 3)
    step = (sequences[0], *sequences[2:])
    depth = channels(step, windows.first)
    if None in spatial(step, windows.first):
        raise UnknownShape(f"needs every spatial axis of its input: {shown(sequences)}")
    output = windows.output(step, filters)[1:]
    yield Tensor("conv_lstm_cell.kernel", (*windows.kernel, depth, 4 * filters))
    yield Tensor("conv_lstm_cell.recurrent_kernel", (*windows.kernel, filters, 4 * filters))
    if use_bias:
        yield Tensor("conv_lstm_cell.bias", (4 * filters,))
    return _returned(sequences, output, [output, output], return_sequences, return_state)


@layer("keras.ConvLSTM1D", ignores=f"recurrent_activation unit_forget_bias {_LAYER}")
def conv_lstm1d(
    sequences: Input,
    filters: Dim,
    kernel_size: Dims,
    strides: Dims = 1,
    padding: Text = "valid",
    data_format: Text | None = None,
    dilation_rate: Dims = 1,
    use_bias: Flag = True,
    return_sequences: Flag = False,
    return_state: Flag = False,
) -> Formula:
    """An LSTM over steps. Source: keras.layers.ConvLSTM1D."""
    windows = Windows(1, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _conv_lstm(windows, sequences, filters, use_bias, return_sequences, return_state))


@layer("keras.ConvLSTM2D", ignores=f"recurrent_activation unit_forget_bias {_LAYER}")
def conv_lstm2d(
    sequences: Input,
    filters: Dim,
    kernel_size: Dims,
    strides: Dims = 1,
    padding: Text = "valid",
    data_format: Text | None = None,
    dilation_rate: Dims = 1,
    use_bias: Flag = True,
    return_sequences: Flag = False,
    return_state: Flag = False,
) -> Formula:
    """An LSTM over frames. Source: keras.layers.ConvLSTM2D."""
    windows = Windows(2, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _conv_lstm(windows, sequences, filters, use_bias, return_sequences, return_state))


@layer("keras.ConvLSTM3D", ignores=f"recurrent_activation unit_forget_bias {_LAYER}")
def conv_lstm3d(
    sequences: Input,
    filters: Dim,
    kernel_size: Dims,
    strides: Dims = 1,
    padding: Text = "valid",
    data_format: Text | None = None,
    dilation_rate: Dims = 1,
    use_bias: Flag = True,
    return_sequences: Flag = False,
    return_state: Flag = False,
) -> Formula:
    """An LSTM over volumes. Source: keras.layers.ConvLSTM3D."""
    windows = Windows(3, kernel_size, strides, padding, data_format, dilation_rate)
    return (yield from _conv_lstm(windows, sequences, filters, use_bias, return_sequences, return_state))

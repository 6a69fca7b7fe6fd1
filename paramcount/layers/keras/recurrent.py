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
from paramcount.layers.keras.common import BIAS, KERNEL, RECURRENT, SPATIAL_AXES
from paramcount.layers.keras.convolution import Windows
from paramcount.layers.keras.nested import nested_formula
from paramcount.layers.keras.shapes import channel_count, require_min_rank, require_rank, spatial_axes
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import format_value

_CELL_IGNORED = f"activation {KERNEL} {RECURRENT} {BIAS} dropout recurrent_dropout seed"
LSTM_CELL_IGNORED = f"recurrent_activation unit_forget_bias {_CELL_IGNORED}"
_LAYER_IGNORED = f"{_CELL_IGNORED} go_backwards stateful unroll zero_output_for_mask"
"""Includes `stateful`: Keras does not count the state as a weight."""


def _cell(inputs: Dimensions, units: int, gates: int, use_bias: bool, biases: int = 1) -> Formula:
    """Two kernels and a bias for all gates side by side."""
    yield Tensor("kernel", (axis_length(inputs), gates * units))
    yield Tensor("recurrent_kernel", (units, gates * units))
    if use_bias:
        yield Tensor("bias", (2, gates * units) if biases == 2 else (gates * units,))


def step_shape(inputs: Dimensions) -> Dimensions:
    """The shape of one step of a sequence."""
    sequence = require_rank(inputs, 3)
    return (sequence[0], sequence[2])


def recurrent_output(
    inputs: Dimensions, output: Dimensions, states: list[Dimensions], return_sequences: bool, return_state: bool
) -> Output:
    """The output of a recurrent layer, from `output` and `states` without batch axis. Source: keras.layers.RNN."""
    batch = inputs[0]
    main = (batch, inputs[1], *output) if return_sequences else (batch, *output)
    return [main, *((batch, *state) for state in states)] if return_state else main


@layer("keras.SimpleRNNCell", ignores=_CELL_IGNORED)
def simple_rnn_cell(sequence: Input, units: Dim, use_bias: Flag = True) -> Formula:
    """h' = tanh(xW + hU + b). Source: keras.layers.SimpleRNNCell."""
    yield from _cell(sequence, units, 1, use_bias)
    return [(sequence[0], units)] * 2


@layer("keras.GRUCell", ignores=f"recurrent_activation {_CELL_IGNORED} implementation")
def gru_cell(inputs: Input, units: Dim, use_bias: Flag = True, reset_after: Flag = True) -> Formula:
    """One step of three gates; `reset_after` adds a second bias. Source: keras.layers.GRUCell."""
    yield from _cell(inputs, units, 3, use_bias, 2 if reset_after else 1)
    return [(inputs[0], units)] * 2


@layer("keras.LSTMCell", ignores=f"{LSTM_CELL_IGNORED} implementation")
def lstm_cell(inputs: Input, units: Dim, use_bias: Flag = True) -> Formula:
    """One step of four gates. Source: keras.layers.LSTMCell."""
    yield from _cell(inputs, units, 4, use_bias)
    return [(inputs[0], units)] * 3


@layer("keras.SimpleRNN", ignores=_LAYER_IGNORED)
def simple_rnn(
    sequences: Input, units: Dim, use_bias: Flag = True, return_sequences: Flag = False, return_state: Flag = False
) -> Formula:
    """A SimpleRNNCell over a sequence: iu + u² + u. Source: keras.layers.SimpleRNN."""
    yield from inside("simple_rnn_cell", _cell(step_shape(sequences), units, 1, use_bias))
    return recurrent_output(sequences, (units,), [(units,)], return_sequences, return_state)


@layer("keras.GRU", ignores=f"recurrent_activation {_LAYER_IGNORED} use_cudnn implementation")
def gru(
    sequences: Input,
    units: Dim,
    use_bias: Flag = True,
    return_sequences: Flag = False,
    return_state: Flag = False,
    reset_after: Flag = True,
) -> Formula:
    """A GRUCell over a sequence: 3(iu + u² + 2u). Source: keras.layers.GRU."""
    yield from inside("gru_cell", _cell(step_shape(sequences), units, 3, use_bias, 2 if reset_after else 1))
    return recurrent_output(sequences, (units,), [(units,)], return_sequences, return_state)


@layer("keras.LSTM", ignores=f"recurrent_activation unit_forget_bias {_LAYER_IGNORED} use_cudnn implementation")
def lstm(
    sequences: Input, units: Dim, use_bias: Flag = True, return_sequences: Flag = False, return_state: Flag = False
) -> Formula:
    """An LSTMCell over a sequence: 4(iu + u² + u). Source: keras.layers.LSTM."""
    yield from inside("lstm_cell", _cell(step_shape(sequences), units, 4, use_bias))
    return recurrent_output(sequences, (units,), [(units,), (units,)], return_sequences, return_state)


@layer("keras.StackedRNNCells")
def stacked_rnn_cells(inputs: Input, cells: Parts) -> Formula:
    """Cells in one step, each of which feeds the next. Source: keras.layers.StackedRNNCells."""
    states: list[Output] = []
    output: Output = inputs
    require(bool(cells), "must have at least one cell", "cells")
    for cell in cells:
        result = yield from nested_formula(cell, output)
        output, *cell_states = [None, None] if result is None else _require_step(result, "cells")
        states += cell_states
    return None if None in states else [output, *states]


def _require_step(result: Output, argument: str) -> list[Dimensions]:
    """Return what a cell returns of one step: its output and its states; refuse a layer that is no cell."""
    is_step = isinstance(result, list) and len(result) > 1 and all(isinstance(one, tuple) for one in result)
    require(is_step, "must be a recurrent cell", argument)
    return list(result)


@layer("keras.RNN", ignores="go_backwards stateful unroll zero_output_for_mask")
def rnn(sequences: Input, cell: Part, return_sequences: Flag = False, return_state: Flag = False) -> Formula:
    """Any cell over a sequence. Source: keras.layers.RNN."""
    sequences = require_min_rank(sequences, 3)
    result = yield from nested_formula(cell, (sequences[0], *sequences[2:]))
    if result is None:  # the cell is of no known type
        return None
    output, *states = _require_step(result, "cell")
    return recurrent_output(sequences, output[1:], [state[1:] for state in states], return_sequences, return_state)


def _conv_lstm(
    windows: Windows, sequences: Dimensions, filters: int, use_bias: bool, return_sequences: bool, return_state: bool
) -> Formula:
    """An LSTM whose products are convolutions. Source: keras.src.layers.rnn.conv_lstm."""
    sequences = require_rank(sequences, windows.rank + 3)
    step = (sequences[0], *sequences[2:])
    channels = channel_count(step, windows.channels_first)
    if None in spatial_axes(step, windows.channels_first):
        raise UnknownShape(f"needs every spatial axis of its input: {format_value(sequences)}")
    output = windows.output(step, filters)[1:]
    yield Tensor("conv_lstm_cell.kernel", (*windows.kernel, channels, 4 * filters))
    yield Tensor("conv_lstm_cell.recurrent_kernel", (*windows.kernel, filters, 4 * filters))
    if use_bias:
        yield Tensor("conv_lstm_cell.bias", (4 * filters,))
    return recurrent_output(sequences, output, [output, output], return_sequences, return_state)


def _register_conv_lstm(rank: int) -> None:
    summary = f"An LSTM over a sequence whose products are convolutions along {SPATIAL_AXES[rank]}."

    @layer_variant(f"keras.ConvLSTM{rank}D", summary, f"recurrent_activation unit_forget_bias {_LAYER_IGNORED}")
    def conv_lstm(
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
        windows = Windows(rank, kernel_size, strides, padding, data_format, dilation_rate)
        return (yield from _conv_lstm(windows, sequences, filters, use_bias, return_sequences, return_state))


for _rank in SPATIAL_AXES:
    _register_conv_lstm(_rank)

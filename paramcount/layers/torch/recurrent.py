"""Modules of torch.nn.modules.rnn."""

from __future__ import annotations

from typing import Annotated

from marshmallow import fields, validate

from paramcount import Dim, Flag, Formula, Inputs, Size, Tensor, layer, require
from paramcount.layers.torch.common import FACTORY, MAX_STACKED_LAYERS
from paramcount.layers.torch.shapes import LAST, replace_last, require_size
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions

Depth = Annotated[int, fields.Integer(strict=True, validate=validate.Range(1, MAX_STACKED_LAYERS))]
"""The number of layers of a stack."""

_IGNORED = f"batch_first dropout {FACTORY}"
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _stack(
    gates: int,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    bidirectional: bool,
    inputs: list[Dimensions] | None,
    proj_size: int = 0,
) -> Formula:
    """Two biases a direction (cuDNN's form); a layer above the first takes the outputs of both directions.

    Source: torch.nn.modules.rnn.RNNBase.
    """
    sequence = inputs[0] if inputs else None  # the others are states
    require_size(sequence, input_size, "input_size", LAST)
    require(proj_size < hidden_size, "must be smaller than hidden_size", "proj_size")
    output_size = proj_size or hidden_size
    directions = ("", "_reverse") if bidirectional else ("",)
    for level in range(num_layers):
        width = input_size if level == 0 else output_size * len(directions)
        for direction in directions:
            suffix = f"l{level}{direction}"
            yield Tensor(f"weight_ih_{suffix}", (gates * hidden_size, width))
            yield Tensor(f"weight_hh_{suffix}", (gates * hidden_size, output_size))
            if bias:
                yield Tensor(f"bias_ih_{suffix}", (gates * hidden_size,))
                yield Tensor(f"bias_hh_{suffix}", (gates * hidden_size,))
            if proj_size:
                yield Tensor(f"weight_hr_{suffix}", (proj_size, hidden_size))
    return replace_last(sequence, output_size * len(directions))


@layer("torch.RNN", ignores=f"nonlinearity {_IGNORED}")
def rnn(
    input_size: Dim,
    hidden_size: Dim,
    num_layers: Depth = 1,
    bias: Flag = True,
    bidirectional: Flag = False,
    inputs: Inputs | None = None,
) -> Formula:
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh). Source: torch.nn.RNN."""
    return (yield from _stack(_GATES["RNN"], input_size, hidden_size, num_layers, bias, bidirectional, inputs))


@layer("torch.GRU", ignores=_IGNORED)
def gru(
    input_size: Dim,
    hidden_size: Dim,
    num_layers: Depth = 1,
    bias: Flag = True,
    bidirectional: Flag = False,
    inputs: Inputs | None = None,
) -> Formula:
    """Three gates, 3h(x + h + 2) a layer. Source: torch.nn.GRU."""
    return (yield from _stack(_GATES["GRU"], input_size, hidden_size, num_layers, bias, bidirectional, inputs))


@layer("torch.LSTM", ignores=_IGNORED)
def lstm(
    input_size: Dim,
    hidden_size: Dim,
    num_layers: Depth = 1,
    bias: Flag = True,
    bidirectional: Flag = False,
    proj_size: Size = 0,
    inputs: Inputs | None = None,
) -> Formula:
    """Four gates, 4h(x + h + 2) a layer; `proj_size` projects the hidden state. Source: torch.nn.LSTM."""
    return (
        yield from _stack(_GATES["LSTM"], input_size, hidden_size, num_layers, bias, bidirectional, inputs, proj_size)
    )


def _register_cell(name: str, gates: int, ignores: str = "") -> None:
    summary = f"One step of one {name} layer; its tensors have no suffix."

    @layer_variant(f"torch.{name}Cell", summary, f"{ignores} {FACTORY}")
    def cell(input_size: Size, hidden_size: Size, bias: Flag = True) -> Formula:
        yield Tensor("weight_ih", (gates * hidden_size, input_size))
        yield Tensor("weight_hh", (gates * hidden_size, hidden_size))
        if bias:
            yield Tensor("bias_ih", (gates * hidden_size,))
            yield Tensor("bias_hh", (gates * hidden_size,))


_register_cell("RNN", _GATES["RNN"], "nonlinearity")
_register_cell("GRU", _GATES["GRU"])
_register_cell("LSTM", _GATES["LSTM"])

"""Wrappers of sequences: keras.layers.TimeDistributed and Bidirectional."""

from __future__ import annotations

from typing import Any

from paramcount import Flag, Formula, Input, Part, ShapeMismatch, Text, layer, require
from paramcount.counting.sharing import COPY
from paramcount.layers.keras.nested import nested_formula
from paramcount.layers.keras.shapes import require_min_rank, require_one_of
from paramcount.model.layers import NestedLayer
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.registry import LAYERS
from paramcount.schema.validator import format_value

_RECURRENT = ("CuDNNLSTM", "CuDNNGRU", "LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_MERGES = ("concat", "sum", "mul", "ave")


@layer("keras.TimeDistributed")
def time_distributed(inputs: Input, layer: Part) -> Formula:
    """Applies one layer to every step of a sequence. Source: keras.layers.TimeDistributed."""
    sequence = require_min_rank(inputs, 3)
    output = yield from nested_formula(layer, (sequence[0], *sequence[2:]))
    if output is None:
        return None
    if not isinstance(output, tuple) or not output:
        raise ShapeMismatch("wraps a layer that returns one output")
    return (output[0], sequence[1], *output[1:])


@layer("keras.Bidirectional", ignores="weights")
def bidirectional(
    sequences: Input,
    layer: Part,
    merge_mode: Text | None = "concat",
    backward_layer: Part | None = None,
    adds_widths: Flag = False,
) -> Formula:
    """A recurrent layer forwards, and its copy or another one backwards.

    Keras 3 takes both outputs for as wide as the forward one; with `adds_widths` each has its own width, as in Keras 2.
    Source: keras.layers.Bidirectional.
    """
    if merge_mode is not None:
        require_one_of(merge_mode, _MERGES, "merge_mode")
    _require_recurrent(layer, "layer")
    if backward_layer is None:
        backward = _copy(layer, "backward_")
    else:
        backward = backward_layer
        _require_recurrent(backward, "backward_layer")
        opposite = _flag(layer, "go_backwards") != _flag(backward, "go_backwards")
        require(opposite, "must go the other way", "backward_layer")
        for name in ("stateful", "return_sequences", "return_state"):
            same = _flag(layer, name) == _flag(backward, name)
            require(same, f"must have the same {name} as the forward layer", "backward_layer")
    output = yield from nested_formula(_copy(layer, "forward_"), sequences)
    backward_output = yield from nested_formula(backward, sequences)
    return _merge(output, backward_output if adds_widths else output, merge_mode, _flag(layer, "return_state"))


def _require_recurrent(part: NestedLayer, argument: str) -> None:
    class_name = part.layer.type.rpartition(".")[2]
    is_known = f"keras.{part.layer.type}" in LAYERS  # else its own problem or warning says so
    require(
        class_name in _RECURRENT or not is_known, f"must be a recurrent layer, not {format_value(class_name)}", argument
    )


def _flag(part: NestedLayer, name: str) -> bool:
    config: Any = part.layer.config or {}
    return bool(config.get(name, False))


def _copy(part: NestedLayer, prefix: str) -> NestedLayer:
    """Return the layer that Bidirectional rebuilds from the config of the layer given to it, whatever that shares."""
    name = prefix + part.layer.name.removeprefix(prefix)
    return part._replace(layer=part.layer._replace(name=name, object_id=COPY))


def _merge(forward: Output, backward: Output, merge_mode: str | None, return_state: bool) -> Output:
    """Source: Bidirectional.compute_output_shape; call in Keras 2."""
    if forward is None or backward is None:
        return None
    main, states = _split_states(forward, return_state)
    other, other_states = _split_states(backward, return_state)
    if merge_mode == "concat":
        main = (*main[:-1], None if main[-1] is None or other[-1] is None else main[-1] + other[-1])
    both = [main, other] if merge_mode is None else [main]
    return [*both, *states, *other_states] if return_state or merge_mode is None else main


def _split_states(output: Output, return_state: bool) -> tuple[Dimensions, list[Output]]:
    main, states = (output[0], output[1:]) if return_state and isinstance(output, list) else (output, [])
    if not isinstance(main, tuple) or not main:
        raise ShapeMismatch("wraps a layer that returns no sequence")
    return main, states

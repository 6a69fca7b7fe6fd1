"""Wrappers of sequences: keras.layers.TimeDistributed and Bidirectional."""

from __future__ import annotations

from typing import Any

from paramcount import Formula, Input, Part, ShapeMismatch, Text, layer, require
from paramcount.layers.keras.parts import named, run
from paramcount.layers.keras.shapes import at_least
from paramcount.model.layers import NestedLayer
from paramcount.model.tensors import Output
from paramcount.schema.validator import shown

_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_MERGES = ("concat", "sum", "mul", "ave")


@layer("keras.TimeDistributed")
def time_distributed(inputs: Input, layer: Part) -> Formula:
    """One layer for every step. Source: keras.layers.TimeDistributed."""
    sequence = at_least(inputs, 3)
    tensors, output = run(layer, (sequence[0], *sequence[2:]))
    yield from named(layer, tensors)
    if output is None:
        return None
    if not isinstance(output, tuple) or not output:
        raise ShapeMismatch("wraps a layer that returns one output")
    return (output[0], sequence[1], *output[1:])


@layer("keras.Bidirectional", ignores="weights")
def bidirectional(
    sequences: Input, layer: Part, merge_mode: Text | None = "concat", backward_layer: Part | None = None
) -> Formula:
    """A recurrent layer forwards, and one like it, or another, backwards. Source: keras.layers.Bidirectional."""
    require(
        merge_mode in (*_MERGES, None), f"must be one of {', '.join(_MERGES)}, not {shown(merge_mode)}", "merge_mode"
    )
    _check(layer, "layer")
    backward = _renamed(layer, "backward_")
    if backward_layer is not None:
        backward = backward_layer
        _check(backward, "backward_layer")
        opposed = bool(_argument(layer, "go_backwards")) != bool(_argument(backward, "go_backwards"))
        require(opposed, "must go the other way", "backward_layer")
        for name in ("stateful", "return_sequences", "return_state"):
            alike = bool(_argument(layer, name)) == bool(_argument(backward, name))
            require(alike, f"must have the same {name} as the forward layer", "backward_layer")
    forward = _renamed(layer, "forward_")
    tensors, output = run(forward, sequences)
    yield from named(forward, tensors)
    behind, _ = run(backward, sequences)
    yield from named(backward, behind)
    return _merged(output, merge_mode, bool(_argument(layer, "return_state")))


def _check(part: NestedLayer, argument: str) -> None:
    kind = part.layer.type.rpartition(".")[2]
    require(kind in _RECURRENT, f"must be a recurrent layer, not {shown(kind)}", argument)


def _argument(part: NestedLayer, name: str) -> Any:
    return (part.layer.config or {}).get(name, False)


def _renamed(part: NestedLayer, prefix: str) -> NestedLayer:
    return part._replace(layer=part.layer._replace(name=prefix + part.layer.name.removeprefix(prefix)))


def _merged(output: Output, merge_mode: str | None, return_state: bool) -> Output:
    """Source: Bidirectional.compute_output_shape."""
    if output is None:
        return None
    main, states = (output[0], output[1:]) if return_state and isinstance(output, list) else (output, [])
    if not isinstance(main, tuple) or not main:
        raise ShapeMismatch("wraps a layer that returns no sequence")
    if merge_mode == "concat":
        main = (*main[:-1], None if main[-1] is None else 2 * main[-1])
    both = [main, main] if merge_mode is None else [main]
    return [*both, *states, *states] if return_state or merge_mode is None else main

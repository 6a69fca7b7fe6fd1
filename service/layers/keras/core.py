"""Layers of keras.layers.core."""

from __future__ import annotations

from service import Anything, Dim, Flag, Formula, Input, Tensor, axis_length, layer
from service.layers.keras.common import BIAS, KERNEL


@layer("keras.InputLayer", ignores="sparse ragged optional")
def input_layer(inputs: Input | None = None, batch_shape: Anything = None) -> Formula:
    """Where a model is fed; it owns nothing. Source: keras.layers.InputLayer."""
    shape = inputs if inputs is not None else batch_shape
    yield from ()
    return tuple(shape)


@layer("keras.Dense", ignores=f"activation lora_rank lora_alpha quantization_config quantization_mode {KERNEL} {BIAS}")
def dense(inputs: Input, units: Dim, use_bias: Flag = True) -> Formula:
    """y = xW + b over the last axis. Source: keras.layers.Dense."""
    yield Tensor("kernel", (axis_length(inputs), units))
    if use_bias:
        yield Tensor("bias", (units,))
    return (*inputs[:-1], units)

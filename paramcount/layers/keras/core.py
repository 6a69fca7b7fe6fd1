"""Layers of keras.layers.core."""

from __future__ import annotations

from typing import Any

from paramcount import (
    Anything,
    Dim,
    Flag,
    Formula,
    Input,
    Inputs,
    ShapeMismatch,
    Size,
    Tensor,
    Text,
    axis_length,
    layer,
    require,
)
from paramcount.layers.keras.common import BIAS, KERNEL
from paramcount.layers.keras.quantization import AMAX_HISTORY, calibrated, float8, lora, packed, quantization
from paramcount.layers.keras.shapes import at_least
from paramcount.model.tensors import Dimensions
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import shown

MATRIX_MODES = ("int8", "int4", "float8", "gptq", "awq")


@layer("keras.InputLayer", ignores="batch_size sparse ragged optional input_tensor")
def input_layer(inputs: Input | None = None, shape: Anything = None, batch_shape: Anything = None) -> Formula:
    """Where a model is fed; it owns nothing. Source: keras.layers.InputLayer."""
    yield from ()
    require(shape is None or batch_shape is None, "is given twice, as shape and as batch_shape", "shape")
    if batch_shape is not None:
        stated = _dimensions(batch_shape, "batch_shape")
    else:
        require(shape is not None, "must be given", "shape")
        stated = (None, *_dimensions(shape, "shape"))
    return stated if inputs is None else _agreed(stated, inputs)


def _dimensions(value: Any, argument: str) -> Dimensions:
    fine = (
        isinstance(value, list) and len(value) <= 64 and all(length is None or _is_length(length) for length in value)
    )
    require(fine, f"must be a list of dimensions, null where one is open, not {shown(value)}", argument)
    return tuple(value)


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_DIMENSION


def _agreed(stated: Dimensions, given: Dimensions) -> Dimensions:
    """What reaches a model's input must fit what the model says of it. Source: Functional._adjust_input_rank."""
    if len(given) == len(stated) + 1 and given[-1] == 1:
        given = given[:-1]
    elif len(given) == len(stated) - 1 and stated[-1] == 1:
        given = (*given, 1)
    apart = any(a != b for a, b in zip(stated[1:], given[1:], strict=False) if a is not None and b is not None)
    if len(stated) != len(given) or apart:
        raise ShapeMismatch(f"expects {shown(stated)}, not {shown(given)}")
    return (*given[:1], *(a if b is None else b for a, b in zip(stated[1:], given[1:], strict=True)))


@layer("keras.Dense", ignores=f"activation lora_alpha {KERNEL} {BIAS}")
def dense(
    inputs: Input,
    units: Dim,
    use_bias: Flag = True,
    lora_rank: Size | None = None,
    quantization_config: Anything = None,
    quantization_mode: Text | None = None,
) -> Formula:
    """y = xW + b over the last axis. Source: keras.layers.Dense."""
    width = axis_length(at_least(inputs, 2))
    how = quantization(quantization_mode, quantization_config, MATRIX_MODES)
    require(not (lora_rank and how.mode in ("gptq", "awq")), f"is not for {how.mode}", "lora_rank")
    if how.mode == "int8":
        yield Tensor("kernel", (width, units), dtype="I8", trainable=False)
        yield Tensor("kernel_scale", (units,), "buffer")
    elif how.mode == "int4":
        yield from packed("kernel", width, units, how)
    elif how.mode in ("gptq", "awq"):
        yield from calibrated(width, units, how, "kernel_zero")
    else:
        if how.mode == "float8":
            yield from float8(how.block if how.block > 0 else AMAX_HISTORY)
        yield Tensor("kernel", (width, units), trainable=not lora_rank)
    if use_bias:
        yield Tensor("bias", (units,))
    yield from lora("kernel", (width,), lora_rank, units)
    return (*inputs[:-1], units)


@layer("keras.Identity")
def identity(inputs: Input) -> Formula:
    """What goes in comes out. Source: keras.layers.Identity."""
    yield from ()
    return inputs


@layer("keras.Masking", ignores="mask_value")
def masking(inputs: Input) -> Formula:
    """Marks steps to skip; it owns nothing. Source: keras.layers.Masking."""
    yield from ()
    return at_least(inputs, 1)


@layer("keras.Lambda", ignores="function mask arguments")
def lambda_layer(inputs: Inputs, output_shape: Anything = None) -> Formula:
    """A function of one's own; Keras counts nothing of what it may hold. Source: keras.layers.Lambda."""
    yield from ()
    stated = isinstance(output_shape, list) and all(n is None or _is_length(n) for n in output_shape)
    first = inputs[0] if isinstance(inputs[0], tuple) else ()
    return (first[0], *output_shape) if stated and first else None

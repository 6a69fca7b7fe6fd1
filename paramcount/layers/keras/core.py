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
from paramcount.layers.keras.quantization import (
    calibrated_kernel,
    float_kernel,
    int4_kernel,
    int8_kernel,
    lora_tensors,
    parse_matrix_quantization,
)
from paramcount.layers.keras.shapes import is_length, require_min_rank
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value


@layer("keras.InputLayer", ignores="batch_size sparse ragged optional input_tensor", weightless=True)
def input_layer(inputs: Input | None = None, shape: Anything = None, batch_shape: Anything = None) -> Formula:
    """An input of the model. No parameters. Source: keras.layers.InputLayer."""
    yield from ()
    require(shape is None or batch_shape is None, "is given twice, as shape and as batch_shape", "shape")
    if batch_shape is not None:
        stated = _dimensions(batch_shape, "batch_shape")
    else:
        require(shape is not None, "must be given", "shape")
        stated = (None, *_dimensions(shape, "shape"))
    return stated if inputs is None else _match(stated, inputs)


def _dimensions(value: Any, argument: str) -> Dimensions:
    require(
        _are_lengths(value) and len(value) <= 64,
        f"must be a list of dimensions, null where one is open, not {format_value(value)}",
        argument,
    )
    return tuple(value)


def _are_lengths(value: Any) -> bool:
    return isinstance(value, list) and all(length is None or is_length(length) for length in value)


def _match(stated: Dimensions, actual: Dimensions) -> Dimensions:
    """The shape that reaches a model's input, completed by the one stated; raise ShapeMismatch if they differ.

    Source: Functional._adjust_input_rank.
    """
    if len(actual) == len(stated) + 1 and actual[-1] == 1:
        actual = actual[:-1]
    elif len(actual) == len(stated) - 1 and stated[-1] == 1:
        actual = (*actual, 1)
    differ = any(a != b for a, b in zip(stated[1:], actual[1:], strict=False) if a is not None and b is not None)
    if len(stated) != len(actual) or differ:
        raise ShapeMismatch(f"expects {format_value(stated)}, not {format_value(actual)}")
    return (*actual[:1], *(a if b is None else b for a, b in zip(stated[1:], actual[1:], strict=True)))


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
    width = axis_length(require_min_rank(inputs, 2))
    quantization = parse_matrix_quantization(quantization_mode, quantization_config, lora_rank)
    if quantization.mode == "int8":
        yield from int8_kernel((width, units), (units,))
    elif quantization.mode == "int4":
        yield from int4_kernel(width, units, quantization)
    elif quantization.is_integer:
        yield from calibrated_kernel(width, units, quantization, "kernel_zero")
    else:
        yield from float_kernel((width, units), quantization, lora_rank)
    if use_bias:
        yield Tensor("bias", (units,))
    yield from lora_tensors("kernel", (width,), lora_rank, units)
    return (*inputs[:-1], units)


@layer("keras.Identity", weightless=True)
def identity(inputs: Input) -> Formula:
    """Returns its input. Source: keras.layers.Identity."""
    yield from ()
    return inputs


@layer("keras.Masking", ignores="mask_value", weightless=True)
def masking(inputs: Input) -> Formula:
    """Marks the steps that later layers skip. No parameters. Source: keras.layers.Masking."""
    yield from ()
    return require_min_rank(inputs, 1)


@layer("keras.Lambda", ignores="function mask arguments", weightless=True)
def lambda_layer(inputs: Inputs, output_shape: Anything = None) -> Formula:
    """A Python function; Keras counts no variables that it uses. Source: keras.layers.Lambda."""
    yield from ()
    first = inputs[0] if isinstance(inputs[0], tuple) else ()
    return (first[0], *output_shape) if first and _are_lengths(output_shape) else None

"""keras.layers.EinsumDense: a kernel for any equation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from paramcount import Anything, Formula, Input, ShapeMismatch, Size, Tensor, Text, UnknownShape, layer, require
from paramcount.layers.keras.common import BIAS, KERNEL
from paramcount.layers.keras.quantization import (
    Quantization,
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

_LETTERS = "[a-zA-Z]"
_PATTERNS = (
    (re.compile(f"({_LETTERS}+),({_LETTERS}+)->({_LETTERS}+)"), ""),
    (re.compile(rf"\.\.\.({_LETTERS}+),({_LETTERS}+)->\.\.\.({_LETTERS}+)"), "left"),
    (re.compile(rf"({_LETTERS}{{2,}})\.\.\.,({_LETTERS}+)->({_LETTERS}+)\.\.\."), "right"),
)


class _Equation(NamedTuple):
    """The letters of an equation's terms."""

    inputs: str
    kernel: str
    output: str
    dots: str  # the side of the dots, left or right; empty without dots


class _EinsumShapes(NamedTuple):
    """The shapes that an equation makes of an input."""

    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    output: Dimensions


def _parse(equation: str) -> _Equation:
    """The terms of an equation. Source: keras.src.layers.core.einsum_dense._analyze_einsum_string."""
    if len(equation) <= 200:
        for pattern, dots in _PATTERNS:
            if match := pattern.match(equation):
                return _Equation(match[1], match[2], match[3], dots)
    require(
        False,
        f'must be like "ab,bc->ac", "...x,xy->...y" or "ab...,bc->ac...", not {format_value(equation)}',
        "equation",
    )
    raise AssertionError


def _infer_shapes(
    equation: _Equation, bias_axes: str | None, shape: Dimensions, partial: Sequence[int | None]
) -> _EinsumShapes:
    """The shapes of kernel, bias and output; `partial` is the output's without batch and dots.

    Source: keras.src.layers.core.einsum_dense._analyze_split_string.
    """
    dotted_axes = len(shape) - len(equation.inputs)
    if dotted_axes < 0:
        raise ShapeMismatch(f"its equation takes at least {len(equation.inputs)} axes, not {format_value(shape)}")
    output = [shape[0], *partial]
    if dotted_axes and equation.dots == "left":
        output[1:1] = shape[dotted_axes - 1 : 0 : -1]  # Keras reverses them
    elif dotted_axes:
        output += shape[len(shape) - dotted_axes :]
    first = dotted_axes if equation.dots == "left" else 0
    in_lengths = {letter: shape[index + first] for index, letter in enumerate(equation.inputs)}
    out_axes = {letter: index + first for index, letter in enumerate(equation.output)}
    fits = max(out_axes.values()) < len(output)
    require(fits, f"has too few axes for the equation: {format_value(list(partial))}", "output_shape")
    out_lengths = {letter: output[axis] for letter, axis in out_axes.items()}
    for letter in equation.inputs:
        before, after = in_lengths[letter], out_lengths.get(letter)
        if after is not None and before != after:
            raise ShapeMismatch(f'"{letter}" of its equation is {before} in the input and {after} after')
    known = all(letter in equation.inputs or letter in equation.kernel for letter in equation.output)
    known = known and all(letter in out_lengths or letter in in_lengths for letter in equation.kernel)
    require(known, "has a letter that stands on one side only", "equation")
    lengths = in_lengths | out_lengths
    kernel = _require_known([lengths[letter] for letter in equation.kernel])
    return _EinsumShapes(kernel, _bias_shape(equation, bias_axes, out_lengths, dotted_axes - first), tuple(output))


def _bias_shape(
    equation: _Equation, axes: str | None, lengths: dict[str, int | None], trailing: int
) -> tuple[int, ...] | None:
    """The bias from the first of its axes on, 1 along the others and along `trailing` dotted axes."""
    if axes is None:
        return None
    are_letters = bool(axes) and all(letter in equation.output for letter in axes)
    require(are_letters, f"must be letters of the equation's output, not {format_value(axes)}", "bias_axes")
    start = min(equation.output.find(letter) for letter in axes)
    spanned = [lengths[letter] if letter in axes else 1 for letter in equation.output[start:]]
    return _require_known([*spanned, *(1,) * trailing])


def _require_known(lengths: Sequence[int | None]) -> tuple[int, ...]:
    known = tuple(length for length in lengths if length is not None)
    if len(known) < len(lengths):
        raise UnknownShape("its weights are sized by an axis that is left open")
    return known


@layer("keras.EinsumDense", ignores=f"activation lora_alpha gptq_unpacked_column_size {KERNEL} {BIAS}")
def einsum_dense(
    inputs: Input,
    equation: Text,
    output_shape: Anything,
    bias_axes: Text | None = None,
    lora_rank: Size | None = None,
    quantization_config: Anything = None,
    quantization_mode: Text | None = None,
) -> Formula:
    """A kernel whose axes are the letters of the equation's second term. Source: keras.layers.EinsumDense."""
    parsed = _parse(equation)
    partial = output_shape if isinstance(output_shape, list) else [output_shape]
    is_shape = output_shape is not None and len(partial) <= 64
    is_shape = is_shape and all(length is None or is_length(length, 1) for length in partial)
    require(is_shape, f"must be a dimension or a list of them, not {format_value(output_shape)}", "output_shape")
    shapes = _infer_shapes(parsed, bias_axes, require_min_rank(inputs, 1), partial)
    quantization = parse_matrix_quantization(quantization_mode, quantization_config, lora_rank)
    if quantization.is_integer:
        yield from _integer_kernel(parsed, shapes.kernel, quantization)
    else:
        yield from float_kernel(shapes.kernel, quantization, lora_rank)
    if shapes.bias is not None:
        yield Tensor("bias", shapes.bias)
    yield from lora_tensors("kernel", shapes.kernel[:-1], lora_rank, shapes.kernel[-1])
    return shapes.output


def _integer_kernel(equation: _Equation, kernel: tuple[int, ...], quantization: Quantization) -> Formula:
    """The kernel in integers, and its scales. Source: EinsumDense._int8_build, _int4_build, _gptq_build."""
    require(not equation.dots, "is not for equations with dots, as Keras has it", "quantization_mode")
    if quantization.mode == "int8":
        yield from int8_kernel(kernel, _scale_shape(equation, kernel))
    elif quantization.mode == "int4":
        lengths = list(zip(equation.kernel, kernel, strict=True))
        rows = prod(length for letter, length in lengths if letter not in equation.output)
        columns = prod(length for letter, length in lengths if letter in equation.output)
        yield from int4_kernel(rows, columns, quantization)
    else:
        require(len(kernel) in (2, 3), "is for kernels of 2 or 3 axes", "quantization_mode")
        rows, *rest = kernel
        if len(rest) == 2 and kernel.index(max(kernel)) != 0:
            rows, rest = rows * rest[0], rest[1:]
        yield from calibrated_kernel(rows, prod(rest), quantization, "zero_point")


def _scale_shape(equation: _Equation, kernel: tuple[int, ...]) -> tuple[int, ...]:
    """The scales of an int8 kernel. Source: _analyze_quantization_info, _get_kernel_scale_shape."""
    inputs, output = equation.inputs, equation.output
    reduced = [index for index, letter in enumerate(equation.kernel) if letter not in output]
    expand = [index for index, letter in enumerate(output) if letter not in equation.kernel]
    transpose = [equation.kernel.find(letter) for letter in output if letter in equation.kernel]
    squeeze, index = [], output.find(equation.kernel[-1])
    for _, new_axis in zip(
        [letter for letter in inputs if letter not in output],
        [number for number, letter in enumerate(output) if letter not in inputs],
        strict=False,
    ):
        index = new_axis
    for axis in reduced:
        if expand:
            index = expand.pop(0)
        else:
            squeeze.append(axis)
        transpose.insert(index, axis)
    lengths = [1 if axis in reduced else length for axis, length in enumerate(kernel)]
    shape = [lengths[axis] for axis in transpose]
    for axis in sorted(expand):
        shape.insert(axis, 1)
    for axis in sorted(squeeze, reverse=True):
        shape.pop(axis)
    return tuple(shape)

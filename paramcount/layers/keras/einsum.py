"""keras.layers.EinsumDense: a kernel for any equation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from paramcount import Anything, Formula, Input, ShapeMismatch, Size, Tensor, Text, UnknownShape, layer, require
from paramcount.layers.keras.common import BIAS, KERNEL
from paramcount.layers.keras.core import MATRIX_MODES
from paramcount.layers.keras.quantization import (
    AMAX_HISTORY,
    Quantization,
    calibrated,
    float8,
    lora,
    packed,
    quantization,
)
from paramcount.layers.keras.shapes import at_least
from paramcount.model.tensors import Dimensions
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import shown

_LETTERS = "[a-zA-Z]"
_FORMS = (
    (re.compile(f"({_LETTERS}+),({_LETTERS}+)->({_LETTERS}+)"), ""),
    (re.compile(rf"\.\.\.({_LETTERS}+),({_LETTERS}+)->\.\.\.({_LETTERS}+)"), "left"),
    (re.compile(rf"({_LETTERS}{{2,}})\.\.\.,({_LETTERS}+)->({_LETTERS}+)\.\.\."), "right"),
)


class _Equation(NamedTuple):
    inputs: str
    kernel: str
    output: str
    elided: str  # which side has the dots: left, right or none


class _Einsum(NamedTuple):
    """An equation with every letter's length found."""

    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    output: Dimensions


def _parsed(equation: str) -> _Equation:
    """Source: keras.src.layers.core.einsum_dense._analyze_einsum_string."""
    if len(equation) <= 200:
        for form, elided in _FORMS:
            if match := form.match(equation):
                return _Equation(match[1], match[2], match[3], elided)
    require(False, f'must be like "ab,bc->ac", "...x,xy->...y" or "ab...,bc->ac...", not {shown(equation)}', "equation")
    raise AssertionError


def _analysed(equation: _Equation, bias_axes: str | None, shape: Dimensions, partial: Sequence[int | None]) -> _Einsum:
    """Source: keras.src.layers.core.einsum_dense._analyze_split_string."""
    elided = len(shape) - len(equation.inputs)
    if elided < 0:
        raise ShapeMismatch(f"its equation takes at least {len(equation.inputs)} axes, not {shown(shape)}")
    output = [shape[0], *partial]
    if elided and equation.elided == "left":
        output[1:1] = shape[elided - 1 : 0 : -1]  # Keras turns them round
    elif elided:
        output += shape[len(shape) - elided :]
    first = elided if equation.elided == "left" else 0
    ins = {letter: shape[index + first] for index, letter in enumerate(equation.inputs)}
    places = {letter: index + first for index, letter in enumerate(equation.output)}
    fits = max(places.values()) < len(output)
    require(fits, f"has too few axes for the equation: {shown(list(partial))}", "output_shape")
    outs = {letter: output[place] for letter, place in places.items()}
    for letter in equation.inputs:
        if outs.get(letter) is not None and outs[letter] != ins[letter]:
            raise ShapeMismatch(f'"{letter}" of its equation is {ins[letter]} in the input and {outs[letter]} after')
    known = all(letter in equation.inputs or letter in equation.kernel for letter in equation.output)
    known = known and all(letter in outs or letter in ins for letter in equation.kernel)
    require(known, "has a letter that stands on one side only", "equation")
    kernel = _all_known([outs[letter] if letter in outs else ins[letter] for letter in equation.kernel])
    return _Einsum(kernel, _bias(equation, bias_axes, outs, elided - first), tuple(output))


def _bias(equation: _Equation, axes: str | None, outs: dict[str, int | None], trailing: int) -> tuple[int, ...] | None:
    if axes is None:
        return None
    fine = bool(axes) and all(letter in equation.output for letter in axes)
    require(fine, f"must be letters of the equation's output, not {shown(axes)}", "bias_axes")
    start = min(equation.output.find(letter) for letter in axes)
    spanned = [outs[letter] if letter in axes else 1 for letter in equation.output[start:]]
    return _all_known([*spanned, *(1,) * trailing])


def _all_known(lengths: Sequence[int | None]) -> tuple[int, ...]:
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
    form = _parsed(equation)
    partial = output_shape if isinstance(output_shape, list) else [output_shape]
    fine = len(partial) <= 64 and all(n is None or (isinstance(n, int) and 1 <= n <= MAX_DIMENSION) for n in partial)
    fine = fine and output_shape is not None and not any(isinstance(n, bool) for n in partial)
    require(fine, f"must be a dimension or a list of them, not {shown(output_shape)}", "output_shape")
    found = _analysed(form, bias_axes, at_least(inputs, 1), partial)
    how = quantization(quantization_mode, quantization_config, MATRIX_MODES)
    require(not (lora_rank and how.mode in ("gptq", "awq")), f"is not for {how.mode}", "lora_rank")
    if how.freezes:
        yield from _frozen(form, found, how)
    else:
        if how.mode == "float8":
            yield from float8(how.block if how.block > 0 else AMAX_HISTORY)
        yield Tensor("kernel", found.kernel, trainable=not lora_rank)
    if found.bias is not None:
        yield Tensor("bias", found.bias)
    yield from lora("kernel", found.kernel[:-1], lora_rank, found.kernel[-1])
    return found.output


def _frozen(form: _Equation, found: _Einsum, how: Quantization) -> Formula:
    """The kernel in whole numbers, and its scales. Source: EinsumDense._int8_build, _int4_build, _gptq_build."""
    require(not form.elided, "is not for equations with dots, as Keras has it", "quantization_mode")
    reduced = [index for index, letter in enumerate(form.kernel) if letter not in form.output]
    if how.mode == "int8":
        yield Tensor("kernel", found.kernel, dtype="I8", trainable=False)
        yield Tensor("kernel_scale", _scale(form, found.kernel), "buffer")
    elif how.mode == "int4":
        rows = prod(found.kernel[index] for index in reduced)
        yield from packed("kernel", rows, prod(n for i, n in enumerate(found.kernel) if i not in reduced), how)
    else:
        require(len(found.kernel) in (2, 3), "is for kernels of 2 or 3 axes", "quantization_mode")
        rows, *rest = found.kernel
        if len(rest) == 2 and found.kernel.index(max(found.kernel)) != 0:
            rows, rest = rows * rest[0], rest[1:]
        yield from calibrated(rows, prod(rest), how, "zero_point")


def _scale(form: _Equation, kernel: tuple[int, ...]) -> tuple[int, ...]:
    """A scale for all that the equation sums over. Source: _analyze_quantization_info, _get_kernel_scale_shape."""
    inputs, output = form.inputs, form.output
    reduced = [index for index, letter in enumerate(form.kernel) if letter not in output]
    expand = [index for index, letter in enumerate(output) if letter not in form.kernel]
    transpose = [form.kernel.find(letter) for letter in output if letter in form.kernel]
    squeeze, index = [], output.find(form.kernel[-1])
    for _, found in zip(
        [letter for letter in inputs if letter not in output],
        [number for number, letter in enumerate(output) if letter not in inputs],
        strict=False,
    ):
        index = found
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

"""Activations: keras.layers.activations."""

from __future__ import annotations

from paramcount import Axes, Formula, Input, Number, ShapeMismatch, Tensor, UnknownShape, layer, require
from paramcount.layers.keras.shapes import as_list, require_min_rank
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value


@layer("keras.Activation", ignores="activation", weightless=True)
def activation(inputs: Input) -> Formula:
    """A function of each element. No parameters. Source: keras.layers.Activation."""
    yield from ()
    return inputs


@layer("keras.ELU", ignores="alpha", weightless=True)
def elu(inputs: Input) -> Formula:
    """x, or α(eˣ - 1) below zero. No parameters. Source: keras.layers.ELU."""
    yield from ()
    return inputs


@layer("keras.LeakyReLU", weightless=True)
def leaky_relu(inputs: Input, negative_slope: Number = 0.3) -> Formula:
    """x, or negative_slope · x below zero. No parameters. Source: keras.layers.LeakyReLU."""
    yield from ()
    require(negative_slope >= 0, "must be at least 0", "negative_slope")
    return inputs


@layer("keras.PReLU", ignores="alpha_initializer alpha_regularizer alpha_constraint")
def prelu(inputs: Input, shared_axes: Axes | None = None) -> Formula:
    """max(0, x) + α · min(0, x): α has the input's shape, 1 along shared axes. Source: keras.layers.PReLU."""
    yield Tensor("alpha", per_element(inputs, shared_axes))
    return inputs


def per_element(inputs: Dimensions, shared_axes: int | list[int] | None) -> tuple[int, ...]:
    """Return the shape of weights of which each element of an input has its own, but those along shared axes."""
    shape = list(require_min_rank(inputs, 1)[1:])
    for axis in as_list(shared_axes):
        if not -len(shape) <= axis - 1 < len(shape):  # as Python indexes: 0 is the last axis
            raise ShapeMismatch(f"shares an axis {axis} of its input, which has {len(inputs)}")
        shape[axis - 1] = 1
    known = tuple(length for length in shape if length is not None)
    if len(known) < len(shape):
        raise UnknownShape(f"its weights have the shape of its input, which is left open: {format_value(inputs)}")
    return known


@layer("keras.ReLU", weightless=True)
def relu(
    inputs: Input, max_value: Number | None = None, negative_slope: Number = 0.0, threshold: Number = 0.0
) -> Formula:
    """max(x, 0), with bounds. No parameters. Source: keras.layers.ReLU."""
    yield from ()
    require(max_value is None or max_value >= 0, "must be at least 0", "max_value")
    require(negative_slope >= 0, "must be at least 0", "negative_slope")
    require(threshold >= 0, "must be at least 0", "threshold")
    return inputs


@layer("keras.Softmax", ignores="axis", weightless=True)
def softmax(inputs: Input) -> Formula:
    """e^x / Σ e^x. No parameters. Source: keras.layers.Softmax."""
    yield from ()
    return inputs

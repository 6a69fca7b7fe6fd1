"""Normalisations: keras.layers.normalization, and keras.layers.Normalization."""

from __future__ import annotations

from typing import Any

from paramcount import (
    Anything,
    Axes,
    Flag,
    Formula,
    Input,
    Int,
    Part,
    ShapeMismatch,
    Tensor,
    axis_length,
    layer,
    require,
)
from paramcount.layers.keras.common import BETA, GAMMA
from paramcount.layers.keras.parts import named, run
from paramcount.layers.keras.shapes import at_least, axes_lengths
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import shown


@layer(
    "keras.BatchNormalization",
    ignores="momentum epsilon moving_mean_initializer moving_variance_initializer renorm_clipping renorm_momentum "
    f"synchronized {BETA} {GAMMA}",
)
def batch_normalization(
    inputs: Input, axis: Axes = -1, center: Flag = True, scale: Flag = True, renorm: Flag = False
) -> Formula:
    """gamma and beta train; the moving statistics never do. Source: keras.layers.BatchNormalization."""
    axes = axis if isinstance(axis, list) else [axis]  # a list of one is how tf.keras writes it
    require(len(axes) == 1, "must be one axis", "axis")
    shape = (axis_length(inputs, axes[0]),)
    if scale:
        yield Tensor("gamma", shape)
    if center:
        yield Tensor("beta", shape)
    yield Tensor("moving_mean", shape, "buffer")
    yield Tensor("moving_variance", shape, "buffer")
    if renorm:
        yield Tensor("moving_stddev", shape, "buffer")
        yield Tensor("renorm_mean", shape, "buffer")
        yield Tensor("renorm_stddev", shape, "buffer")
    return inputs


@layer("keras.LayerNormalization", ignores=f"epsilon {BETA} {GAMMA}")
def layer_normalization(
    inputs: Input, axis: Axes = -1, center: Flag = True, scale: Flag = True, rms_scaling: Flag = False
) -> Formula:
    """gamma and beta span the normalised axes. Source: keras.layers.LayerNormalization."""
    shape = axes_lengths(inputs, axis)
    if scale or rms_scaling:
        yield Tensor("gamma", shape)
    if center and not rms_scaling:
        yield Tensor("beta", shape)
    return inputs


@layer("keras.RMSNormalization", ignores="epsilon")
def rms_normalization(x: Input, axis: Axes = -1) -> Formula:
    """One scale over the normalised axes. Source: keras.layers.RMSNormalization."""
    yield Tensor("scale", axes_lengths(x, axis))
    return x


@layer("keras.GroupNormalization", ignores=f"epsilon {BETA} {GAMMA}")
def group_normalization(
    inputs: Input, groups: Int = 32, axis: Int = -1, center: Flag = True, scale: Flag = True
) -> Formula:
    """gamma and beta span the channels, however many groups they make. Source: keras.layers.GroupNormalization."""
    require(groups > 0 or groups == -1, "must be at least 1, or -1 for a group a channel", "groups")
    length = axis_length(inputs, axis)
    if groups > 0 and (length < groups or length % groups):
        raise ShapeMismatch(f"{groups} groups do not divide {length} channels")
    if scale:
        yield Tensor("gamma", (length,))
    if center:
        yield Tensor("beta", (length,))
    return inputs


@layer("keras.UnitNormalization")
def unit_normalization(inputs: Input, axis: Axes = -1) -> Formula:
    """x / |x|; it owns nothing. Source: keras.layers.UnitNormalization."""
    yield from ()
    for number in axis if isinstance(axis, list) else [axis]:
        _in_bounds(inputs, number)
    return inputs


def _in_bounds(shape: Dimensions, axis: int) -> None:
    if not -len(shape) <= axis < len(shape):
        raise ShapeMismatch(f"needs an axis {axis} of its input, which has {len(shape)}")


@layer("keras.SpectralNormalization")
def spectral_normalization(inputs: Input, layer: Part, power_iterations: Int = 1) -> Formula:
    """The wrapped layer, and a vector as long as its kernel's last axis. Source: keras.layers.SpectralNormalization."""
    require(power_iterations >= 1, "must be at least 1", "power_iterations")
    at_least(inputs, 1)
    tensors, output = run(layer, inputs)
    kernels = [tensor for tensor in tensors if tensor.name in ("kernel", "embeddings")]
    require(len(kernels) == 1, "must have a kernel or embeddings", "layer")
    packed = str((layer.layer.config or {}).get("quantization_mode", "")).startswith("int4")
    require(not packed, "must not be packed in four bits", "layer")
    yield from named(layer, tensors)
    yield Tensor("vector_u", (1, kernels[0].shape[-1]), "buffer")
    return output


@layer("keras.Normalization", ignores="invert")
def normalization(inputs: Input, axis: Anything = -1, mean: Anything = None, variance: Anything = None) -> Formula:
    """mean, variance and a count, unless the first two are given. Source: keras.layers.Normalization."""
    axes = [] if axis is None else axis if isinstance(axis, list) else [axis]
    whole = len(axes) <= 64 and all(isinstance(number, int) and not isinstance(number, bool) for number in axes)
    require(whole, f"must be an integer, a list of integers, or null, not {shown(axis)}", "axis")
    require((mean is None) == (variance is None), "is given with variance, or not at all", "mean")
    for number in axes:
        _in_bounds(inputs, number)
    kept = sorted(number % len(inputs) for number in axes)
    shape = tuple(axis_length(inputs, number) for number in kept)
    if mean is None:
        yield Tensor("mean", shape, "buffer")
        yield Tensor("variance", shape, "buffer")
        yield Tensor("count", (), "buffer", "I32")
    else:
        _broadcast(mean, shape, "mean")
        _broadcast(variance, shape, "variance")
    return inputs


def _broadcast(value: Any, shape: tuple[int, ...], argument: str) -> None:
    """A constant must have a value a channel, or one for all."""
    if isinstance(value, dict):  # a serialized array
        return
    given = []
    while isinstance(value, list):
        given.append(len(value))
        value = value[0] if value else 0.0
    fits = len(given) <= len(shape) and all(
        size in (1, length) for size, length in zip(reversed(given), reversed(shape), strict=False)
    )
    require(fits, f"of shape {shown(tuple(given))} does not fit axes of {shown(shape)}", argument)

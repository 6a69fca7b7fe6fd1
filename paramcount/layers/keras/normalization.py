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
    inside,
    layer,
    require,
)
from paramcount.layers.keras.common import BETA, GAMMA
from paramcount.layers.keras.shapes import as_list, axis_lengths, require_axis, require_min_rank
from paramcount.model.layers import Call
from paramcount.schema.validator import format_value


@layer(
    "keras.BatchNormalization",
    ignores="momentum epsilon moving_mean_initializer moving_variance_initializer renorm_clipping renorm_momentum "
    f"synchronized {BETA} {GAMMA}",
)
def batch_normalization(
    inputs: Input, axis: Axes = -1, center: Flag = True, scale: Flag = True, renorm: Flag = False
) -> Formula:
    """gamma and beta train; the moving statistics never do. Source: keras.layers.BatchNormalization."""
    axes = as_list(axis)  # a list of one is how tf.keras writes it
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
    shape = axis_lengths(inputs, axis)
    if scale or rms_scaling:
        yield Tensor("gamma", shape)
    if center and not rms_scaling:
        yield Tensor("beta", shape)
    return inputs


@layer("keras.RMSNormalization", ignores="epsilon")
def rms_normalization(x: Input, axis: Axes = -1) -> Formula:
    """One scale over the normalised axes. Source: keras.layers.RMSNormalization."""
    yield Tensor("scale", axis_lengths(x, axis))
    return x


@layer("keras.GroupNormalization", ignores=f"epsilon {BETA} {GAMMA}")
def group_normalization(
    inputs: Input, groups: Int = 32, axis: Int = -1, center: Flag = True, scale: Flag = True
) -> Formula:
    """gamma and beta span the channels, whatever the groups. Source: keras.layers.GroupNormalization."""
    require(groups > 0 or groups == -1, "must be at least 1, or -1 for a group a channel", "groups")
    length = axis_length(inputs, axis)
    if groups > 0 and (length < groups or length % groups):
        raise ShapeMismatch(f"{groups} groups do not divide {length} channels")
    if scale:
        yield Tensor("gamma", (length,))
    if center:
        yield Tensor("beta", (length,))
    return inputs


@layer("keras.UnitNormalization", weightless=True)
def unit_normalization(inputs: Input, axis: Axes = -1) -> Formula:
    """x / |x|. No parameters. Source: keras.layers.UnitNormalization."""
    yield from ()
    for number in as_list(axis):
        require_axis(inputs, number)
    return inputs


@layer("keras.SpectralNormalization")
def spectral_normalization(inputs: Input, layer: Part, power_iterations: Int = 1) -> Formula:
    """The wrapped layer, and a vector as long as its kernel's last axis. Source: keras.layers.SpectralNormalization."""
    require(power_iterations >= 1, "must be at least 1", "power_iterations")
    require_min_rank(inputs, 1)
    tensors, output = layer.evaluate(layer.layer, Call((inputs,)))
    if output is None and not tensors:  # the layer is of no known type
        return None
    kernels = [tensor for tensor in tensors if tensor.name in ("kernel", "embeddings")]
    require(len(kernels) == 1, "must have a kernel or embeddings", "layer")
    is_packed = str((layer.layer.config or {}).get("quantization_mode", "")).startswith("int4")
    require(not is_packed, "must not be packed in four bits", "layer")
    yield from inside(layer.layer.name, tensors)
    yield Tensor("vector_u", (1, kernels[0].shape[-1]), "buffer")
    return output


@layer("keras.Normalization", ignores="invert")
def normalization(inputs: Input, axis: Anything = -1, mean: Anything = None, variance: Anything = None) -> Formula:
    """(x - mean) / √variance; both are buffers unless the config states them. Source: keras.layers.Normalization."""
    axes = as_list(axis)
    are_axes = len(axes) <= 64 and all(isinstance(number, int) and not isinstance(number, bool) for number in axes)
    require(are_axes, f"must be an integer, a list of integers, or null, not {format_value(axis)}", "axis")
    require((mean is None) == (variance is None), "is given with variance, or not at all", "mean")
    for number in axes:
        require_axis(inputs, number)
    shape = axis_lengths(inputs, [number % len(inputs) for number in axes])
    if mean is None:
        yield Tensor("mean", shape, "buffer")
        yield Tensor("variance", shape, "buffer")
        yield Tensor("count", (), "buffer", "I32")
    else:
        _require_broadcast(mean, shape, "mean")
        _require_broadcast(variance, shape, "variance")
    return inputs


def _require_broadcast(value: Any, shape: tuple[int, ...], argument: str) -> None:
    """Refuse a constant, a number or nested lists of numbers, that does not broadcast to a shape."""
    if isinstance(value, dict):  # a serialized array
        return
    lengths = []
    while isinstance(value, list):
        lengths.append(len(value))
        value = value[0] if value else 0.0
    fits = len(lengths) <= len(shape) and all(
        size in (1, length) for size, length in zip(reversed(lengths), reversed(shape), strict=False)
    )
    require(fits, f"of shape {format_value(tuple(lengths))} does not fit axes of {format_value(shape)}", argument)

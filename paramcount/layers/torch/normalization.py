"""Modules of torch.nn.modules.batchnorm, instancenorm and normalization."""

from __future__ import annotations

from paramcount import Dim, Dims, Flag, Formula, Input, Size, Tensor, layer, require
from paramcount.layers.torch.common import FACTORY
from paramcount.layers.torch.shapes import CHANNELS, LAST, require_size


def affine_parameters(shape: tuple[int, ...], affine: bool, bias: bool = True) -> Formula:
    """With `affine` a scale, and with `bias` a shift."""
    if affine:
        yield Tensor("weight", shape)
        if bias:
            yield Tensor("bias", shape)


def _running_statistics(num_features: int) -> Formula:
    yield Tensor("running_mean", (num_features,), "buffer")
    yield Tensor("running_var", (num_features,), "buffer")
    yield Tensor("num_batches_tracked", (), "buffer", "I64")


@layer("torch.BatchNorm1d", ignores=f"eps momentum {FACTORY}")
@layer("torch.BatchNorm2d", ignores=f"eps momentum {FACTORY}")
@layer("torch.BatchNorm3d", ignores=f"eps momentum {FACTORY}")
@layer("torch.SyncBatchNorm", ignores=f"eps momentum process_group {FACTORY}")
def batch_norm(
    num_features: Size,
    affine: Flag = True,
    track_running_stats: Flag = True,
    bias: Flag = True,
    inputs: Input | None = None,
) -> Formula:
    """Scales and shifts each channel; statistics are buffers. Source: torch.nn.modules.batchnorm._NormBase."""
    require_size(inputs, num_features, "num_features", CHANNELS)
    yield from affine_parameters((num_features,), affine, bias)
    if track_running_stats:
        yield from _running_statistics(num_features)
    return inputs


@layer("torch.InstanceNorm1d", ignores=f"eps momentum {FACTORY}")
@layer("torch.InstanceNorm2d", ignores=f"eps momentum {FACTORY}")
@layer("torch.InstanceNorm3d", ignores=f"eps momentum {FACTORY}")
def instance_norm(
    num_features: Size,
    affine: Flag = False,
    track_running_stats: Flag = False,
    bias: Flag = True,
    inputs: Input | None = None,
) -> Formula:
    """As batch norm, all tensors off by default. Source: torch.nn.modules.instancenorm._InstanceNorm."""
    require_size(inputs, num_features, "num_features", CHANNELS)
    yield from affine_parameters((num_features,), affine, bias)
    if track_running_stats:
        yield from _running_statistics(num_features)
    return inputs


@layer("torch.GroupNorm", ignores=f"eps {FACTORY}")
def group_norm(
    num_groups: Dim, num_channels: Size, affine: Flag = True, bias: Flag = True, inputs: Input | None = None
) -> Formula:
    """Scales and shifts each channel. Source: torch.nn.GroupNorm."""
    require(num_channels % num_groups == 0, f"must be divisible by num_groups, {num_groups}", "num_channels")
    require_size(inputs, num_channels, "num_channels", CHANNELS)
    yield from affine_parameters((num_channels,), affine, bias)
    return inputs


@layer("torch.LayerNorm", ignores=f"eps {FACTORY}")
def layer_norm(
    normalized_shape: Dims, elementwise_affine: Flag = True, bias: Flag = True, inputs: Input | None = None
) -> Formula:
    """Scales and shifts each element of the normalized axes. Source: torch.nn.LayerNorm."""
    require_size(inputs, _shape(normalized_shape)[-1], "elements in the last axis of normalized_shape", LAST)
    yield from affine_parameters(_shape(normalized_shape), elementwise_affine, bias)
    return inputs


@layer("torch.RMSNorm", ignores=f"eps {FACTORY}")
def rms_norm(normalized_shape: Dims, elementwise_affine: Flag = True, inputs: Input | None = None) -> Formula:
    """Scales each element of the normalized axes; has no shift. Source: torch.nn.RMSNorm."""
    require_size(inputs, _shape(normalized_shape)[-1], "elements in the last axis of normalized_shape", LAST)
    yield from affine_parameters(_shape(normalized_shape), elementwise_affine, bias=False)
    return inputs


def _shape(normalized_shape: int | list[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)

"""Modules of torchvision and timm that torch.nn lacks; their printed form states all that decides their tensors."""

from __future__ import annotations

from paramcount import Dim, Dims, Flag, Formula, Size, Tensor, layer
from paramcount.layers.torch.common import FACTORY
from paramcount.layers.torch.convolution import convolution

_SCALED_IGNORED = f"stride padding dilation gamma eps gain_init {FACTORY}"


@layer("torch.FrozenBatchNorm2d", ignores="eps")
def frozen_batch_norm(num_features: Size) -> Formula:
    """Batch norm whose four tensors are buffers, without a counter. Source: torchvision.ops.FrozenBatchNorm2d."""
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield Tensor(name, (num_features,), "buffer")


@layer("torch.ScaledStdConv2d", ignores=_SCALED_IGNORED)
@layer("torch.ScaledStdConv2dSame", ignores=_SCALED_IGNORED)
def scaled_convolution(
    in_channels: Size, out_channels: Size, kernel_size: Dims, groups: Dim = 1, bias: Flag = True
) -> Formula:
    """Convolution by a standardized weight, with a gain an output channel. Source: timm.layers.ScaledStdConv2d."""
    yield from convolution(2, in_channels, out_channels, kernel_size, groups, bias)
    yield Tensor("gain", (out_channels, 1, 1, 1))

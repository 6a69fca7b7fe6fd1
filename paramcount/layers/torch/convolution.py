"""Modules of torch.nn.modules.conv: 1 to 3 axes, and their transposes."""

from __future__ import annotations

from paramcount import Dim, Dims, Flag, Formula, Input, Size, Tensor, require
from paramcount.layers.torch.common import FACTORY
from paramcount.layers.torch.shapes import CHANNELS, require_size
from paramcount.layers.variants import layer_variant

_IGNORED = f"stride padding dilation padding_mode {FACTORY}"


def convolution(
    axes: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int | list[int],
    groups: int,
    bias: bool,
    transposed: bool = False,
) -> Formula:
    """Weight (out, in / groups, *kernel), transposed (in, out / groups, *kernel); a bias an output channel."""
    kernel = [kernel_size] * axes if isinstance(kernel_size, int) else kernel_size
    require(len(kernel) == axes, f"must be an integer or {axes} of them", "kernel_size")
    require(in_channels % groups == 0, f"must be divisible by groups, {groups}", "in_channels")
    require(out_channels % groups == 0, f"must be divisible by groups, {groups}", "out_channels")
    channels = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
    yield Tensor("weight", (*channels, *kernel))
    if bias:
        yield Tensor("bias", (out_channels,))


def _register(axes: int) -> None:
    """Register the convolution over 1 to 3 axes and its transpose."""

    @layer_variant(f"torch.Conv{axes}d", "Convolution: weight (out, in / groups, *kernel).", _IGNORED)
    def convolve(
        in_channels: Size,
        out_channels: Size,
        kernel_size: Dims,
        groups: Dim = 1,
        bias: Flag = True,
        inputs: Input | None = None,
    ) -> Formula:
        require_size(inputs, in_channels, "in_channels", CHANNELS)
        yield from convolution(axes, in_channels, out_channels, kernel_size, groups, bias)

    @layer_variant(
        f"torch.ConvTranspose{axes}d",
        "Transpose of a convolution: weight (in, out / groups, *kernel).",
        f"output_padding {_IGNORED}",
    )
    def transpose(
        in_channels: Size,
        out_channels: Size,
        kernel_size: Dims,
        groups: Dim = 1,
        bias: Flag = True,
        inputs: Input | None = None,
    ) -> Formula:
        require_size(inputs, in_channels, "in_channels", CHANNELS)
        yield from convolution(axes, in_channels, out_channels, kernel_size, groups, bias, transposed=True)


for _axes in (1, 2, 3):
    _register(_axes)

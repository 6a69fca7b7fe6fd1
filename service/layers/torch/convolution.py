"""Modules of torch.nn.modules.conv: 1 to 3 axes, and their transposes."""

from __future__ import annotations

from service import Dim, Dims, Flag, Formula, Size, Tensor, layer, require
from service.layers.torch.linear import FACTORY

_IGNORED = f"stride padding dilation output_padding padding_mode {FACTORY}"


def _kernel(size: int | list[int], axes: int) -> tuple[int, ...]:
    """One length for all axes, or one an axis."""
    sizes = (size,) * axes if isinstance(size, int) else tuple(size)
    require(len(sizes) == axes, f"must be an integer or {axes} of them", "kernel_size")
    return sizes


def _check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    require(in_channels % groups == 0, f"must be divisible by groups, {groups}", "in_channels")
    require(out_channels % groups == 0, f"must be divisible by groups, {groups}", "out_channels")


def _register(axes: int) -> None:
    """The convolution over so many axes, and its transpose."""

    @layer(f"torch.Conv{axes}d", ignores=_IGNORED.replace("output_padding ", ""))
    def convolution(
        in_channels: Size, out_channels: Size, kernel_size: Dims, groups: Dim = 1, bias: Flag = True
    ) -> Formula:
        """Weight (out, in / groups, *kernel). Source: torch.nn.modules.conv._ConvNd."""
        kernel = _kernel(kernel_size, axes)
        _check_groups(in_channels, out_channels, groups)
        yield Tensor("weight", (out_channels, in_channels // groups, *kernel))
        if bias:
            yield Tensor("bias", (out_channels,))

    @layer(f"torch.ConvTranspose{axes}d", ignores=_IGNORED)
    def transposed(
        in_channels: Size, out_channels: Size, kernel_size: Dims, groups: Dim = 1, bias: Flag = True
    ) -> Formula:
        """Weight (in, out / groups, *kernel). Source: torch.nn.modules.conv._ConvTransposeNd."""
        kernel = _kernel(kernel_size, axes)
        _check_groups(in_channels, out_channels, groups)
        yield Tensor("weight", (in_channels, out_channels // groups, *kernel))
        if bias:
            yield Tensor("bias", (out_channels,))


for _axes in (1, 2, 3):
    _register(_axes)

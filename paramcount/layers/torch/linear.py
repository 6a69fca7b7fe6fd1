"""Modules of torch.nn.modules.linear, and PReLU."""

from __future__ import annotations

from paramcount import Dim, Flag, Formula, Input, Size, Tensor, layer
from paramcount.layers.torch.common import FACTORY
from paramcount.layers.torch.shapes import LAST, replace_last, require_size


@layer("torch.Linear", ignores=FACTORY)
@layer("torch.NonDynamicallyQuantizableLinear", ignores=FACTORY)
def linear(in_features: Size, out_features: Size, bias: Flag = True, inputs: Input | None = None) -> Formula:
    """y = xWᵀ + b. Source: torch.nn.Linear; NonDynamicallyQuantizableLinear is the one inside MultiheadAttention."""
    require_size(inputs, in_features, "in_features", LAST)
    yield Tensor("weight", (out_features, in_features))
    if bias:
        yield Tensor("bias", (out_features,))
    return replace_last(inputs, out_features)


@layer("torch.Bilinear", ignores=FACTORY)
def bilinear(in1_features: Dim, in2_features: Size, out_features: Size, bias: Flag = True) -> Formula:
    """y = x₁ᵀWx₂ + b. Source: torch.nn.Bilinear."""
    yield Tensor("weight", (out_features, in1_features, in2_features))
    if bias:
        yield Tensor("bias", (out_features,))


@layer("torch.PReLU", ignores=f"init {FACTORY}")
def prelu(num_parameters: Size = 1, inputs: Input | None = None) -> Formula:
    """max(0, x) + a·min(0, x), with one slope or one a channel. Source: torch.nn.PReLU."""
    yield Tensor("weight", (num_parameters,))
    return inputs

"""Modules of torch.nn.modules.linear."""

from __future__ import annotations

from service import Dim, Flag, Formula, Tensor, layer


@layer("torch.Linear")
def linear(in_features: Dim, out_features: Dim, bias: Flag = True) -> Formula:
    """y = xWᵀ + b. Source: torch.nn.Linear."""
    yield Tensor("weight", (out_features, in_features))
    if bias:
        yield Tensor("bias", (out_features,))

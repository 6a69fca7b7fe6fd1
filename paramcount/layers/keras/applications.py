"""Layers that keras.applications brings with it."""

from __future__ import annotations

from paramcount import Dim, Formula, Input, Tensor, layer


@layer("keras.LayerScale", ignores="init_values")
def layer_scale(x: Input, projection_dim: Dim) -> Formula:
    """Scales every channel by a weight that has no name. Source: keras.src.applications.convnext.LayerScale."""
    yield Tensor("variable", (projection_dim,))
    return x


@layer("keras.StochasticDepth", ignores="drop_path_rate", weightless=True)
def stochastic_depth(x: Input) -> Formula:
    """Randomly drops the whole input of an example. Source: keras.src.applications.convnext.StochasticDepth."""
    yield from ()
    return x

"""Layers that keras.applications brings with it."""

from __future__ import annotations

from paramcount import Dim, Formula, Input, Inputs, Tensor, layer
from paramcount.layers.keras.merging import broadcast_inputs


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


@layer("keras.CustomScaleLayer", ignores="scale", weightless=True)
def custom_scale_layer(inputs: Inputs) -> Formula:
    """x + scale · y. Source: keras.src.applications.inception_resnet_v2.CustomScaleLayer."""
    yield from ()
    return broadcast_inputs(inputs[:2])

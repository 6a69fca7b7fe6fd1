"""keras.layers, one module a family; source of every formula: the layer's `build` and `compute_output_shape`."""

from service.layers.keras import (
    activation,
    convolution,
    core,
    merging,
    normalization,
    pooling,
    regularization,
    reshaping,
)

__all__ = [
    "activation",
    "convolution",
    "core",
    "merging",
    "normalization",
    "pooling",
    "regularization",
    "reshaping",
]

"""keras.layers, one module a family; source of every formula: the layer's `build` and `compute_output_shape`."""

from paramcount.layers.keras import (
    activation,
    applications,
    attention,
    augmentation,
    convolution,
    core,
    einsum,
    embedding,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    wrapper,
)

__all__ = [
    "activation",
    "applications",
    "attention",
    "augmentation",
    "convolution",
    "core",
    "einsum",
    "embedding",
    "merging",
    "normalization",
    "pooling",
    "preprocessing",
    "recurrent",
    "regularization",
    "reshaping",
    "wrapper",
]

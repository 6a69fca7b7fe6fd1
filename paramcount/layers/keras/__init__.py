"""keras.layers, one module a family; source of every formula: the layer's `build` and `compute_output_shape`.

The order of the import is that of the layer types in the API's contract.
"""

from paramcount.layers.keras import (  # isort: skip
    activation,
    applications,
    core,
    einsum,
    attention,
    augmentation,
    convolution,
    embedding,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    tensorflow,
    wrapper,
    dropped,
    feature_columns,
)

__all__ = [
    "activation",
    "applications",
    "attention",
    "augmentation",
    "convolution",
    "core",
    "dropped",
    "einsum",
    "embedding",
    "feature_columns",
    "merging",
    "normalization",
    "pooling",
    "preprocessing",
    "recurrent",
    "regularization",
    "reshaping",
    "tensorflow",
    "wrapper",
]

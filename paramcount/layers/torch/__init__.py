"""torch.nn and the like, one module a family; source of every formula: the module's `__init__`.

The order of the import is that of the layer types in the API's contract.
"""

from paramcount.layers.torch import (  # isort: skip
    linear,
    normalization,
    attention,
    convolution,
    embedding,
    loss,
    parameterless,
    recurrent,
    softmax,
    vision,
)

__all__ = [
    "attention",
    "convolution",
    "embedding",
    "linear",
    "loss",
    "normalization",
    "parameterless",
    "recurrent",
    "softmax",
    "vision",
]

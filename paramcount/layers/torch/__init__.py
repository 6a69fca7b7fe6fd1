"""torch.nn and the like, one module a family; source of every formula: the module's `__init__`."""

from paramcount.layers.torch import (
    attention,
    convolution,
    embedding,
    linear,
    loss,
    normalization,
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

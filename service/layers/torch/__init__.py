"""torch.nn, one module a family; source of every formula: the module's `__init__`."""

from service.layers.torch import linear

__all__ = ["linear"]

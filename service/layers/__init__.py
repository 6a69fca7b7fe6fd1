"""The layer types: importing this registers them."""

from service.layers import keras, torch

__all__ = ["keras", "torch"]

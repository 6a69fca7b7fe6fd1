"""The layer types: importing this registers them."""

from paramcount.layers import keras, torch

__all__ = ["keras", "torch"]

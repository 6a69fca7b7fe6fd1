"""The formats: importing this registers them."""

from service.formats import keras, native, safetensors, tensors

__all__ = ["keras", "native", "safetensors", "tensors"]

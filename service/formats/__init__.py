"""The formats: importing this registers them."""

from service.formats import gguf, keras, native, safetensors, tensors, torch

__all__ = ["gguf", "keras", "native", "safetensors", "tensors", "torch"]

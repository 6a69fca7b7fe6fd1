"""The formats: importing this registers them."""

from service.formats import gguf, keras, native, safetensors, tensors

__all__ = ["gguf", "keras", "native", "safetensors", "tensors"]

"""The formats: importing this registers them."""

from service.formats import gguf, keras, native, onnx, safetensors, tensors, torch

__all__ = ["gguf", "keras", "native", "onnx", "safetensors", "tensors", "torch"]

"""The formats: importing this registers them."""

from service.formats import gguf, huggingface, keras, native, onnx, safetensors, tensors, torch

__all__ = ["gguf", "huggingface", "keras", "native", "onnx", "safetensors", "tensors", "torch"]

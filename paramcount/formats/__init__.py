"""The formats: importing this registers them."""

from paramcount.formats import (
    gguf,
    huggingface,
    keras,
    native,
    onnx,
    params_json,
    pt2,
    pytorch,
    repository,
    safetensors,
    torch,
)
from paramcount.formats.named_tensors import manifest as tensors

__all__ = [
    "gguf",
    "huggingface",
    "keras",
    "native",
    "onnx",
    "params_json",
    "pt2",
    "pytorch",
    "repository",
    "safetensors",
    "tensors",
    "torch",
]

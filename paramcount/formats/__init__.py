"""The formats: importing this registers them."""

from paramcount.formats import (
    diffusers,
    gguf,
    huggingface,
    keras,
    named,
    native,
    onnx,
    open_clip,
    params_json,
    pt2,
    pytorch,
    repository,
    safetensors,
    timm,
    torch,
)
from paramcount.formats.named_tensors import manifest as tensors

__all__ = [
    "diffusers",
    "gguf",
    "huggingface",
    "keras",
    "named",
    "native",
    "onnx",
    "open_clip",
    "params_json",
    "pt2",
    "pytorch",
    "repository",
    "safetensors",
    "tensors",
    "timm",
    "torch",
]

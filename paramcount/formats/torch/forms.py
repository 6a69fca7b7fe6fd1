"""Printed forms of older torch releases, and of classes of other libraries that print their sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from paramcount.formats.torch.text import Module
from paramcount.model.tensors import Tensor

_NORM = ("eps", "momentum", "affine")
_PRINTED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Linear", "NonDynamicallyQuantizableLinear", "Bilinear"), ("bias",)),  # but for 0.2 and 0.3.0
    **{f"Conv{kind}{axes}d": ("stride",) for kind in ("", "Transpose") for axes in (1, 2, 3)},
    **{f"{kind}Norm{axes}d": _NORM for kind in ("Batch", "Instance") for axes in (1, 2, 3)},
    "SyncBatchNorm": _NORM,
    "GroupNorm": ("eps", "affine"),
    "LayerNorm": ("eps", "elementwise_affine"),
    "RMSNorm": ("eps", "elementwise_affine"),
    "PReLU": ("num_parameters",),
}
"""Arguments with a default that torch prints of every module; a class that does not is another, or an older one."""

_RENAMED = {"_LinearWithBias": "Linear"}
"""Classes of torch 1.5 to 1.8, and what they are today."""

LINEAR_SIZES: Mapping[str, tuple[str, str]] = {
    "Conv1D": ("nx", "nf"),  # transformers'
    **dict.fromkeys(
        ("Linear4bit", "LinearFP4", "LinearNF4", "Linear8bitLt"), ("in_features", "out_features")
    ),  # bitsandbytes'
}
"""Linear layers of other libraries, with the names that they print their sizes by."""

QUANTIZED_ADAPTERS = frozenset(("lora.Linear4bit", "lora.Linear8bitLt"))
"""peft's layers around them: as those in known.ADAPTERS, they own nothing themselves."""

_NUMBERS = [str(number) for number in range(64)]
_MAX_RANGE_CHARS = 20
_ARROW = re.compile(r"(\d{1,30}) -> (\d{1,30})", re.ASCII)
_TRACKING = re.compile(r"(Batch|Instance)Norm\dd|SyncBatchNorm")


def modern_name(name: str) -> str:
    """Return the name that a class of torch has today."""
    return _RENAMED.get(name, name)


def modern_arguments(text: str) -> str:
    """Return the arguments of a module as today's torch prints them: torch 0.2 wrote "Linear (400 -> 120)"."""
    if " -> " in text and (match := _ARROW.fullmatch(text)):
        return f"in_features={match[1]}, out_features={match[2]}"
    return text


def list_unprinted(name: str, config: Mapping[str, Any], lacks_biases: bool) -> list[str]:
    """Return the arguments that torch prints of this class, and that a text does not state.

    torch 2.1 to 2.12 did not print whether a LayerNorm has a bias; it may have none in a model that lacks others.
    """
    unprinted = [argument for argument in _PRINTED.get(name, ()) if argument not in config]
    if lacks_biases and name == "LayerNorm" and "bias" not in config and config.get("elementwise_affine"):
        unprinted.append("bias")
    return unprinted


def is_without_bias(module: Module) -> bool:
    """Return whether a linear layer prints that it has no bias."""
    return "Linear" in module.type and any(text.endswith("bias=False") for text in module.text)


def tracks_without_counter(name: str, config: Mapping[str, Any]) -> bool:
    """Return whether a norm is of torch 0.3.1 or before: it has running statistics always, and does not count batches.

    Source: torch.nn.modules.batchnorm._BatchNorm of v0.3.1, which prints no track_running_stats.
    """
    return "track_running_stats" not in config and "affine" in config and bool(_TRACKING.fullmatch(name))


def linear_config(name: str, named: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of the torch.nn.Linear that a linear layer of another library is, or None."""
    in_features, out_features = LINEAR_SIZES[name]
    if in_features not in named or out_features not in named:
        return None
    return {"in_features": named[in_features], "out_features": named[out_features], "bias": named.get("bias", True)}


def linear_tensor(name: str, tensor: Tensor) -> Tensor:
    """Return a tensor of torch.nn.Linear as that layer of another library has it.

    Source: transformers.pytorch_utils.Conv1D; bitsandbytes.nn.Linear4bit and Linear8bitLt, whose weights are frozen.
    """
    if tensor.name != "weight":
        return tensor
    if name == "Conv1D":
        return tensor._replace(shape=tensor.shape[::-1])
    return tensor._replace(dtype="I8" if name == "Linear8bitLt" else "F4", trainable=False)


def has_gaps(module: Module) -> bool:
    """Return whether the numbers of a container's children are not 0, 1, 2 and so on."""
    names = [child.name for child in module.children]
    if names == _NUMBERS[: len(names)]:
        return False
    expected = 0
    for name in names:
        first, _, last = name.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and len(name) <= _MAX_RANGE_CHARS):
            return False
        if int(first) != expected:
            return True
        expected = int(last or first) + 1
    return False

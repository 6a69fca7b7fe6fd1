"""Describe a live model as a document, by duck typing: no framework is imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

DocumentJSON = dict[str, Any]


def is_model(source: Any) -> bool:
    """Return whether `source` looks like a live PyTorch module or Keras model."""
    return _is_torch(source) or _is_keras(source)


def describe(model: Any) -> DocumentJSON:
    """The document of a live model: `tensors` of a PyTorch module, the JSON of a Keras model.

    Raises TypeError for anything else, ValueError for a model whose sizes are not known yet.
    """
    if _is_keras(model):  # which is a module of PyTorch too, where that is Keras' backend
        document: DocumentJSON = json.loads(model.to_json())
        return document
    if _is_torch(model):
        return _describe_torch(model)
    raise TypeError(f"expected a PyTorch module or a Keras model, not {type(model).__name__}")


def _is_torch(source: Any) -> bool:
    return all(callable(getattr(source, name, None)) for name in ("named_parameters", "named_buffers", "named_modules"))


def _is_keras(source: Any) -> bool:
    return all(callable(getattr(source, name, None)) for name in ("to_json", "count_params", "get_config"))


def _describe_torch(model: Any) -> DocumentJSON:
    """Named parameters and buffers; several names of one tensor are a tie."""
    names_by_tensor: dict[int, list[str]] = {}
    parameters = _entries(model.named_parameters(remove_duplicate=False), names_by_tensor, _parameter)
    buffers = _entries(model.named_buffers(remove_duplicate=False), names_by_tensor, _tensor)
    tied = [names for names in names_by_tensor.values() if len(names) > 1]
    return {"parameters": parameters, "buffers": buffers, **({"tied": tied} if tied else {})}


def _entries(
    tensors: Iterable[tuple[str, Any]],
    names_by_tensor: dict[int, list[str]],
    describe_one: Callable[[Any], DocumentJSON],
) -> dict[str, DocumentJSON]:
    entries = {}
    for name, tensor in tensors:
        if type(tensor).__name__.startswith("Uninitialized"):
            raise ValueError(f"{name} has no shape before the first call of its lazy module")
        entries[name] = describe_one(tensor)
        names_by_tensor.setdefault(id(tensor), []).append(name)
    return entries


def _tensor(tensor: Any) -> DocumentJSON:
    """A tensor's shape and dtype; DeepSpeed ZeRO-3 keeps the shape of one that it has spread over ranks."""
    return {"shape": list(getattr(tensor, "ds_shape", tensor.shape)), "dtype": str(tensor.dtype).removeprefix("torch.")}


def _parameter(tensor: Any) -> DocumentJSON:
    return {**_tensor(tensor), "requires_grad": bool(tensor.requires_grad)}

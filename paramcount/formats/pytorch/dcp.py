"""Distributed checkpoints of torch (DCP, FSDP2, torchtitan, Megatron-core): the pickle `.metadata` has all shapes.

Source: torch/distributed/checkpoint/metadata.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.named_tensors.tree import MAX_LEVELS
from paramcount.formats.pickles.objects import Global, Instance, Key
from paramcount.formats.pytorch.contents import OPTIMIZER_WORDS
from paramcount.formats.pytorch.tensors import PickledTensor, read_dtype, read_shape
from paramcount.model.errors import InvalidDocument

_METADATA = "torch.distributed.checkpoint.metadata."


def is_metadata(value: Any) -> bool:
    """Return whether an object is the metadata of a distributed checkpoint."""
    return isinstance(value, Instance) and _is_of(value, "Metadata")


def _is_of(value: Any, name: str) -> bool:
    """Return whether an object is of a class of this module; names of Megatron's copy end alike."""
    return isinstance(value, Instance) and isinstance(value.type, Global) and value.type.path == _METADATA + name


def read_metadata(metadata: Instance) -> dict[Any, Any]:
    """Return the tensors of a checkpoint in the dicts that were saved. Raises InvalidDocument."""
    entries = metadata.attributes.get("state_dict_metadata")
    if not isinstance(entries, dict):
        raise InvalidDocument("is the metadata of a checkpoint without its tensors", code="metadata")
    paths = metadata.attributes.get("planner_data")
    root: dict[Any, Any] = {}
    for name, entry in entries.items():
        path = _read_path(str(name), paths if isinstance(paths, dict) else {})
        holder = root
        for part in path[:-1]:
            inner = holder.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InvalidDocument(f'holds "{str(name)[:100]}" in what is no dict', code="metadata")
            holder = inner
        if holder.setdefault(path[-1], value := _read_entry(entry)) is not value:
            raise InvalidDocument(f'holds "{str(name)[:100]}" twice', code="duplicate_name")
    return root


def _read_path(name: str, paths: Mapping[Any, Any]) -> list[str]:
    """Return the keys that led to a value before the dicts were made flat."""
    path = paths.get(name)
    if isinstance(path, tuple) and 0 < len(path) <= MAX_LEVELS:
        parts = [part if isinstance(part, str) else str(Key(part)) for part in path]
    else:
        parts = [name]
    first, _, rest = parts[0].partition(".")
    return [first, rest, *parts[1:]] if rest and first in OPTIMIZER_WORDS else parts


def _read_entry(entry: Any) -> PickledTensor | None:
    """Return the tensor that an entry describes; None for an object of another kind, saved as bytes."""
    if not _is_of(entry, "TensorStorageMetadata"):
        return None
    attributes = entry.attributes
    properties = attributes.get("properties")
    state = properties.state if isinstance(properties, Instance) else None
    dtype = state[0] if isinstance(state, tuple) and state else None
    if isinstance(properties, Instance) and dtype is None:
        dtype = properties.attributes.get("dtype")
    return PickledTensor(read_shape(attributes.get("size")), read_dtype(dtype))

"""A checkpoint of torch in several files, with or without its index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.named_tensors.checkpoint import distinct, flags_warning
from paramcount.formats.named_tensors.packed import unpack
from paramcount.formats.named_tensors.packed.quantization import Quantization
from paramcount.formats.named_tensors.partitions import warn_of_parts
from paramcount.formats.named_tensors.shards import explain_index, warn_of_index, warn_of_missing_shards
from paramcount.formats.named_tensors.tree import build_tree
from paramcount.formats.pytorch.archive import read_pickle
from paramcount.formats.pytorch.contents import Contents, find_contents
from paramcount.formats.pytorch.layers import named_tensors
from paramcount.formats.pytorch.warnings import warn_of_contents, warn_of_imports
from paramcount.formats.source import Bytes
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, raise_problems, token
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.validator import format_value

MEMBERS = frozenset(("shards", "index", "config"))


def is_sharded(payload: Any) -> bool:
    """Return whether a value holds files by name: `{"shards": {name: bytes}, "index"?: ..., "config"?: ...}`."""
    if not isinstance(payload, dict) or not payload.keys() <= MEMBERS:
        return False
    shards = payload.get("shards")
    return isinstance(shards, Mapping) and bool(shards) and all(isinstance(shard, Bytes) for shard in shards.values())


def read_shards(payload: Mapping[str, Any]) -> Document:
    """Return the document of all files' tensors. Raises Problems with those of all files."""
    index = payload.get("index")
    if index is not None and not (isinstance(index, dict) and isinstance(index.get("weight_map"), dict)):
        raise InvalidDocument(f"must be an index with a weight_map, not {format_value(index)}", "/index", "type")
    tensors: dict[str, Tensor] = {}
    files: dict[str, str] = {}  # by tensor
    problems: list[ArchitectureError] = []
    warnings: list[ReportWarning] = []
    for file, data in payload["shards"].items():
        pointer = f"/shards{token(file)}"
        try:
            pickle = read_pickle(data)
            contents = find_contents(pickle.value, pickle.size)
            named = _check_state(named_tensors(contents), contents)
        except (ArchitectureError, Problems) as error:
            problems += _locate(error, pointer)
            continue
        problems += [
            InvalidDocument(f'is in "{files[name][:100]}" too', pointer + token(name), "duplicate_name")
            for name in named
            if name in tensors
        ]
        tensors |= named
        files |= dict.fromkeys(named, file)
        warnings += [*warn_of_contents(contents, named), *warn_of_imports(pickle.globals)]
    if index is not None:
        problems += explain_index(index, payload["shards"], files)
        warnings += warn_of_index(index, payload["shards"], files)
    raise_problems(problems)
    warnings += warn_of_missing_shards(payload["shards"], index)
    kinds = distinct(tensors)
    config = payload.get("config")
    unpacked = unpack(tensors, Quantization(config if isinstance(config, Mapping) else {}), kinds)
    warnings += [*unpacked.warnings, *warn_of_parts(tensors, kinds), flags_warning(list(tensors.values()))]
    return Document(build_tree(unpacked.tensors), "stored", "torch", warnings=tuple(warnings))


def _check_state(named: dict[str, Tensor], contents: Contents) -> dict[str, Tensor]:
    if contents.modules or not named:
        raise InvalidDocument("holds no tensors by name, as a part of a checkpoint does", code="no_tensors")
    return named


def _locate(error: ArchitectureError | Problems, pointer: str) -> list[ArchitectureError]:
    """Return an error's problems with the pointer of the file that they are in."""
    problems = list(error.problems) if isinstance(error, Problems) else [error]
    for problem in problems:
        problem.pointer = pointer + problem.pointer
    return problems

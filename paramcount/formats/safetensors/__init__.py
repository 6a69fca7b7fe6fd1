"""safetensors: the header of a file, as JSON or as the file's first bytes, or those of all shards of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from paramcount.formats.huggingface.routing import read_visited_experts
from paramcount.formats.named_tensors.checkpoint import Bytes, count_elements, flags_warning
from paramcount.formats.named_tensors.packed import unpack
from paramcount.formats.named_tensors.packed.quantization import Quantization
from paramcount.formats.named_tensors.partitions import warn_of_parts, warn_of_rank_files
from paramcount.formats.named_tensors.roles import find_roles
from paramcount.formats.named_tensors.shards import explain_index, warn_of_index, warn_of_missing_shards
from paramcount.formats.named_tensors.tree import build_tree
from paramcount.formats.safetensors.header import METADATA, Header, check_length, header_json, parse_valid
from paramcount.formats.safetensors.hub import count_as_hub
from paramcount.formats.safetensors.problems import explain
from paramcount.formats.signatures import file_kind
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, raise_problems, token
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

_EXAMPLE = {
    "__metadata__": {"format": "pt"},
    "embed.weight": {"dtype": "F16", "shape": [100, 8], "data_offsets": [0, 1600]},
    "layers.0.weight": {"dtype": "F16", "shape": [8, 8], "data_offsets": [1600, 1728]},
    "layers.1.weight": {"dtype": "F16", "shape": [8, 8], "data_offsets": [1728, 1856]},
}

_MEMBERS = frozenset(("header", "shards", "index", "config"))
"""The members of an object that holds headers."""


def _claims(payload: Any) -> bool:
    if not isinstance(payload, dict):
        return file_kind(payload) == "safetensors"
    name = next((name for name in payload if name != METADATA), "")
    entry = payload.get(name)
    return isinstance(entry, dict) and (
        isinstance(entry.get("data_offsets"), list) or (name in _MEMBERS and _holds_headers(payload))
    )


def _holds_headers(payload: Mapping[str, Any]) -> bool:
    """Return whether an object holds headers, and is none itself: a tensor may be called "header" too."""
    main = payload.get("header", payload.get("shards"))
    if not isinstance(main, dict) or isinstance(next(iter(main.values()), None), Bytes):  # files of another format
        return False
    return payload.keys() <= _MEMBERS and not isinstance(main.get("data_offsets"), list)


@reader("safetensors", claims=_claims, schema=None, example=_EXAMPLE, media="application/octet-stream")
def safetensors(payload: Any) -> Document:
    """A safetensors file, its first bytes up to the header's end, or its header as JSON.

    Or `{"index": ..., "shards": {file: header}}` or `{"header": ...}`, each with the model's `config` if wanted.

    Every element of the file is counted, as it is stored: one of a packed 4-bit format holds several parameters.
    """
    if isinstance(payload, Bytes):
        header = _read_header(header_json(payload))
        check_length(payload, header.size)
        return _combine(_Checkpoint({"": header}))
    if not isinstance(payload, dict):
        raise InvalidDocument(f"must be an object or a file's first bytes, not {format_value(payload)}")
    if not _holds_headers(payload):
        return _combine(_Checkpoint({"": _read_header(payload)}))
    raise_problems(_member_problems(payload))
    checkpoint = _Checkpoint(config=payload.get("config") or {}, index=payload.get("index"))
    checkpoint.pointers = {file: f"/shards{token(file)}" for file in payload.get("shards", {})}
    sources = dict(payload.get("shards", {}))
    if "header" in payload:
        checkpoint.pointers[""], sources[""] = "/header", payload["header"]
    for file, source in sources.items():
        try:
            checkpoint.headers[file] = _read_header(source, checkpoint.pointers[file])
        except Problems as error:
            checkpoint.problems += error.problems
    return _combine(checkpoint)


def _read_header(source: Any, pointer: str = "") -> Header:
    """Return the header that `source`, JSON in bytes or decoded, holds. Raises Problems."""
    try:
        if isinstance(source, bytes | dict):
            return parse_valid(source)
    except ValueError:
        pass
    raise_problems(explain(source, pointer))
    raise InvalidDocument("is not a valid header", pointer)  # unreachable while explain finds what parse_valid refuses


def _member_problems(payload: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    if "header" in payload and "shards" in payload:
        yield InvalidDocument('is given as well as "shards": give one of them', "/header", "unknown_member")
    for member in ("index", "config"):
        if not isinstance(payload.get(member, {}), dict):
            yield InvalidDocument(f"must be an object, not {format_value(payload[member])}", f"/{member}", "type")
    index = payload.get("index")
    if isinstance(index, dict):
        if not isinstance(index.get("weight_map"), dict):
            yield InvalidDocument("must be an object: tensor to file", "/index/weight_map", "type")
        if not isinstance(index.get("metadata", {}), dict):
            yield InvalidDocument("must be an object", "/index/metadata", "type")


@dataclass
class _Checkpoint:
    """The headers of one checkpoint's files, and what came with them."""

    headers: dict[str, Header] = field(default_factory=dict)  # the valid ones, by file
    pointers: dict[str, str] = field(default_factory=dict)  # of all headers, by file
    problems: list[ArchitectureError] = field(default_factory=list)  # of the others
    config: Mapping[str, Any] = field(default_factory=dict)
    index: Mapping[str, Any] | None = None


def _combine(checkpoint: _Checkpoint) -> Document:
    """Return the document of all files' tensors. Raises Problems."""
    headers, index = checkpoint.headers, checkpoint.index
    files: dict[str, str] = {}  # by tensor
    tensors: dict[str, Tensor] = {}
    for file, header in headers.items():
        if not tensors.keys().isdisjoint(header.tensors):
            checkpoint.problems += [
                InvalidDocument(
                    f'is in "{files[name][:100]}" too', checkpoint.pointers[file] + token(name), "duplicate_name"
                )
                for name in header.tensors
                if name in tensors
            ]
        files |= dict.fromkeys(header.tensors, file)
        tensors |= header.tensors
    warnings: list[ReportWarning] = []
    if index is not None:
        checkpoint.problems += explain_index(index, headers, files)
        warnings += warn_of_index(index, headers, files)
    raise_problems(checkpoint.problems)
    warnings += warn_of_missing_shards(headers, index)
    kinds = [tensor for header in headers.values() for tensor in header.kinds]
    unpacked = unpack(tensors, Quantization(checkpoint.config), kinds)
    stored = list(unpacked.tensors.values())
    aliases = dict(alias for header in headers.values() for alias in header.aliases(tensors))
    warnings += [
        *warn_of_parts(tensors, kinds),
        *warn_of_rank_files(headers),
        *_declared_totals(index or {}, headers, stored),
        *unpacked.warnings,
        flags_warning(stored),
    ]
    root = build_tree({**unpacked.tensors, **aliases})
    roles = find_roles(unpacked.tensors, root, lambda: read_visited_experts(checkpoint.config))
    by_file = [header.tensors for header in headers.values()]
    count = partial(count_as_hub, by_file, checkpoint.config, _read_declared_total(checkpoint))
    return Document(root, "stored", warnings=tuple(warnings), roles=roles, count_as_hub=count)


def _read_declared_total(checkpoint: _Checkpoint) -> Any:
    """Return the total that a checkpoint declares of itself where the Hub reads it: its index, or its only file."""
    if checkpoint.index is not None:
        return checkpoint.index.get("metadata", {}).get("total_parameters")
    headers = [*checkpoint.headers.values()]
    return headers[0].metadata.get("total_parameters") if len(headers) == 1 else None


def _declared_totals(
    index: Mapping[str, Any], headers: Mapping[str, Header], stored: list[Tensor]
) -> Iterator[ReportWarning]:
    """Warn of totals that a checkpoint declares of itself, and that are wrong."""
    declarations = {"the index": index.get("metadata", {})} | {
        file or "the header": header.metadata for file, header in headers.items()
    }
    for source, metadata in declarations.items():
        for member in ("total_size", "total_parameters"):
            if (declared := metadata.get(member)) is None:
                continue
            if member == "total_size":
                totals = [sum(header.size for header in headers.values())]
            else:  # transformers leaves buffers out of it
                totals = [
                    count_elements(stored),
                    count_elements(tensor for tensor in stored if tensor.role == "weight"),
                ]
            if str(declared)[:40].removesuffix(".0") not in map(str, totals):
                detail = f"{source[:100]} declares a {member} of {format_value(declared)}, but {totals[0]} is there"
                yield ReportWarning("declared_total", "", detail)

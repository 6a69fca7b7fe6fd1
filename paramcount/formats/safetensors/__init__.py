"""safetensors: the header of a file, as JSON or as the file's first bytes, or those of all shards of a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.named_tensors.checkpoint import Bytes, elements, flags_warning, refuse
from paramcount.formats.named_tensors.tree import tree
from paramcount.formats.safetensors.header import METADATA, Header, header_in, read_header
from paramcount.formats.safetensors.packed import unpack
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, token
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import reader
from paramcount.schema.validator import shown

_EXAMPLE = {
    "__metadata__": {"format": "pt"},
    "embed.weight": {"dtype": "F16", "shape": [100, 8], "data_offsets": [0, 1600]},
    "layers.0.weight": {"dtype": "F16", "shape": [8, 8], "data_offsets": [1600, 1728]},
    "layers.1.weight": {"dtype": "F16", "shape": [8, 8], "data_offsets": [1728, 1856]},
}

_FORMS = frozenset(("header", "shards", "index", "config"))
_SHARD = re.compile(r"-0*(\d{1,6})-of-0*(\d{1,6})\.safetensors", re.ASCII)


def _claims(payload: Any) -> bool:
    if not isinstance(payload, dict):
        return isinstance(payload, Bytes) and payload[8:9] == b"{" and payload[5:8] == b"\0\0\0"
    for name, entry in payload.items():
        if name != METADATA:
            return isinstance(entry, dict) and (
                isinstance(entry.get("data_offsets"), list) or (name in _FORMS and _is_form(payload))
            )
    return False


def _is_form(payload: Mapping[str, Any]) -> bool:
    """Whether an object holds headers, and is none itself: a tensor may be called "header" too."""
    main = payload.get("header", payload.get("shards"))
    return isinstance(main, dict) and payload.keys() <= _FORMS and not isinstance(main.get("data_offsets"), list)


@reader("safetensors", claims=_claims, schema=None, example=_EXAMPLE, media="application/octet-stream")
def safetensors(payload: Any) -> Document:
    """A file's header as JSON, or the file's first bytes, of which the header's are enough; or
    `{"index": ..., "shards": {file: header}}` or `{"header": ...}`, each with the model's `config` if wanted.

    Every element of the file is counted, as it is stored: one of a packed 4-bit format holds several parameters.
    """
    if isinstance(payload, Bytes):
        return _document({"": header_in(payload)}, {}, None)
    if not isinstance(payload, dict):
        raise InvalidDocument(f"must be an object or a file's first bytes, not {shown(payload)}")
    if not _is_form(payload):
        return _document({"": read_header(payload)}, {}, None)
    index, config = payload.get("index"), payload.get("config")
    refuse(_form_problems(payload))
    shards = payload.get("shards", {})
    headers = {file: read_header(header, f"/shards{token(file)}") for file, header in shards.items()}
    if "header" in payload:
        headers[""] = read_header(payload["header"], "/header")
    return _document(headers, config or {}, index)


def _form_problems(payload: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    if "header" in payload and "shards" in payload:
        yield InvalidDocument('stands beside "shards": give one of them', "/header", "unknown_member")
    for member in ("index", "config"):
        if not isinstance(payload.get(member, {}), dict):
            yield InvalidDocument(f"must be an object, not {shown(payload[member])}", f"/{member}", "type")
    index = payload.get("index")
    if isinstance(index, dict):
        if not isinstance(index.get("weight_map"), dict):
            yield InvalidDocument("must be an object: tensor to file", "/index/weight_map", "type")
        if not isinstance(index.get("metadata", {}), dict):
            yield InvalidDocument("must be an object", "/index/metadata", "type")


def _document(headers: Mapping[str, Header], config: Mapping[str, Any], index: Mapping[str, Any] | None) -> Document:
    """One checkpoint of its files' headers."""
    problems = [problem for header in headers.values() for problem in header.problems]
    homes: dict[str, str] = {}
    tensors: dict[str, Tensor] = {}
    for file, header in headers.items():
        for name in tensors.keys() & header.tensors.keys():
            detail = f'is in "{homes[name][:100]}" too'
            problems.append(InvalidDocument(detail, header.pointer + token(name), "duplicate_name"))
        homes |= dict.fromkeys(header.tensors, file)
        tensors |= header.tensors
    warnings: list[ReportWarning] = []
    if index is not None:
        problems += _index_problems(index, headers, homes)
        warnings += _index_warnings(index, headers, homes)
    refuse(problems)
    warnings += _missing_shards(headers, index)
    unpacked = unpack(tensors, config)
    stored = list(unpacked.tensors.values())
    aliases = dict(alias for header in headers.values() for alias in header.aliases(tensors))
    warnings += [
        *_declared(index or {}, headers, stored),
        *unpacked.warnings,
        flags_warning(stored),
    ]
    return Document(tree({**unpacked.tensors, **aliases}), "stored", warnings=tuple(warnings))


def _index_problems(
    index: Mapping[str, Any], headers: Mapping[str, Header], homes: Mapping[str, str]
) -> Iterator[ArchitectureError]:
    for name, file in index["weight_map"].items():
        if not isinstance(file, str):
            yield InvalidDocument("must be the name of a file", f"/index/weight_map{token(name)}", "type")
        elif file in headers and homes.get(name) != file and not headers[file].problems:
            detail = f'"{file[:100]}" has no such tensor'
            yield InvalidDocument(detail, f"/index/weight_map{token(name)}", "missing_tensor")


def _index_warnings(
    index: Mapping[str, Any], headers: Mapping[str, Header], homes: Mapping[str, str]
) -> Iterator[ReportWarning]:
    missing: dict[str, int] = {}
    for file in index["weight_map"].values():
        if isinstance(file, str) and file not in headers:
            missing[file] = missing.get(file, 0) + 1
    for file, number in list(missing.items())[:100]:
        detail = f'"{file[:100]}" is not here: {number} tensors that the index puts there are not counted'
        yield ReportWarning("missing_shard", "", detail, exact=False)
    if extra := [name for name in homes if name not in index["weight_map"]]:
        yield ReportWarning(
            "not_in_index", "", f'{len(extra)} tensors are not in the index ("{extra[0][:100]}"); counted'
        )


def _missing_shards(headers: Mapping[str, Header], index: Mapping[str, Any] | None) -> Iterator[ReportWarning]:
    """Shards that the names of others tell of: "model-00001-of-00030.safetensors"."""
    if index is not None:
        return
    found: dict[tuple[str, int], set[int]] = {}
    for file in headers:
        if match := _SHARD.search(file):
            found.setdefault((file[: match.start()], int(match[2])), set()).add(int(match[1]))
    for (name, number), seen in found.items():
        if len(seen) < number:
            detail = f'{number - len(seen)} of the {number} shards of "{name[:100]}" are not here, and not counted'
            yield ReportWarning("missing_shard", "", detail, exact=False)


def _declared(index: Mapping[str, Any], headers: Mapping[str, Header], stored: list[Tensor]) -> Iterator[ReportWarning]:
    """Totals that a checkpoint declares of itself, where they are not what is there."""
    places = {"the index": index.get("metadata", {})} | {
        file or "the header": h.metadata for file, h in headers.items()
    }
    for place, metadata in places.items():
        for member in ("total_size", "total_parameters"):
            if (declared := metadata.get(member)) is None:
                continue
            if member == "total_size":
                real = [sum(header.size for header in headers.values())]
            else:  # transformers leaves buffers out of it
                real = [elements(stored), elements(tensor for tensor in stored if tensor.role == "weight")]
            if str(declared)[:40].removesuffix(".0") not in map(str, real):
                detail = f"{place[:100]} declares a {member} of {shown(declared)}, but {real[0]} is there"
                yield ReportWarning("declared_total", "", detail)

"""One header: from bytes, and its entries checked as the safetensors library does (Metadata::validate)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from mmap import mmap
from typing import Any

import orjson

from service import values
from service.errors import ArchitectureError, InvalidDocument, TooLarge, token
from service.formats.stored import (
    MOST_TENSORS,
    STATISTICS,
    Bytes,
    Truncated,
    dtype_problem,
    may_hold_statistics,
    shape_problem,
    stored,
)  # fmt: skip
from service.model import DTYPES, Tensor
from service.validation import MOST_PROBLEMS, shown

LONGEST = 100_000_000
"""The longest header that the library reads (MAX_HEADER_SIZE)."""

_LARGEST_OFFSET = 2**63

_BITS = {
    name: int(DTYPES[name]) for name in (
     "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
     "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64")
}  # fmt: skip


@dataclass
class Header:
    """What a header says, and what is wrong with it."""

    pointer: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    size: int = 0  # how many bytes its tensors take
    problems: list[ArchitectureError] = field(default_factory=list)

    def aliases(self, there: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """Names that save_model left out, since they are another tensor: it notes them in the metadata."""
        for name, owner in self.metadata.items():
            if owner in there and name not in there:
                yield name, there[owner]._replace(tied_to=owner)


def header_length(data: Bytes) -> int:
    """How many bytes the header takes, by the first 8 of a file."""
    if len(data) < 8:
        raise Truncated(len(data), 8, "the length of the header")
    length = int.from_bytes(data[:8], "little")
    if length > LONGEST:
        raise InvalidDocument(
            f"is no safetensors file: it claims a header of {length:,} bytes, where {LONGEST:,} are the most",
            code="header_length",
        )
    return length


def parse(data: Bytes) -> Any:
    """The JSON of the header in a file's first bytes. Raises Truncated, or InvalidDocument."""
    end = 8 + header_length(data)
    if len(data) < end:
        raise Truncated(len(data), end, "the header")
    raw = data[8:end].strip(b" \t\r\n")
    values.check(raw)
    try:
        header = orjson.loads(raw)
        # orjson keeps the last of equal names and says nothing
        if raw.count(b":") != _members(header) and orjson.dumps(header) != raw:
            json.loads(raw, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"has a header that is not JSON: {str(error)[:200]}", code="not_json") from None
    if len(data) > end or isinstance(data, mmap):
        check_length(header, end, len(data), whole=isinstance(data, mmap))
    return header


def _members(header: Any) -> int:
    """How many members a header and its entries have; 0 where it is malformed."""
    if not isinstance(header, dict) or not set(map(type, header.values())) <= {dict}:
        return 0
    return len(header) + sum(map(len, header.values()))


def check_length(header: Any, start: int, length: int, *, whole: bool) -> None:
    """Whether a file of `length` bytes (or, if not `whole`, its first ones) can be what its header describes."""
    try:
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        end = start + max(ends, default=0)
    except (AttributeError, IndexError, KeyError, TypeError):
        return  # it is malformed, as read_header will tell
    if length > end:
        raise InvalidDocument(f"has {length - end:,} bytes after its last tensor", code="file_length")
    if whole and length < end:
        detail = f"is {length:,} bytes long, but its header describes {end:,}: the file is not complete"
        raise InvalidDocument(detail, code="file_length")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidDocument(f'names "{twice[:100]}" twice', token(twice), "duplicate_name")
    return found


def read_header(payload: Any, pointer: str = "") -> Header:
    """The header that a JSON object is, with all its problems."""
    header = Header(pointer)
    if not isinstance(payload, dict):
        header.problems.append(InvalidDocument(f"must be an object, not {shown(payload)}", pointer, "type"))
        return header
    if len(payload) > MOST_TENSORS:
        header.problems.append(
            TooLarge(f"holds {len(payload):,} tensors, where {MOST_TENSORS:,} are the most", pointer)
        )
        return header
    try:
        _take_all(header, payload)
    except (KeyError, TypeError, ValueError):
        _take_each(header, payload)
    return header


def _take_all(header: Header, payload: Mapping[str, Any]) -> None:
    """Take in the header of a sound file, of a hundred thousand tensors perhaps. Fails, however it may, where something
    is not as it must be, and takes in nothing."""
    tensors: dict[str, Tensor] = {}
    kinds: dict[tuple[str, tuple[int, ...], int, bool], Tensor] = {}
    shapes, spans = [], []
    entries = {**payload}
    metadata = entries.pop("__metadata__", None)
    statistics = may_hold_statistics(entries)
    for name, entry in entries.items():
        dtype, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
        start, end = span
        kind = dtype, tuple(shape), end - start, statistics and name.rpartition(".")[2] in STATISTICS
        if (tensor := kinds.get(kind)) is None:
            if shape_problem(shape) or _BITS[dtype] * prod(shape) != 8 * (end - start):
                raise ValueError(name)
            tensor = kinds[kind] = stored(name, tuple(shape), dtype)
        tensors[name] = tensor
        shapes.append(shape)
        spans.append(span)
    at = [0, *chain.from_iterable(sorted(spans))]
    if orjson.dumps((shapes, at)).translate(None, b"0123456789,[]"):  # True and 1.0 are equal to 1
        raise ValueError("not all are natural numbers")
    if at[:-1:2] != at[1::2] or at[-1] > _LARGEST_OFFSET:
        raise ValueError("they do not lie one after the other")
    if any(_metadata_problems(metadata, "")):
        raise ValueError("the metadata are no strings")
    header.tensors, header.size, header.metadata = tensors, at[-1], metadata or {}


def _take_each(header: Header, payload: Mapping[str, Any]) -> None:
    """Take in what is sound, and find the problems of the rest."""
    spans = []
    for name, entry in payload.items():
        pointer = header.pointer + token(name)
        if name == "__metadata__":
            header.problems += _metadata_problems(entry, pointer)
        elif problems := list(_entry_problems(entry, pointer)):
            header.problems += problems
            if len(header.problems) >= MOST_PROBLEMS:
                return
        else:
            header.tensors[name] = stored(name, tuple(entry["shape"]), entry["dtype"])
            spans.append((*entry["data_offsets"], name))
    if not header.problems:
        header.problems += _gaps(spans, header.pointer)


def _metadata_problems(metadata: Any, pointer: str) -> Iterator[ArchitectureError]:
    if not isinstance(metadata, dict | None):
        yield InvalidDocument(f"must be an object, not {shown(metadata)}", pointer, "type")
        return
    for name, value in (metadata or {}).items():
        if not isinstance(value, str):
            yield InvalidDocument(f"must be a string, not {shown(value)}", pointer + token(name), "type")


def _entry_problems(entry: Any, pointer: str) -> Iterator[ArchitectureError]:
    """What is wrong with a tensor."""
    if malformed := list(_malformed(entry, pointer)):
        yield from malformed
    elif wrong := list(_wrong_values(entry, shape_problem(entry["shape"]), pointer)):
        yield from wrong
    else:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        takes = prod(shape) * _BITS[dtype]
        if takes != 8 * (end - start):
            counted = f"{takes // 8:,} bytes" if takes % 8 == 0 else f"{takes:,} bits, which are no whole bytes"
            detail = f"takes {counted} ({dtype} of shape {shown(shape)}), but its data_offsets span {end - start:,}"
            yield InvalidDocument(detail, pointer, "wrong_length")


def _malformed(entry: Any, pointer: str) -> Iterator[ArchitectureError]:
    if not isinstance(entry, dict):
        yield InvalidDocument(
            f"must be an object with dtype, shape and data_offsets, not {shown(entry)}", pointer, "type"
        )
        return
    for member in ("dtype", "shape", "data_offsets"):
        if member not in entry:
            yield InvalidDocument("is required", f"{pointer}/{member}", "required")
    if "data_offsets" in entry and not (isinstance(entry["data_offsets"], list) and len(entry["data_offsets"]) == 2):
        yield InvalidDocument("must be a list of two integers", f"{pointer}/data_offsets", "type")


def _wrong_values(entry: Mapping[str, Any], wrong_shape: str, pointer: str) -> Iterator[ArchitectureError]:
    if wrong_shape:
        yield InvalidDocument(wrong_shape, f"{pointer}/shape", "shape")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in _BITS:
        yield InvalidDocument(dtype_problem(entry["dtype"], _BITS), f"{pointer}/dtype", "unknown_dtype")
    start, end = entry["data_offsets"]
    if not (type(start) is type(end) is int and 0 <= start <= end <= _LARGEST_OFFSET):
        detail = f"must be a start and an end, not {shown([start, end])}"
        yield InvalidDocument(detail, f"{pointer}/data_offsets", "offsets")


def _gaps(spans: list[tuple[int, int, str]], pointer: str) -> Iterator[ArchitectureError]:
    """Tensors lie one after the other from byte 0: an overlap counts bytes twice, a gap hides something."""
    expected, before = 0, ""
    for start, end, name in sorted(spans):
        if start != expected:
            after = f'the end of "{before[:100]}"' if before else "the start"
            kind = "overlaps what is before it" if start < expected else "leaves a gap"
            detail = f"starts at byte {start:,}, but {after} is at {expected:,}: it {kind}"
            yield InvalidDocument(detail, f"{pointer}{token(name)}/data_offsets", "offsets")
        expected, before = max(expected, end), name

"""One header: from bytes, and its entries checked as the safetensors library does (Metadata::validate)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from mmap import mmap
from typing import Annotated, Any

import orjson
from msgspec import Meta, Struct, convert
from msgspec.json import Decoder

from paramcount.formats.named_tensors.checkpoint import (  # fmt: skip
    HIGHEST_RANK,
    MAX_TENSORS,
    STATISTICS,
    Bytes,
    Truncated,
    dtype_problem,
    may_hold_statistics,
    shape_problem,
    stored,
)
from paramcount.model import budget
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import ArchitectureError, InvalidDocument, TooLarge, token
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import MAX_PROBLEMS, shown

METADATA = "__metadata__"

LONGEST = 100_000_000
"""The longest header that the library reads (MAX_HEADER_SIZE)."""

_LARGEST_OFFSET = 2**63

_Size = Annotated[int, Meta(ge=0, le=MAX_DIMENSION)]
_Offset = Annotated[int, Meta(ge=0, le=_LARGEST_OFFSET - 1)]

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


def _written(data: Bytes) -> bytes:
    """The JSON in a file's first bytes. Raises Truncated, InvalidDocument or TooLarge."""
    end = 8 + header_length(data)
    if len(data) < end:
        raise Truncated(len(data), end, "the header")
    raw = data[8:end].strip(b" \t\r\n")
    budget.check_values(raw)
    return raw


def parse(data: Bytes) -> Any:
    """What the JSON in a file's first bytes holds. Raises Truncated, InvalidDocument or TooLarge."""
    raw = _written(data)
    try:
        header = orjson.loads(raw)
        # orjson keeps the last of equal names and says nothing
        if raw.count(b":") != _members(header) and orjson.dumps(header) != raw:
            json.loads(raw, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"has a header that is not JSON: {str(error)[:200]}", code="not_json") from None
    try:
        size = max((entry["data_offsets"][1] for name, entry in header.items() if name != METADATA), default=0)
    except (AttributeError, IndexError, KeyError, TypeError):
        return header  # it is malformed, as read_header will tell
    if isinstance(size, int) and size >= 0:
        _check_length(data, size)
    return header


def _members(header: Any) -> int:
    """How many members a header and its entries have; 0 where it is malformed."""
    if not isinstance(header, dict) or not set(map(type, header.values())) <= {dict}:
        return 0
    return len(header) + sum(map(len, header.values()))


def _check_length(data: Bytes, size: int) -> None:
    """Whether a file, mapped as a whole, or what there is of it can be what its header describes: `size` bytes of
    tensors. Raises InvalidDocument."""
    end = 8 + header_length(data) + size
    if len(data) > end:
        raise InvalidDocument(f"has {len(data) - end:,} bytes after its last tensor", code="file_length")
    if isinstance(data, mmap) and len(data) < end:
        detail = f"is {len(data):,} bytes long, but its header describes {end:,}: the file is not complete"
        raise InvalidDocument(detail, code="file_length")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidDocument(f'names "{twice[:100]}" twice', token(twice), "duplicate_name")
    return found


class _Entry(Struct, gc=False):
    """A tensor of a sound header. What an entry leaves out is as no tensor has it."""

    dtype: str = ""
    shape: Annotated[tuple[_Size, ...], Meta(max_length=HIGHEST_RANK)] | None = None
    data_offsets: tuple[_Offset, _Offset] = (-1, -1)


class _Beside(Struct, rename={"metadata": METADATA}):
    """What a header says beside its tensors."""

    metadata: dict[str, str] | None = None


_ENTRIES, _BESIDE = Decoder(dict[str, _Entry]), Decoder(_Beside)


def header_in(data: Bytes) -> Header:
    """The header in a file's first bytes, with all its problems. Raises Truncated, InvalidDocument or TooLarge."""
    try:
        header = _sound_in(_written(data))
    except (KeyError, TypeError, ValueError, RecursionError):
        return read_header(parse(data))
    _check_length(data, header.size)
    return header


def _sound_in(raw: bytes) -> Header:
    """The header of a sound file by its JSON. Fails, however it may, where something is not as it must be."""
    entries, metadata = _ENTRIES.decode(raw), None
    members = 4 * len(entries)
    if METADATA in entries:
        metadata = _BESIDE.decode(raw).metadata
        members += len(metadata or ()) - 3
    if raw.count(b":") != members or len(entries) > MAX_TENSORS:
        raise ValueError("it is too much, or more stands there than came: of equal names the last comes")
    return _sound(entries, metadata, "")


def read_header(payload: Any, pointer: str = "") -> Header:
    """The header that a JSON object is, with all its problems."""
    header = Header(pointer)
    if not isinstance(payload, dict):
        header.problems.append(InvalidDocument(f"must be an object, not {shown(payload)}", pointer, "type"))
        return header
    if len(payload) > MAX_TENSORS:
        header.problems.append(TooLarge(f"holds {len(payload):,} tensors, where {MAX_TENSORS:,} are the most", pointer))
        return header
    try:
        return _sound(convert(payload, dict[str, _Entry]), convert(payload, _Beside).metadata, pointer)
    except (KeyError, TypeError, ValueError):
        _take_each(header, payload)
    return header


def _sound(entries: dict[str, _Entry], metadata: Mapping[str, str] | None, pointer: str) -> Header:
    """The header of a sound file, of a hundred thousand tensors perhaps. Fails, however it may, where something is not
    as it must be."""
    entries.pop(METADATA, None)
    tensors: dict[str, Tensor] = {}
    kinds: dict[tuple[str, tuple[int, ...] | None, bool], tuple[Tensor, int]] = {}
    statistics = may_hold_statistics(entries)
    size, in_order = 0, True
    for name, entry in entries.items():
        start, end = entry.data_offsets
        kind = entry.dtype, entry.shape, statistics and name.rpartition(".")[2] in STATISTICS
        if (found := kinds.get(kind)) is None:
            if (shape := entry.shape) is None:
                raise ValueError(name)
            found = kinds[kind] = stored(name, shape, entry.dtype), prod(shape) * _BITS[entry.dtype]
        tensors[name], bits = found
        if 8 * (end - start) != bits:
            raise ValueError(name)
        in_order &= start == size
        size = end
    if not in_order:
        at = [0, *chain.from_iterable(sorted(entry.data_offsets for entry in entries.values()))]
        size = at[-1]
        if at[:-1:2] != at[1::2]:
            raise ValueError("they do not lie one after the other")
    return Header(pointer, metadata or {}, tensors, size)


def _take_each(header: Header, payload: Mapping[str, Any]) -> None:
    """Take in what is sound, and find the problems of the rest."""
    spans = []
    for name, entry in payload.items():
        pointer = header.pointer + token(name)
        if name == METADATA:
            header.problems += _metadata_problems(entry, pointer)
        elif problems := list(_entry_problems(entry, pointer)):
            header.problems += problems
            if len(header.problems) >= MAX_PROBLEMS:
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

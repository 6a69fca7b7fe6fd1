"""One header: from bytes, and its entries checked as the safetensors library does (Metadata::validate)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from mmap import mmap
from typing import Any

import orjson

from service import values
from service.errors import ArchitectureError, InvalidDocument, TooLarge, token
from service.formats.stored import HIGHEST_RANK, MOST_TENSORS, Bytes, Truncated, dtype_problem, shape_problem, stored
from service.model import DTYPES, Tensor
from service.signature import LARGEST
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
    spans: list[tuple[int, int, str]] = field(default_factory=list)  # start, end, name
    problems: list[ArchitectureError] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bytes its tensors take."""
        return max((end for _, end, _ in self.spans), default=0)

    def aliases(self, there: Mapping[str, Tensor]) -> Iterator[Tensor]:
        """Names that save_model left out, since they are another tensor: it notes them in the metadata."""
        for name, owner in self.metadata.items():
            if owner in there and name not in there:
                yield there[owner]._replace(name=name, tied_to=owner)


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
        if orjson.dumps(header) != raw:  # orjson keeps the last of equal names and says nothing
            json.loads(raw, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"has a header that is not JSON: {str(error)[:200]}", code="not_json") from None
    check_length(header, end, len(data), whole=isinstance(data, mmap))
    return header


def check_length(header: Any, start: int, length: int, *, whole: bool) -> None:
    """Whether a file of `length` bytes (or, if not `whole`, its first ones) can be what its header describes."""
    try:
        ends = (entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
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
    for name, entry in payload.items():
        if name == "__metadata__":
            header.problems += _metadata_problems(entry, pointer + token(name))
            header.metadata = entry if entry and not header.problems else {}
        elif not _take(name, entry, header):
            header.problems += _entry_problems(entry, pointer + token(name))
            if len(header.problems) >= MOST_PROBLEMS:
                return header
    if not header.problems:
        header.problems += _gaps(header)
    return header


def _metadata_problems(metadata: Any, pointer: str) -> Iterator[ArchitectureError]:
    if not isinstance(metadata, dict | None):
        yield InvalidDocument(f"must be an object, not {shown(metadata)}", pointer, "type")
        return
    for name, value in (metadata or {}).items():
        if not isinstance(value, str):
            yield InvalidDocument(f"must be a string, not {shown(value)}", pointer + token(name), "type")


def _take(name: str, entry: Any, header: Header) -> bool:
    """Take one tensor in, if it is as it must be. There may be a hundred thousand."""
    try:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        takes = _BITS[dtype]
    except (TypeError, KeyError, ValueError):
        return False
    if type(shape) is not list or len(shape) > HIGHEST_RANK:
        return False
    for size in shape:
        if type(size) is not int or not 0 <= size <= LARGEST:
            return False
        takes *= size
    if type(start) is not int or type(end) is not int or not 0 <= start <= end <= _LARGEST_OFFSET:
        return False
    if takes != 8 * (end - start):
        return False
    header.tensors[name] = stored(name, tuple(shape), dtype)
    header.spans.append((start, end, name))
    return True


def _entry_problems(entry: Any, pointer: str) -> Iterator[ArchitectureError]:
    """What is wrong with a tensor that was not taken in."""
    if malformed := list(_malformed(entry, pointer)):
        yield from malformed
    elif wrong := list(_wrong_values(entry, shape_problem(entry["shape"]), pointer)):
        yield from wrong
    else:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        takes = prod(shape) * _BITS[dtype]
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


def _gaps(header: Header) -> Iterator[ArchitectureError]:
    """Tensors lie one after the other from byte 0: an overlap counts bytes twice, a gap hides something."""
    expected, before = 0, ""
    for start, end, name in sorted(header.spans):
        if start != expected:
            after = f'the end of "{before[:100]}"' if before else "the start"
            kind = "overlaps what is before it" if start < expected else "leaves a gap"
            detail = f"starts at byte {start:,}, but {after} is at {expected:,}: it {kind}"
            yield InvalidDocument(detail, f"{header.pointer}{token(name)}/data_offsets", "offsets")
        expected, before = max(expected, end), name

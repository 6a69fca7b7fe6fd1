"""One header: its JSON, and `parse_valid`, which accepts what the safetensors library accepts (Metadata::validate)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from mmap import mmap
from typing import Annotated, Any

import orjson
from msgspec import Meta, Struct, convert
from msgspec.json import Decoder

from paramcount.formats import unique_names
from paramcount.formats.named_tensors.checkpoint import (
    MAX_TENSORS,
    STATISTIC_NAMES,
    Bytes,
    checkpoint_tensor,
    may_hold_statistics,
)
from paramcount.formats.partial_file import PartialFile
from paramcount.model import budget
from paramcount.model.dtypes import DTYPES
from paramcount.model.errors import Incomplete, InvalidDocument, Problems
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import MAX_DIMENSION, MAX_RANK

METADATA = "__metadata__"

MAX_HEADER_BYTES = 100_000_000
"""The longest header that the library reads (MAX_HEADER_SIZE)."""

MAX_OFFSET_BYTES = 2**63 - 1

DTYPE_BITS = {
    name: int(DTYPES[name]) for name in (
     "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
     "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64")
}  # fmt: skip
"""Bits of an element, by the library's name for its type."""

_Size = Annotated[int, Meta(ge=0, le=MAX_DIMENSION)]
_Offset = Annotated[int, Meta(ge=0, le=MAX_OFFSET_BYTES)]


class _Entry(Struct, gc=False):
    """A tensor's entry. The defaults mark missing members; no tensor has them.

    The metadata is decoded as an entry too, and its values may have these names: hence the strings.
    """

    dtype: str = ""
    shape: Annotated[tuple[_Size, ...], Meta(max_length=MAX_RANK)] | str = ""
    data_offsets: tuple[_Offset, _Offset] | str = ""


class _MetadataOnly(Struct, rename={"metadata": METADATA}):
    metadata: dict[str, str] | None = None


_Entries = dict[str, Any]  # an _Entry, or None
_ENTRIES_DECODER, _METADATA_DECODER = Decoder(dict[str, _Entry | None]), Decoder(_MetadataOnly)


@dataclass
class Header:
    """The tensors of one file, the strings stored beside them, and how many bytes the tensors take."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    kinds: Collection[Tensor] = ()  # the distinct tensors

    def aliases(self, stored: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """Yield the names that `save_model` left out, since each is another tensor: the metadata lists them."""
        for name, owner in self.metadata.items():
            if owner in stored and name not in stored:
                yield name, stored[owner]._replace(tied_to=owner)


def parse_valid(source: bytes | Mapping[str, Any]) -> Header:
    """Return the header that JSON holds, in bytes or decoded. The only function that accepts one.

    Raises ValueError for any header that is not valid, and does not say why: `explain` does.
    """
    try:
        entries, metadata = _decode_bytes(source) if isinstance(source, bytes) else _convert(source)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    entries.pop(METADATA, None)
    try:
        return _check_entries(entries, metadata)
    except (AttributeError, TypeError):  # checking each entry for these would cost 4 percent
        raise ValueError("an entry is null, or its data_offsets are a string") from None


def _decode_bytes(raw: bytes) -> tuple[_Entries, Mapping[str, str]]:
    entries, metadata = _ENTRIES_DECODER.decode(raw), None
    members = 4 * len(entries)
    if METADATA in entries:
        metadata = _METADATA_DECODER.decode(raw).metadata
        members += len(metadata or ()) - 3
    if len(entries) > MAX_TENSORS:
        raise ValueError("it holds too many tensors")
    if raw.count(b":") != members:  # a colon is in a string, or a name was not decoded
        _check_names(raw)
    return entries, metadata or {}


def _check_names(raw: bytes) -> None:
    """Refuse JSON in which an object has a name twice. Raises ValueError."""
    try:
        unique_names.check(raw, orjson.loads(raw))
    except Problems:
        raise ValueError("it has a name twice") from None


def _convert(payload: Mapping[str, Any]) -> tuple[_Entries, Mapping[str, str]]:
    if len(payload) > MAX_TENSORS:
        raise ValueError("it holds too many tensors")
    return convert(payload, dict[str, _Entry | None]), convert(payload.get(METADATA), dict[str, str] | None) or {}


def _check_entries(entries: _Entries, metadata: Mapping[str, str]) -> Header:
    """Return the header of decoded entries, perhaps 100,000. Raises ValueError."""
    tensors: dict[str, Tensor] = {}
    kinds: dict[object, tuple[Tensor, int]] = {}  # equal tensors are one object
    statistics = may_hold_statistics(entries)
    size, in_order = 0, True
    for name, entry in entries.items():
        kind = entry.dtype, entry.shape, statistics and name.rpartition(".")[2] in STATISTIC_NAMES
        if (tensor_and_bits := kinds.get(kind)) is None:
            tensor_and_bits = kinds[kind] = _tensor(name, entry)
        tensors[name], bits = tensor_and_bits
        start, end = entry.data_offsets
        if 8 * (end - start) != bits:
            raise ValueError(name)
        in_order &= start == size
        size = end
    if not in_order:
        bounds: list[Any] = [0, *chain.from_iterable(sorted(entry.data_offsets for entry in entries.values()))]
        size = bounds[-1]
        if bounds[:-1:2] != bounds[1::2]:
            raise ValueError("the tensors do not lie one after the other")
    return Header(tensors, metadata, size, [tensor for tensor, _ in kinds.values()])


def _tensor(name: str, entry: _Entry) -> tuple[Tensor, int]:
    """Return the tensor that an entry describes, and its bits."""
    if isinstance(entry.shape, str) or entry.dtype not in DTYPE_BITS:
        raise ValueError(name)
    return checkpoint_tensor(name, entry.shape, entry.dtype), prod(entry.shape) * DTYPE_BITS[entry.dtype]


def header_length(data: Bytes) -> int:
    """Return the length of the header in bytes, which the first 8 of a file say."""
    if len(data) < 8:
        raise Incomplete(len(data), 8, "the length of the header")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise InvalidDocument(
            f"is no safetensors file: it claims a header of {length:,} bytes, where {MAX_HEADER_BYTES:,} are the most",
            code="header_length",
        )
    return length


def header_json(data: Bytes) -> bytes:
    """Return the JSON in a file's first bytes. Raises Incomplete, InvalidDocument or TooLarge."""
    end = 8 + header_length(data)
    if len(data) < end:
        raise Incomplete(len(data), end, "the header")
    raw = data[8:end].strip(b" \t\r\n")
    budget.check_values(raw)
    return raw


def check_length(data: Bytes, size: int) -> None:
    """Refuse a file, whole if it is mapped, whose header describes another length: `size` bytes of tensors."""
    end = 8 + header_length(data) + size
    if len(data) > end:
        raise InvalidDocument(f"has {len(data) - end:,} bytes after its last tensor", code="file_length")
    if isinstance(data, mmap | PartialFile) and len(data) < end:
        detail = f"is {len(data):,} bytes long, but its header describes {end:,}: the file is not complete"
        raise InvalidDocument(detail, code="file_length")


def decode_file(data: Bytes) -> Any:
    """Return the header in a file's first bytes as plain values, checked against the file's length only."""
    header = decode(header_json(data))
    try:
        size = max((entry["data_offsets"][1] for name, entry in header.items() if name != METADATA), default=0)
    except (AttributeError, IndexError, KeyError, TypeError):
        return header  # it is no valid header, as its reader will say
    if isinstance(size, int) and size >= 0:
        check_length(data, size)
    return header


def decode(raw: bytes) -> Any:
    """Return the value of a header's JSON. Raises InvalidDocument if it is no JSON, Problems if it has a name twice."""
    try:
        value = orjson.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"has a header that is not JSON: {str(error)[:200]}", code="not_json") from None
    unique_names.check(raw, value)
    return value

"""gguf: the first bytes of a GGUF file, up to the end of its tensors' descriptions; as gguf.cpp of llama.cpp reads it.

The `gguf` package is not used: it needs numpy and the whole file.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from mmap import mmap
from struct import Struct, pack
from struct import error as StructError  # noqa: N812 # it is a class
from typing import Any

from paramcount.formats.named_tensors.checkpoint import (
    INTEGER_DTYPES,
    MAX_TENSORS,
    Bytes,
    count_elements,
    explain_shape,
)
from paramcount.formats.named_tensors.roles import find_roles
from paramcount.formats.named_tensors.tree import build_tree
from paramcount.formats.partial_file import PartialFile
from paramcount.formats.signatures import file_kind
from paramcount.model.document import Document
from paramcount.model.dtypes import BLOCKS, DTYPES
from paramcount.model.errors import Incomplete, InvalidDocument, TooLarge, token
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

_TYPES: Mapping[int, str] = {
    **dict(enumerate(("F32", "F16", "Q4_0", "Q4_1"))),
    **dict(enumerate(("Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K"), 6)),
    **dict(enumerate(("IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS"), 16)),
    **dict(enumerate(("I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16"), 24)),
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
    40: "NVFP4",
    41: "Q1_0",
}
"""Dtypes by ggml_type (ggml.h); the numbers between are no longer used."""

_SCALARS: Mapping[int, str] = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
"""struct's format characters by gguf_type."""
_STRING, _ARRAY = 8, 9

_LIKELY_BYTES = 16 * 2**20
"""The length of most vocabularies with what follows: what is asked for of a file that is there in part."""

_MAX_AXES = 4
"""GGML_MAX_DIMS."""
_MAX_STRING_BYTES = 2**30
_MAX_ARRAY_DEPTH = 8

_COMPUTED = frozenset(("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"))
"""Tensors that the conversion to GGUF computes: they were never trained."""

_EXAMPLE = (  # version 3, one tensor, no metadata: output.weight, F16 of 4 columns and 2 rows, at byte 0 of the data
    b"GGUF" + pack("<IQQ", 3, 1, 0) + pack("<Q13sIQQIQ", 13, b"output.weight", 2, 4, 2, 1, 0)
)


@dataclass
class File:
    """The metadata of a file (scalars and strings), its tensors, and its length."""

    version: int
    metadata: dict[str, Any] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)
    described: int = 0  # bytes up to the end of the tensors' descriptions
    size: int = 0  # bytes of the whole file


def _claims(payload: Any) -> bool:
    if isinstance(payload, dict):
        payload = next(iter(dict.values(payload)), None)  # undecoded: JSON holds no file
    return file_kind(payload) == "gguf"


@reader(
    "gguf",
    claims=_claims,
    schema=None,
    example=_EXAMPLE,
    media="application/octet-stream",
)
def gguf(payload: Any) -> Document:
    """A GGUF file of version 2 or 3, or its first bytes up to the tensors' data.

    Either byte order.
    A model that is split: its files by name, in a Python mapping.

    Elements are counted, not blocks. Shapes are as torch has them: the reverse of GGUF's order.
    """
    shards = {"": payload} if isinstance(payload, Bytes) else payload
    if not isinstance(shards, Mapping) or not shards or not all(isinstance(shard, Bytes) for shard in shards.values()):
        raise InvalidDocument(f"must be the first bytes of a file, not {format_value(payload)}")
    files = [read_file(shard) for shard in shards.values()]
    tensors = {tensor.name: tensor for file in files for tensor in file.tensors}
    if len(tensors) < sum(len(file.tensors) for file in files):
        raise InvalidDocument("has tensors that are in two of its files", code="duplicate_name")
    name = files[0].metadata.get("general.name")
    root = build_tree(tensors, name if isinstance(name, str) else "")
    roles = find_roles(tensors, root, lambda: _count_visited_experts(files))
    return Document(root, "stored", warnings=tuple(_warnings(files, tensors)), roles=roles)


def _count_visited_experts(files: list[File]) -> int | None:
    """Return the number of experts that one token visits, as the metadata states it."""
    visited = files[0].metadata.get(f"{files[0].metadata.get('general.architecture')}.expert_used_count")
    return visited if type(visited) is int else None


def _warnings(files: list[File], tensors: Mapping[str, Tensor]) -> Iterator[ReportWarning]:
    count = max((n for file in files if type(n := file.metadata.get("split.count")) is int), default=1)
    if count > len(files):
        detail = f"{count - len(files)} of the {count} files of this model are not here, and not counted"
        yield ReportWarning("missing_shard", "", detail, exact=False)
    elif {"token_embd.weight", "output_norm.weight"} <= tensors.keys() and "output.weight" not in tensors:
        yield ReportWarning(
            "tied_output", "", "has no output.weight: token_embd.weight serves as it, and is counted once"
        )
    quantised = count_elements(tensor for tensor in tensors.values() if tensor.dtype in BLOCKS)
    detail = "a GGUF file does not say what trains: weights of a floating type count as trainable"
    if quantised:
        detail += f", {quantised:,} of quantised types as frozen"
    yield ReportWarning("flags_not_stored", "", detail)


def read_file(data: Bytes) -> File:
    """Return the file that its first bytes describe. Raises Incomplete if they are too few, or InvalidDocument."""
    if not isinstance(data, PartialFile):
        return _read_head(data)
    while True:
        head = data.head()
        try:
            file = _read_head(head)
        except Incomplete as error:
            end = max(error.needs["last"] + 1, len(head) + 1)
            if end > data.size:
                raise
            data.complete(len(head), end, "the metadata and the tensors' descriptions", _LIKELY_BYTES)
        else:
            return _check_size(file, data)


def _read_head(data: bytes | mmap) -> File:
    """Return the file that bytes without a gap describe."""
    if data[:4] != b"GGUF"[: len(data)]:
        raise InvalidDocument("is no GGUF file: it does not begin with GGUF", code="magic")
    cursor = _Cursor(data)
    version = cursor.read_number("I", "the version")
    if version & 0xFFFF == 0:  # written on a machine of the other byte order
        cursor = _Cursor(data, ">")
        version = cursor.read_number("I", "the version")
    if version not in (2, 3):
        raise InvalidDocument(f"is of GGUF version {version}, which llama.cpp does not read either", code="version")
    count, pairs = cursor.read_number("Q", "the number of tensors"), cursor.read_number("Q", "the number of metadata")
    file = File(version)
    for _ in range(pairs):
        key = cursor.read_string("the metadata")
        if key in file.metadata:
            raise InvalidDocument(f'has the metadata "{key[:100]}" twice', code="duplicate_name")
        file.metadata[key] = cursor.read_value(cursor.read_number("I", "the metadata"))
    _read_tensors(cursor, count, file)
    return _check_size(file, data) if isinstance(data, mmap) else file


def _check_size(file: File, data: Bytes) -> File:
    """Return a file that is as long as it describes. Raises InvalidDocument."""
    if len(data) < file.size:
        detail = f"is {len(data):,} bytes long, but describes {file.size:,}: the file is not complete"
        raise InvalidDocument(detail, code="file_length")
    return file


def _read_tensors(cursor: _Cursor, count: int, file: File) -> None:
    """Read all tensors' descriptions; each tensor must lie where the one before it ends, as gguf.cpp demands."""
    alignment = file.metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
        raise InvalidDocument(
            f"general.alignment must be a power of two, not {format_value(alignment)}", code="alignment"
        )
    if count > MAX_TENSORS:
        raise TooLarge(f"holds {count:,} tensors, where {MAX_TENSORS:,} are the most")
    names: set[str] = set()
    expected = 0
    for _ in range(count):
        tensor, offset = _read_tensor(cursor, names)
        names.add(tensor.name)
        file.tensors.append(tensor)
        if offset != expected:
            detail = f"lies at byte {offset:,} of the data, not {expected:,}"
            raise InvalidDocument(detail, token(tensor.name), "offsets")
        expected += -(-(tensor.size * DTYPES[tensor.dtype] // 8) // alignment) * alignment
    file.described = cursor.offset
    file.size = -(-cursor.offset // alignment) * alignment + int(expected)


def _read_tensor(cursor: _Cursor, names: Container[str]) -> tuple[Tensor, int]:
    """Read one tensor's description; return the tensor, and its offset in the data, in bytes."""
    part = "the tensors' descriptions"
    name = cursor.read_string(part)
    rank = cursor.read_number("I", part)
    if rank > _MAX_AXES:
        raise InvalidDocument(f"must have at most {_MAX_AXES} dimensions, not {rank}", token(name), "shape")
    dimensions = tuple(cursor.read_number("Q", part) for _ in range(rank))
    type_number = cursor.read_number("I", part)
    offset = cursor.read_number("Q", part)
    if problem := _explain_tensor(dimensions, type_number) or ("is described twice" if name in names else ""):
        raise InvalidDocument(problem, token(name), "tensor")
    return _tensor(name, dimensions, _TYPES[type_number]), offset


def _explain_tensor(dimensions: tuple[int, ...], type_number: int) -> str:
    """Return the problem of a tensor's dimensions and ggml_type, or ''."""
    if type_number not in _TYPES:
        return f"is of type {type_number}, which is none of ggml's (it may have been given up)"
    block, _ = BLOCKS.get(_TYPES[type_number], (1, 0))
    row = dimensions[0] if dimensions else 1
    if row % block:
        return f"has {row} elements a row, which are no whole blocks of {block} ({_TYPES[type_number]})"
    return explain_shape(dimensions)


def _tensor(name: str, dimensions: tuple[int, ...], dtype: str) -> Tensor:
    """Return the tensor, its shape in torch's order; a type that is quantised by blocks does not train."""
    buffer = dtype in INTEGER_DTYPES or name in _COMPUTED
    return Tensor(name, dimensions[::-1], "buffer" if buffer else "weight", dtype, trainable=dtype not in BLOCKS)


class _Cursor:
    """Reads values one after the other, from byte 4 on. `order` is struct's byte order; `part` names what is read."""

    def __init__(self, data: bytes | mmap, order: str = "<") -> None:
        self.data, self.offset = data, 4
        self._structs = {code: Struct(order + code) for code in "BbHhIif?Qqd"}

    def read_number(self, code: str, part: str) -> Any:
        """Return the next number, of the type that struct calls `code`."""
        layout = self._structs[code]
        try:
            (value,) = layout.unpack_from(self.data, self.offset)
        except StructError:
            raise Incomplete(len(self.data), self.offset + layout.size, part) from None
        self.offset += layout.size
        return value

    def skip(self, length: int, part: str) -> None:
        """Pass over `length` bytes."""
        if self.offset + length > len(self.data):
            raise Incomplete(len(self.data), self.offset + length, part)
        self.offset += length

    def read_string(self, part: str) -> str:
        """Return the next string: its length, then UTF-8."""
        length = self.read_number("Q", part)
        if length > _MAX_STRING_BYTES:
            raise InvalidDocument(f"has a string of {length:,} bytes within {part}", code="too_long")
        start = self.offset
        self.skip(length, part)
        try:
            return self.data[start : self.offset].decode()
        except UnicodeDecodeError as error:
            detail = f"has a string within {part} that is not UTF-8, at byte {start + error.start:,}"
            raise InvalidDocument(detail, code="not_utf8") from None

    def read_value(self, type_number: int, depth: int = 0) -> Any:
        """Return the next metadata value, of that gguf_type; None for an array, which is passed over."""
        if type_number == _STRING:
            return self.read_string("the metadata")
        if type_number in _SCALARS:
            return self.read_number(_SCALARS[type_number], "the metadata")
        if type_number != _ARRAY or depth > _MAX_ARRAY_DEPTH:
            detail = f"has metadata of type {type_number}, which GGUF does not have here"
            raise InvalidDocument(detail, code="metadata_type")
        item_type, count = self.read_number("I", "the metadata"), self.read_number("Q", "the metadata")
        if item_type in _SCALARS:
            self.skip(count * self._structs[_SCALARS[item_type]].size, "the metadata")
        elif item_type == _STRING:
            self._skip_strings(count)
        else:
            for _ in range(count):
                self.read_value(item_type, depth + 1)
        return None

    def _skip_strings(self, count: int) -> None:
        """Pass over strings: a vocabulary has some 100,000."""
        unpack, data, offset = self._structs["Q"].unpack_from, self.data, self.offset
        for _ in range(count):
            try:
                (length,) = unpack(data, offset)
            except (StructError, OverflowError):
                raise Incomplete(len(data), offset + 8, "the metadata") from None
            offset += 8 + length
        self.offset = offset
        self.skip(0, "the metadata")

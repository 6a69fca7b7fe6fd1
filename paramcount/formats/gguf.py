"""gguf: the first bytes of a GGUF file, up to the end of its tensors' descriptions; as gguf.cpp of llama.cpp reads it.

A small reader of our own: the `gguf` package maps a file and needs numpy, and we have the first bytes of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from mmap import mmap
from struct import Struct, error, pack
from typing import Any

from paramcount.formats.named_tensors.checkpoint import (
    INTEGERS,
    MAX_TENSORS,
    Bytes,
    Truncated,
    elements,
    refuse,
    shape_problem,
)
from paramcount.formats.named_tensors.tree import tree
from paramcount.model.document import Document
from paramcount.model.dtypes import BLOCKS, DTYPES
from paramcount.model.errors import ArchitectureError, InvalidDocument, TooLarge, token
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import reader
from paramcount.schema.validator import shown

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
"""ggml_type by number (ggml.h); those between were given up."""

_SCALARS: Mapping[int, str] = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
"""gguf_type by number, as struct writes it."""
_STRING, _ARRAY = 8, 9

_MOST_DIMENSIONS = 4
_LONGEST_STRING = 2**30
_DEEPEST_ARRAY = 8

_COMPUTED = frozenset(("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"))
"""Tensors that the conversion computes: nobody trained them."""


_EXAMPLE = (  # version 3, one tensor, no metadata: output.weight, F16 of 4 columns and 2 rows, at byte 0 of the data
    b"GGUF" + pack("<IQQ", 3, 1, 0) + pack("<Q13sIQQIQ", 13, b"output.weight", 2, 4, 2, 1, 0)
)


@dataclass
class File:
    """What the first bytes of a file say: its metadata (scalars and strings), its tensors, how long it is."""

    version: int
    metadata: dict[str, Any] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)
    described: int = 0  # the bytes that this took
    size: int = 0  # the bytes of the whole file


def _claims(payload: Any) -> bool:
    if isinstance(payload, dict):
        payload = next(iter(payload.values()), None)
    return isinstance(payload, Bytes) and payload[:4] == b"GGUF"


@reader(
    "gguf",
    claims=_claims,
    schema=None,
    example=_EXAMPLE,
    media="application/octet-stream",
)
def gguf(payload: Any) -> Document:
    """A GGUF file (version 2 or 3, either byte order), of which the first bytes, up to the tensors' data, are enough.
    A model that is split: its files by name, in a Python mapping.

    Elements are counted, not blocks. Shapes are as torch has them: the reverse of GGUF's order.
    """
    shards = {"": payload} if isinstance(payload, Bytes) else payload
    if not isinstance(shards, Mapping) or not shards or not all(isinstance(shard, Bytes) for shard in shards.values()):
        raise InvalidDocument(f"must be the first bytes of a file, not {shown(payload)}")
    files = [read_file(shard) for shard in shards.values()]
    tensors = {tensor.name: tensor for file in files for tensor in file.tensors}
    if len(tensors) < sum(len(file.tensors) for file in files):
        raise InvalidDocument("has tensors that are in two of its files", code="duplicate_name")
    name = files[0].metadata.get("general.name")
    root = tree(tensors, name if isinstance(name, str) else "")
    return Document(root, "stored", warnings=tuple(_warnings(files, tensors)))


def _warnings(files: list[File], tensors: Mapping[str, Tensor]) -> Iterator[ReportWarning]:
    count = max((n for file in files if type(n := file.metadata.get("split.count")) is int), default=1)
    if count > len(files):
        detail = f"{count - len(files)} of the {count} files of this model are not here, and not counted"
        yield ReportWarning("missing_shard", "", detail, exact=False)
    elif {"token_embd.weight", "output_norm.weight"} <= tensors.keys() and "output.weight" not in tensors:
        yield ReportWarning(
            "tied_output", "", "has no output.weight: token_embd.weight serves as it, and is counted once"
        )
    quantised = elements(tensor for tensor in tensors.values() if tensor.dtype in BLOCKS)
    detail = "a GGUF file does not say what trains: weights of a floating type count as trainable"
    if quantised:
        detail += f", {quantised:,} of quantised types as frozen"
    yield ReportWarning("flags_not_stored", "", detail)


def read_file(data: Bytes) -> File:
    """What the first bytes of a file say. Raises Truncated where they are too few, or Problems."""
    if data[:4] != b"GGUF"[: len(data)]:
        raise InvalidDocument("is no GGUF file: it does not begin with GGUF", code="magic")
    cursor = _Cursor(data)
    version = cursor.number("I", "the version")
    if version & 0xFFFF == 0:  # written on a machine of the other byte order
        cursor = _Cursor(data, ">")
        version = cursor.number("I", "the version")
    if version not in (2, 3):
        raise InvalidDocument(f"is of GGUF version {version}, which llama.cpp does not read either", code="version")
    count, pairs = cursor.number("Q", "the number of tensors"), cursor.number("Q", "the number of metadata")
    file = File(version)
    for _ in range(pairs):
        key = cursor.string("the metadata")
        if key in file.metadata:
            raise InvalidDocument(f'has the metadata "{key[:100]}" twice', code="duplicate_name")
        file.metadata[key] = cursor.value(cursor.number("I", "the metadata"))
    refuse(_tensors(cursor, count, file))
    if isinstance(data, mmap) and len(data) < file.size:
        detail = f"is {len(data):,} bytes long, but describes {file.size:,}: the file is not complete"
        raise InvalidDocument(detail, code="file_length")
    return file


def _tensors(cursor: _Cursor, count: int, file: File) -> Iterator[ArchitectureError]:
    """Read the descriptions of all tensors; each must lie where the one before it ends, as gguf.cpp demands."""
    alignment = file.metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
        yield InvalidDocument(f"general.alignment must be a power of two, not {shown(alignment)}", code="alignment")
        return
    if count > MAX_TENSORS:
        raise TooLarge(f"holds {count:,} tensors, where {MAX_TENSORS:,} are the most")
    names: set[str] = set()
    expected = 0
    for _ in range(count):
        name = cursor.string("the tensors' descriptions")
        rank = cursor.number("I", "the tensors' descriptions")
        if rank > _MOST_DIMENSIONS:
            detail = f"must have at most {_MOST_DIMENSIONS} dimensions, not {rank}"
            yield InvalidDocument(detail, token(name), "shape")
            return
        dimensions = tuple(cursor.number("Q", "the tensors' descriptions") for _ in range(rank))
        kind = cursor.number("I", "the tensors' descriptions")
        offset = cursor.number("Q", "the tensors' descriptions")
        problem = _problem(dimensions, kind) or ("is described twice" if name in names else "")
        if problem:
            yield InvalidDocument(problem, token(name), "tensor")
            return
        names.add(name)
        tensor = _tensor(name, dimensions, _TYPES[kind])
        file.tensors.append(tensor)
        if offset != expected:
            yield InvalidDocument(f"lies at byte {offset:,} of the data, not {expected:,}", token(name), "offsets")
            return
        expected += -(-(tensor.size * DTYPES[tensor.dtype] // 8) // alignment) * alignment
    file.described = cursor.at
    file.size = -(-cursor.at // alignment) * alignment + int(expected)


def _problem(dimensions: tuple[int, ...], kind: int) -> str:
    if kind not in _TYPES:
        return f"is of type {kind}, which is none of ggml's (it may have been given up)"
    block, _ = BLOCKS.get(_TYPES[kind], (1, 0))
    row = dimensions[0] if dimensions else 1
    if row % block:
        return f"has {row} elements a row, which are no whole blocks of {block} ({_TYPES[kind]})"
    return shape_problem(dimensions)


def _tensor(name: str, dimensions: tuple[int, ...], dtype: str) -> Tensor:
    """A tensor with its shape in torch's order; what is quantised by blocks does not train."""
    buffer = dtype in INTEGERS or name in _COMPUTED
    return Tensor(name, dimensions[::-1], "buffer" if buffer else "weight", dtype, dtype not in BLOCKS)


class _Cursor:
    """Reads on from where it stands."""

    def __init__(self, data: Bytes, order: str = "<") -> None:
        self.data, self.order, self.at = data, order, 4
        self._structs = {code: Struct(order + code) for code in "BbHhIif?Qqd"}

    def number(self, code: str, what: str) -> Any:
        """The next number, of the type that `code` is to struct."""
        found = self._structs[code]
        try:
            (value,) = found.unpack_from(self.data, self.at)
        except error:
            raise Truncated(len(self.data), self.at + found.size, what) from None
        self.at += found.size
        return value

    def skip(self, length: int, what: str) -> None:
        if self.at + length > len(self.data):
            raise Truncated(len(self.data), self.at + length, what)
        self.at += length

    def string(self, what: str) -> str:
        """The next string: its length, then UTF-8."""
        length = self.number("Q", what)
        if length > _LONGEST_STRING:
            raise InvalidDocument(f"has a string of {length:,} bytes within {what}", code="too_long")
        start = self.at
        self.skip(length, what)
        try:
            return self.data[start : self.at].decode()
        except UnicodeDecodeError as wrong:
            detail = f"has a string within {what} that is not UTF-8, at byte {start + wrong.start:,}"
            raise InvalidDocument(detail, code="not_utf8") from None

    def value(self, kind: int, depth: int = 0) -> Any:
        """The next value; an array is passed over, and comes out as None."""
        if kind == _STRING:
            return self.string("the metadata")
        if kind in _SCALARS:
            return self.number(_SCALARS[kind], "the metadata")
        if kind != _ARRAY or depth > _DEEPEST_ARRAY:
            raise InvalidDocument(f"has metadata of type {kind}, which GGUF does not have here", code="metadata_type")
        inner, count = self.number("I", "the metadata"), self.number("Q", "the metadata")
        if inner in _SCALARS:
            self.skip(count * self._structs[_SCALARS[inner]].size, "the metadata")
        elif inner == _STRING:
            self._skip_strings(count)
        else:
            for _ in range(count):
                self.value(inner, depth + 1)
        return None

    def _skip_strings(self, count: int) -> None:
        """Pass over strings: a vocabulary has some 100,000."""
        unpack, data, at = self._structs["Q"].unpack_from, self.data, self.at
        for _ in range(count):
            try:
                (length,) = unpack(data, at)
            except (error, OverflowError):
                raise Truncated(len(data), at + 8, "the metadata") from None
            at += 8 + length
        self.at = at
        self.skip(0, "the metadata")

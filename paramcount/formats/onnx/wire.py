"""The wire format of protocol buffers: the fields of a message, found without copying their bytes, and bounded.

The `onnx` package is not used: it needs numpy and protobuf, and copies every weight to parse a file.
Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from paramcount.formats.named_tensors.checkpoint import Bytes
from paramcount.model.errors import Incomplete, InvalidDocument, TooLarge

_MAX_FIELDS = 2_500_000
"""The most fields that are read of a file; a graph of 100,000 nodes has some 1,300,000."""

_MAX_FIELD_NUMBER = 2**29 - 1
_VARINT, _FIXED64, _MESSAGE, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


class Field(NamedTuple):
    """One field of a message: an integer, or bytes from `value` to `end` of the file."""

    number: int
    value: int
    end: int  # 0 for an integer


class Wire:
    """The bytes of a file, read as messages; all its readings together are bounded by _MAX_FIELDS."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.fields_left = _MAX_FIELDS

    def read_fields(self, start: int, end: int) -> Iterator[Field]:
        """Yield the fields of the message in bytes `start` to `end`."""
        offset, data = start, self.data
        while offset < end:
            self._count_field()
            key = data[offset]
            if key < 0x80:
                offset += 1
            else:
                key, offset = self._varint(offset, end)
            number, kind = key >> 3, key & 7
            if not 0 < number <= _MAX_FIELD_NUMBER:
                raise InvalidDocument(
                    f"is no ONNX file: there is no number of a field before byte {offset:,}", code="wire"
                )
            if kind == _VARINT:
                value, offset = self._varint(offset, end)
                yield Field(number, value, 0)
                continue
            if kind == _MESSAGE:
                if offset < end and (length := data[offset]) < 0x80:
                    offset += 1
                else:
                    length, offset = self._varint(offset, end)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise InvalidDocument(f"is no ONNX file: at byte {offset:,} is what no message has", code="wire")
            if offset + length > end:
                self._check(offset + length, end)
            yield Field(number, offset, offset + length)
            offset += length

    def read_integers(self, field: Field) -> Iterator[int]:
        """Yield the 64-bit integers of a repeated field: one, or several if it is packed."""
        if not field.end:
            yield _to_signed(field.value)
        offset = field.value if field.end else 0
        while offset < field.end:
            self._count_field()
            value, offset = self._varint(offset, field.end)
            yield _to_signed(value)

    def read_text(self, field: Field) -> str:
        """Return the string in a field."""
        if not field.end:
            raise InvalidDocument("is no ONNX file: a number stands where a name must", code="wire")
        try:
            return self.data[field.value : field.end].decode()
        except UnicodeDecodeError as error:
            offset = field.value + error.start
            raise InvalidDocument(f"has a name that is not UTF-8, at byte {offset:,}", code="not_utf8") from None

    def measure(self, field: Field) -> int:
        """Return the length of a field in bytes; 0 for an integer."""
        return field.end - field.value if field.end else 0

    def _count_field(self) -> None:
        self.fields_left -= 1
        if self.fields_left < 0:
            raise TooLarge(f"has more than {_MAX_FIELDS:,} fields")

    def _varint(self, offset: int, end: int) -> tuple[int, int]:
        """Return the integer at `offset`, and the offset after it."""
        value = shift = 0
        while True:
            if offset >= end:
                self._check(offset + 1, end)
            byte = self.data[offset]
            offset += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, offset
            shift += 7
            if shift >= 7 * _MAX_VARINT_BYTES:
                raise InvalidDocument(f"is no ONNX file: there is no integer at byte {offset:,}", code="wire")

    def _check(self, needed: int, end: int) -> None:
        """Refuse a field that needs the bytes up to `needed` of a message that ends at `end`."""
        if needed <= end:
            return
        if needed > len(self.data):
            raise Incomplete(len(self.data), needed, "a message")
        raise InvalidDocument(f"is no ONNX file: a message ends at byte {end:,}, within one of its fields", code="wire")


def _to_signed(value: int) -> int:
    """Return the 64-bit integer of which `value` is the two's complement."""
    return value - (1 << 64) if value >= 1 << 63 else value

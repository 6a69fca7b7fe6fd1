"""The wire format of protocol buffers, as far as finding fields in a file needs it: nothing is copied, all is bounded.

A reader of our own, of one page: the `onnx` package needs numpy and protobuf, and copies every weight to parse a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from paramcount.formats.named_tensors.checkpoint import Bytes, Truncated
from paramcount.model.errors import InvalidDocument, TooLarge

_MOST_FIELDS = 2_500_000
"""The most fields that are read of a file; a graph of 100,000 nodes has some 1,300,000."""

_LARGEST_NUMBER = 2**29 - 1
_VARINT, _FIXED64, _MESSAGE, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class Field(NamedTuple):
    """One field: its number, and its integer value, or where its bytes stand (integers have no `end`)."""

    number: int
    value: int  # of bytes: where they begin
    end: int


class Wire:
    """The bytes of a file, read as messages."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.left = _MOST_FIELDS

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message that stands from `start` to `end`."""
        at, data = start, self.data
        while at < end:
            self._spend()
            key = data[at]
            if key < 0x80:
                at += 1
            else:
                key, at = self._varint(at, end)
            number, kind = key >> 3, key & 7
            if not 0 < number <= _LARGEST_NUMBER:
                raise InvalidDocument(f"is no ONNX file: before byte {at:,} stands no number of a field", code="wire")
            if kind == _VARINT:
                value, at = self._varint(at, end)
                yield Field(number, value, 0)
                continue
            if kind == _MESSAGE:
                if at < end and (length := data[at]) < 0x80:
                    at += 1
                else:
                    length, at = self._varint(at, end)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise InvalidDocument(f"is no ONNX file: at byte {at:,} stands what no message has", code="wire")
            if at + length > end:
                self._check(at + length, end)
            yield Field(number, at, at + length)
            at += length

    def integers(self, field: Field) -> Iterator[int]:
        """The 64-bit integers of a repeated field: one, or, packed, several."""
        if not field.end:
            yield _signed(field.value)
        at = field.value if field.end else 0
        while at < field.end:
            self._spend()
            value, at = self._varint(at, field.end)
            yield _signed(value)

    def text(self, field: Field) -> str:
        """The string that a field is."""
        if not field.end:
            raise InvalidDocument("is no ONNX file: a number stands where a name must", code="wire")
        try:
            return self.data[field.value : field.end].decode()
        except UnicodeDecodeError as wrong:
            at = field.value + wrong.start
            raise InvalidDocument(f"has a name that is not UTF-8, at byte {at:,}", code="not_utf8") from None

    def length(self, field: Field) -> int:
        """How many bytes a field is."""
        return field.end - field.value if field.end else 0

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooLarge(f"has more than {_MOST_FIELDS:,} fields")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """The integer at a byte, and where the next field begins."""
        value = shift = 0
        while True:
            if at >= end:
                self._check(at + 1, end)
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
            if shift >= 7 * _LONGEST_VARINT:
                raise InvalidDocument(f"is no ONNX file: at byte {at:,} stands no integer", code="wire")

    def _check(self, needed: int, end: int) -> None:
        if needed <= end:
            return
        if needed > len(self.data):
            raise Truncated(len(self.data), needed, "a message")
        raise InvalidDocument(f"is no ONNX file: a message ends at byte {end:,}, within one of its fields", code="wire")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value

"""Heaps: local ones hold names, global ones texts of variable length, fractal ones links and attributes."""

from __future__ import annotations

from struct import Struct

from paramcount.formats.hdf5.checksum import check
from paramcount.formats.hdf5.indexes import byte_width, walk_records
from paramcount.formats.hdf5.storage import UNDEFINED, Cursor, Storage, read_structure
from paramcount.model.errors import InvalidDocument

_HUGE, _TINY = 1, 2
_HUGE_OBJECT = Struct("<3Q")
"""An object with bytes of its own: their address, their length, and its number."""
_FRACTAL_HEADER_BYTES = 146
_MAX_LEVELS = 16
"""The most indirect blocks inside each other; a table of 2^64 bytes has fewer."""


class LocalHeap:
    """The names of a group's members."""

    def __init__(self, storage: Storage, address: int) -> None:
        cursor = read_structure(storage, address, 32, b"HEAP", "a local heap")
        cursor.take(3)
        length, _, data = cursor.number(8), cursor.number(8), cursor.address()
        self._storage, self._data = storage, storage.read(data, length, "a local heap")

    def name(self, offset: int) -> str:
        """Return the name at an offset."""
        end = self._data.find(b"\0", offset)
        if end < 0:
            raise InvalidDocument("has a name that lies outside its heap", code="structure")
        self._storage.charge(end - offset)
        return decode(self._data[offset:end])


class GlobalHeaps:
    """The texts of variable length of a file."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._collections: dict[int, dict[int, bytes]] = {}

    def text(self, reference: bytes) -> str:
        """Return the text of a reference: its length, the address of its collection, and its number there."""
        cursor = Cursor(reference, "a text")
        length, address, number = cursor.number(4), cursor.address(), cursor.number(4)
        if not length or address in (0, UNDEFINED):
            return ""
        if address not in self._collections:
            self._collections[address] = self._read(address)
        content = self._collections[address].get(number)
        if content is None or length > len(content):
            raise InvalidDocument("has a text that is not in its global heap", code="structure")
        self._storage.charge(length)
        return decode(content[:length])

    def _read(self, address: int) -> dict[int, bytes]:
        what = "a global heap"
        cursor = read_structure(self._storage, address, 16, b"GCOL", what)
        cursor.take(3)
        cursor = Cursor(self._storage.read(address, cursor.number(8), what), what, 16)
        contents: dict[int, bytes] = {}
        while cursor.left >= 16:
            number, _, length = cursor.number(2), cursor.number(6), cursor.number(8)
            if not number:  # the rest is free
                break
            contents[number] = cursor.take(length)
            cursor.take(min(-length % 8, cursor.left))
        return contents


class FractalHeap:
    """Links or attributes of a group that has many."""

    def __init__(self, storage: Storage, address: int) -> None:
        self._storage, what = storage, "a fractal heap"
        self._huge_objects: dict[int, tuple[int, int]] | None = None
        raw = check(storage.read(address, _FRACTAL_HEADER_BYTES, what), what)
        if raw[:4] != b"FRHP":
            raise InvalidDocument(f"states {what} at byte {address:,}, where there is none", code="structure")
        cursor = Cursor(raw, what, 5)
        _, filters, _, max_object = cursor.number(2), cursor.number(2), cursor.number(1), cursor.number(4)
        if filters:
            raise InvalidDocument("has a compressed fractal heap, which Keras does not write", code="structure")
        cursor.take(8)
        self._huge = cursor.address()
        cursor.take(80)
        self._width, self._start, max_block = cursor.number(2), cursor.number(8), cursor.number(8)
        self._offset_bytes = -(-cursor.number(2) // 8)
        self._length_bytes = min((max_block.bit_length() + 6) // 8, byte_width(max_object))
        cursor.take(2)
        self._root, self._rows = cursor.address(), cursor.number(2)
        self._direct_rows = max_block.bit_length() - self._start.bit_length() + 2
        if not self._width or not self._start or self._root == UNDEFINED:
            raise InvalidDocument("has a fractal heap without blocks", code="structure")

    def read(self, heap_id: bytes) -> bytes:
        """Return an object by its id."""
        cursor = Cursor(heap_id, "an id in a fractal heap")
        kind = cursor.number(1)
        if kind >> 4 == _TINY:
            return cursor.take((kind & 0x0F) + 1)
        if kind >> 4 == _HUGE:
            return self._read_huge(cursor.number(min(cursor.left, 8)))
        offset, length = cursor.number(self._offset_bytes), cursor.number(self._length_bytes)
        return self._storage.read(self._find(offset), length, "an object of a fractal heap")

    def _read_huge(self, number: int) -> bytes:
        """Return an object that has bytes of its own, outside the blocks."""
        if self._huge_objects is None:
            records = map(_HUGE_OBJECT.unpack_from, walk_records(self._storage, self._huge, _HUGE_OBJECT.size))
            self._huge_objects = {key: (address, length) for address, length, key in records}
        if number not in self._huge_objects:
            raise InvalidDocument("has an object outside its fractal heap", code="structure")
        return self._storage.read(*self._huge_objects[number], "an object of a fractal heap")

    def _find(self, offset: int) -> int:
        """Return the address of an offset, down the doubling table."""
        address, rows = self._root, self._rows
        for _ in range(_MAX_LEVELS):
            if not rows:
                return address + offset
            row = max(0, (offset // (self._width * self._start)).bit_length())
            size = self._start << max(0, row - 1)
            offset -= self._width * size if row else 0
            column, offset = divmod(offset, size)
            if row >= rows:
                break
            header = 13 + self._offset_bytes
            entry = address + header + 8 * (row * self._width + column)
            address = int.from_bytes(self._storage.read(entry, 8, "a fractal heap"), "little")
            rows = 0 if row < self._direct_rows else size.bit_length() - (self._width * self._start).bit_length() + 1
        raise InvalidDocument("has an object outside its fractal heap", code="structure")


def decode(raw: bytes) -> str:
    """Return a text of a file. Raises InvalidDocument."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidDocument("has a text that is not UTF-8", code="not_utf8") from None

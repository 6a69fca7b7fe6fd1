"""B-trees: of version 1 over the members of a group, of version 2 over the objects of a fractal heap."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from paramcount.formats.hdf5.checksum import check
from paramcount.formats.hdf5.storage import Cursor, Storage, read_structure
from paramcount.model.errors import InvalidDocument

_WHAT = "a B-tree"
_MAX_LEVELS = 64
_CHILD = Struct("<8xQ")
"""The address of a child, behind its key."""


def walk_nodes(storage: Storage, address: int, level: int | None = None) -> Iterator[int]:
    """Yield the addresses of the symbol table nodes below a node of version 1."""
    cursor = read_structure(storage, address, 24, b"TREE", _WHAT)
    node_type, node_level, entries = cursor.raw[4], cursor.number(1), cursor.number(2)
    if node_type or node_level > _MAX_LEVELS or level not in (None, node_level):
        raise InvalidDocument("has a B-tree whose nodes do not fit each other", code="structure")
    for (child,) in _CHILD.iter_unpack(storage.read(address + 24, 16 * entries, _WHAT)):
        if node_level:
            yield from walk_nodes(storage, child, node_level - 1)
        else:
            yield child


def walk_records(storage: Storage, address: int, min_bytes: int) -> Iterator[bytes]:
    """Yield the records of a B-tree of version 2, each of at least so many bytes."""
    raw = check(storage.read(address, 38, _WHAT), _WHAT)
    if raw[:4] != b"BTHD":
        raise InvalidDocument(f"states a B-tree at byte {address:,}, where there is none", code="structure")
    cursor = Cursor(raw, _WHAT, 6)
    node_bytes, record_bytes, depth = cursor.number(4), cursor.number(2), cursor.number(2)
    cursor.take(2)
    root, count = cursor.address(), cursor.number(2)
    if depth > _MAX_LEVELS or record_bytes < min_bytes or node_bytes < 64 + record_bytes:
        raise InvalidDocument("has a B-tree that is none", code="structure")
    if count:
        yield from _Records(storage, node_bytes, record_bytes, depth).walk(root, count, depth)


class _Records:
    """The nodes of a B-tree of version 2. Source: H5B2__hdr_init, which derives the widths of the numbers."""

    def __init__(self, storage: Storage, node_bytes: int, record_bytes: int, depth: int) -> None:
        self._storage, self._record_bytes = storage, record_bytes
        max_records = total = (node_bytes - 10) // record_bytes
        self._count_bytes = byte_width(max_records)
        self._total_bytes = [0]  # by level; a leaf's parent states no totals
        for level in range(1, depth + 1):
            pointer = 8 + self._count_bytes + self._total_bytes[level - 1]
            max_records = (node_bytes - 10 - pointer) // (record_bytes + pointer)
            total = (max_records + 1) * total + max_records
            self._total_bytes.append(byte_width(total))

    def walk(self, address: int, count: int, level: int) -> Iterator[bytes]:
        """Yield the records of a node, and of those below it."""
        pointer = 8 + self._count_bytes + (self._total_bytes[level - 1] if level > 1 else 0)
        length = 6 + count * self._record_bytes + (pointer * (count + 1) if level else 0)
        raw = check(self._storage.read(address, length + 4, _WHAT), _WHAT)
        if raw[:4] != (b"BTIN" if level else b"BTLF"):
            raise InvalidDocument("has a B-tree whose nodes do not fit each other", code="structure")
        cursor = Cursor(raw, _WHAT, 6)
        for _ in range(count):
            yield cursor.take(self._record_bytes)
        for _ in range(count + 1 if level else 0):
            child, records = cursor.address(), cursor.number(self._count_bytes)
            cursor.take(pointer - 8 - self._count_bytes)
            yield from self.walk(child, records, level - 1)


def byte_width(number: int) -> int:
    """Return the bytes of a field that holds numbers up to this one."""
    return (number.bit_length() - 1) // 8 + 1 if number > 0 else 1

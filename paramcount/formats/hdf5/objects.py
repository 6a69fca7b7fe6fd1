"""Groups and datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import prod
from struct import Struct
from typing import Any, NamedTuple

from paramcount.formats.hdf5.attributes import Texts, read_texts
from paramcount.formats.hdf5.datatypes import OPAQUE, parse_datatype, parse_shape
from paramcount.formats.hdf5.headers import (
    DATASPACE,
    DATATYPE,
    EXTERNAL_FILES,
    LAYOUT,
    LINK,
    LINK_INFO,
    SYMBOL_TABLE,
    Message,
    read_messages,
)
from paramcount.formats.hdf5.heaps import FractalHeap, GlobalHeaps, LocalHeap, decode
from paramcount.formats.hdf5.indexes import walk_nodes, walk_records
from paramcount.formats.hdf5.storage import UNDEFINED, Cursor, Storage, read_structure
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.errors import InvalidDocument, TooLarge

MAX_OBJECTS = 500_000
"""The most groups and datasets of a file: twice MAX_TENSORS."""

_CONTIGUOUS, _VIRTUAL = 1, 3
_MAX_BYTES_UNSTORED, _MAX_EXPANSION = 2**32, 1000
"""A larger dataset whose bytes are not in the file, which Keras refuses to load. Source: safe_get_h5_dataset."""
_HEAP_ID_AT, _HEAP_ID_BYTES = 4, 7

_SYMBOL = Struct("<2QL20x")
"""A member in a symbol table: the offset of its name, its address, its kind."""
_SOFT_LINK = 2


class Values(NamedTuple):
    """The bytes of a dataset's values, where they are in one piece."""

    storage: Storage
    address: int
    length: int

    def read_start(self, max_bytes: int) -> bytes:
        """Return the first bytes. Raises TooLarge or Incomplete."""
        return self.storage.read(self.address, min(self.length, max_bytes), "values")


class Dataset(NamedTuple):
    """The shape and the type of a dataset."""

    shape: tuple[int, ...]
    dtype: str  # as safetensors calls it
    values: Values | None  # None: they are in several pieces, or not stored


class Group:
    """A group: its members by name, groups and datasets, and its attributes that are texts."""

    def __init__(self, file: _File, messages: list[Message]) -> None:
        self._file, self._messages = file, messages

    @cached_property
    def attributes(self) -> Mapping[str, Texts]:
        """The attributes that are texts."""
        return read_texts(self._file.storage, self._file.heaps, self._messages)

    def members(self) -> Iterator[tuple[str, Group | Dataset]]:
        """Yield the members in the order of their names."""
        links = dict[str, int]()
        for name, address in self._file.links(self._messages):
            if name in links or not name or "/" in name:
                raise InvalidDocument(f'has a group with a member "{name[:100]}" that no group can have', code="link")
            links[name] = address
        for name in sorted(links):
            yield name, self._file.open(links[name], name)


def open_root(data: Any, start: int = 0, size: int | None = None) -> Group:
    """Return the root of a file, or of one that begins at `start` of another and has `size`.

    Raises InvalidDocument, TooLarge or Incomplete, as all that is read of it does.
    """
    storage = Storage(data, start, size)
    address = storage.find_root()
    root = _File(storage).open(address, "")
    if isinstance(root, Dataset):
        raise InvalidDocument("has a dataset in place of its root group", code="structure")
    return root


class _File:
    """A file for its objects: its bytes, its global heaps, and the addresses of the objects seen so far."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.heaps = storage, GlobalHeaps(storage)
        self._seen = set[int]()

    def open(self, address: int, name: str) -> Group | Dataset:
        """Return the object at an address, which no other link may lead to."""
        if address in self._seen:
            raise InvalidDocument(f'has an object in two places, one of them called "{name[:100]}"', code="link")
        self._seen.add(address)
        if len(self._seen) > MAX_OBJECTS:
            raise TooLarge(f"holds more than {MAX_OBJECTS:,} groups and datasets")
        messages = read_messages(self.storage, address)
        types = {message.type: message.body for message in messages}
        if DATASPACE not in types or DATATYPE not in types:
            if not types.keys() & {SYMBOL_TABLE, LINK_INFO}:
                raise InvalidDocument(f'has "{name[:100]}", which is neither a group nor a dataset', code="structure")
            return Group(self, messages)
        return self._dataset(types, messages, name)

    def _dataset(self, types: Mapping[int, bytes], messages: list[Message], name: str) -> Dataset:
        datatype, shape = parse_datatype(types[DATATYPE]), parse_shape(types[DATASPACE])
        dtype = datatype.dtype
        if datatype.type_class == OPAQUE:  # bfloat16 and others that numpy does not have
            stated = read_texts(self.storage, self.heaps, messages).get("dtype")
            dtype = DTYPE_NAMES.get(stated, "") if isinstance(stated, str) else ""
        if not dtype:
            raise InvalidDocument(f'has a dataset "{name[:100]}" of a type that no weight has', code="dtype")
        if EXTERNAL_FILES in types:
            raise InvalidDocument(f'has a dataset "{name[:100]}" whose values are in another file', code="link")
        shape = (0,) if shape is None else shape
        return Dataset(shape, dtype, self._values(types.get(LAYOUT, b""), prod(shape) * datatype.size, name))

    def _values(self, body: bytes, size: int, name: str) -> Values | None:
        """Return where `size` bytes of values are, by the layout. Refuses those that cannot be in the file."""
        cursor = Cursor(body, f'the layout of "{name[:100]}"')
        version, layout = cursor.number(1), cursor.number(1)
        stored, values = self.storage.size, None
        if version >= 3 and layout == _VIRTUAL:
            raise InvalidDocument(f'has a dataset "{name[:100]}" whose values are in other ones', code="link")
        if version >= 3 and layout == _CONTIGUOUS:
            address, length = cursor.address(), cursor.number(8)
            if address == UNDEFINED:
                stored = 0
            elif length != size or address + length > self.storage.size:
                detail = f"lie at byte {address:,} to {address + length:,}, where it needs {size:,}, and the file ends"
                raise InvalidDocument(f'has a dataset "{name[:100]}" whose {detail} at {stored:,}', code="address")
            else:
                values = Values(self.storage, address, length)
        if size > max(_MAX_BYTES_UNSTORED, _MAX_EXPANSION * stored):
            detail = f"states {size:,} bytes, which a file of {self.storage.size:,} does not hold"
            raise InvalidDocument(f'has a dataset "{name[:100]}" that {detail}', code="shape")
        return values

    def links(self, messages: list[Message]) -> Iterator[tuple[str, int]]:
        """Yield the name and the address of each member of a group."""
        for message in messages:
            if message.type == LINK:
                yield _parse_link(message.body)
            elif message.type == LINK_INFO:
                yield from self._dense_links(Cursor(message.body, "a group", 1))
            elif message.type == SYMBOL_TABLE:
                yield from self._symbols(Cursor(message.body, "a group"))

    def _dense_links(self, cursor: Cursor) -> Iterator[tuple[str, int]]:
        cursor.take(8 if cursor.number(1) & 1 else 0)
        heap, index = cursor.address(), cursor.address()
        if heap == UNDEFINED:
            return
        links = FractalHeap(self.storage, heap)
        for record in walk_records(self.storage, index, _HEAP_ID_AT + _HEAP_ID_BYTES):
            yield _parse_link(links.read(record[_HEAP_ID_AT:][:_HEAP_ID_BYTES]))

    def _symbols(self, cursor: Cursor) -> Iterator[tuple[str, int]]:
        index, heap = cursor.address(), cursor.address()
        names = LocalHeap(self.storage, heap)
        for node in walk_nodes(self.storage, index):
            count = int.from_bytes(
                read_structure(self.storage, node, 8, b"SNOD", "a symbol table").take(3)[1:], "little"
            )
            for offset, address, kind in _SYMBOL.iter_unpack(self.storage.read(node + 8, 40 * count, "a symbol table")):
                name = names.name(offset)
                if kind == _SOFT_LINK:
                    raise _not_hard(name)
                yield name, address


def _parse_link(body: bytes) -> tuple[str, int]:
    """Return the name and the address of a link message."""
    cursor = Cursor(body, "a link")
    version, flags = cursor.number(1), cursor.number(1)
    if version != 1:
        raise InvalidDocument(f"has a link of version {version}, where HDF5 has 1", code="version")
    kind = cursor.number(1) if flags & 0x08 else 0
    cursor.take((8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0))
    name = decode(cursor.take(cursor.number(1 << (flags & 3))))
    if kind:
        raise _not_hard(name)
    return name, cursor.address()


def _not_hard(name: str) -> InvalidDocument:
    return InvalidDocument(f'has a link "{name[:100]}" to another place, which Keras does not follow', code="link")

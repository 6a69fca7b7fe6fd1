"""Attributes that are texts, or lists of texts."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from paramcount.formats.hdf5.datatypes import STRING, parse_datatype, parse_shape
from paramcount.formats.hdf5.headers import ATTRIBUTE, ATTRIBUTE_INFO, Message
from paramcount.formats.hdf5.heaps import FractalHeap, GlobalHeaps, decode
from paramcount.formats.hdf5.indexes import walk_records
from paramcount.formats.hdf5.storage import UNDEFINED, Cursor, Storage
from paramcount.model.errors import InvalidDocument

Texts = str | list[str]

_WHAT = "an attribute"
_HEAP_ID_BYTES = 8


def read_texts(storage: Storage, heaps: GlobalHeaps, messages: list[Message]) -> dict[str, Texts]:
    """Return the attributes of an object that are texts: of a scalar the text, of an array the list."""
    attributes: dict[str, Texts] = {}
    for body in _bodies(storage, messages):
        name, texts = _parse(body, heaps)
        if texts is not None:
            attributes[name] = texts
    return attributes


def _bodies(storage: Storage, messages: list[Message]) -> Iterator[bytes]:
    """Yield the attributes of an object: those in its header, and those in a heap where it has many."""
    for message in messages:
        if message.type == ATTRIBUTE:
            yield message.body
        elif message.type == ATTRIBUTE_INFO:
            cursor = Cursor(message.body, _WHAT, 1)
            cursor.take(2 if cursor.number(1) & 1 else 0)
            heap, index = cursor.address(), cursor.address()
            if heap != UNDEFINED:
                objects = FractalHeap(storage, heap)
                for record in walk_records(storage, index, _HEAP_ID_BYTES):
                    yield objects.read(record[:_HEAP_ID_BYTES])


def _parse(body: bytes, heaps: GlobalHeaps) -> tuple[str, Texts | None]:
    """Return the name of an attribute, and its texts; None where it is of another type."""
    cursor = Cursor(body, _WHAT)
    version, flags = cursor.number(1), cursor.number(1)
    if not 1 <= version <= 3:
        raise InvalidDocument(f"has an attribute of version {version}, where HDF5 has 1 to 3", code="version")
    lengths = [cursor.number(2) for _ in range(3)]
    if version == 1:
        lengths = [-(-length // 8) * 8 for length in lengths]
    cursor.take(version == 3)
    name, datatype_body, shape_body = map(cursor.take, lengths)
    label = decode(name.partition(b"\0")[0])
    if version > 1 and flags & 3:
        return label, None
    datatype, shape = parse_datatype(datatype_body), parse_shape(shape_body)
    if datatype.dtype != "STRING" or shape is None:
        return label, None
    count, size = prod(shape), datatype.size
    if not size or count * size > cursor.left:
        raise InvalidDocument(f'has an attribute "{label[:100]}" that is longer than it can be', code="structure")
    values = [cursor.take(size) for _ in range(count)]
    if datatype.type_class == STRING:
        texts = [decode(value.rstrip(b"\0")) for value in values]
    else:
        texts = [heaps.text(value) for value in values]
    return label, texts if shape else texts[0]

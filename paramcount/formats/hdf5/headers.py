"""Object headers: the messages that describe a group or a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from paramcount.formats.hdf5.checksum import check
from paramcount.formats.hdf5.storage import Cursor, Storage
from paramcount.model.errors import InvalidDocument

DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08
ATTRIBUTE, CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x0C, 0x10, 0x11, 0x15
"""Types of messages; the others change neither names nor shapes."""

_USED = frozenset(
    (
        DATASPACE,
        LINK_INFO,
        DATATYPE,
        LINK,
        EXTERNAL_FILES,
        LAYOUT,
        ATTRIBUTE,
        CONTINUATION,
        SYMBOL_TABLE,
        ATTRIBUTE_INFO,
    )
)

_PREFIX_BYTES = 16
_START_1, _START_2, _START_2_IN_ORDER = Struct("<2HB3x"), Struct("<BHB"), Struct("<BHB2x")
"""The start of a message: its type, its length and its flags."""
_WHAT = "an object header"
_SHARED = 0x02


class Message(NamedTuple):
    """One message of a header."""

    type: int
    body: bytes


def read_messages(storage: Storage, address: int) -> list[Message]:
    """Return the messages of the object header at an address."""
    prefix = storage.read(address, _PREFIX_BYTES, _WHAT)
    if prefix[:4] == b"OHDR":
        return _read_version_2(storage, address, prefix)
    if prefix[0] != 1:
        raise InvalidDocument(f"states an object header at byte {address:,}, where there is none", code="structure")
    length = int.from_bytes(prefix[8:12], "little")
    messages: list[Message] = []
    pending = [(address + _PREFIX_BYTES, length)]
    while pending:
        first, length = pending.pop(0)
        for message in _parse(storage.read(first, length, _WHAT), _START_1):
            if message.type == CONTINUATION:
                pending.append(_parse_continuation(message))
            else:
                messages.append(message)
    return messages


def _parse(raw: bytes, start: Struct) -> Iterator[Message]:
    """Yield the messages of a part of a header that are used."""
    offset = 0
    while offset + start.size <= len(raw):
        message_type, length, flags = start.unpack_from(raw, offset)
        first = offset + start.size
        offset = first + length
        if offset > len(raw):
            raise InvalidDocument("has an object header that ends too early", code="structure")
        if message_type in _USED:
            if flags & _SHARED:
                raise InvalidDocument("has objects that share a part of their headers, which Keras does not write")
            yield Message(message_type, raw[first:offset])


def _read_version_2(storage: Storage, address: int, prefix: bytes) -> list[Message]:
    """Return the messages of a header of version 2, which has checksums."""
    version, flags = prefix[4], prefix[5]
    if version != 2:
        raise InvalidDocument(f"has an object header of version {version}, not 2", code="version")
    start = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes(storage.read(address + start, width, _WHAT), "little")
    start += width
    raw = check(storage.read(address, start + length + 4, _WHAT), _WHAT)
    pending = [raw[start:]]
    messages: list[Message] = []
    while pending:
        for message in _parse(pending.pop(0), _START_2_IN_ORDER if flags & 0x04 else _START_2):
            if message.type != CONTINUATION:
                messages.append(message)
                continue
            block = check(storage.read(*_parse_continuation(message), _WHAT), _WHAT)
            if block[:4] != b"OCHK":
                raise InvalidDocument(f"has {_WHAT} whose continuation is none", code="structure")
            pending.append(block[4:])
    return messages


def _parse_continuation(message: Message) -> tuple[int, int]:
    cursor = Cursor(message.body, "a continuation")
    return cursor.address(), cursor.number(8)

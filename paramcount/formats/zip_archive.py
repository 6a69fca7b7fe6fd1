"""Zip archives (APPNOTE 6.3): the central directory, single members, and the first member of an archive's first bytes.

zipfile is not used: it takes 20 µs an entry, of which a checkpoint has thousands, and its reading is lenient. Where the
parts of an archive contradict each other, readers see different members: such an archive is refused.
"""

from __future__ import annotations

import zlib
from collections import Counter
from mmap import mmap
from struct import Struct
from struct import error as StructError  # noqa: N812 # it is a class
from typing import Any, NamedTuple

from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import Incomplete, InvalidDocument, TooLarge

MAX_MEMBER_BYTES = 512 * 2**20
"""The longest member that is read."""

MAX_ENTRIES = 1_000_000

_MIN_UNPACKED_BYTES, _MAX_RATIO = 2**16, 100
"""A packed member may be so long in any case, or so many times as long as it is packed: zlib reaches 1,000."""

_MAX_LOOKS = 16
"""The most places where a name is looked at, that may be a part of another."""

STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_SIZES_FOLLOW = 0x8
_MANY_16, _MANY_32 = 0xFFFF, 0xFFFF_FFFF
_MANY = _MANY_16, _MANY_16, _MANY_32, _MANY_32

_END = Struct("<4s4H2LH")
_LOCATOR = Struct("<4sLQL")
_END_64 = Struct("<4sQ2H2L4Q")
_ENTRY = Struct("<4s4x2H4x3L3H8xL")
_LOCAL = Struct("<4s2B4HL2L2H")
_MAX_TAIL_BYTES = _END.size + 2**16
"""The directory's end lies within so many last bytes: a comment may follow it."""


class BadArchive(InvalidDocument):
    """Bytes that are no zip archive, or one that readers would read differently."""

    code = "archive"


class Entry(NamedTuple):
    """A member, as the central directory describes it."""

    name: str
    flags: int
    method: int
    checksum: int
    packed_size: int
    size: int
    header: int  # the position of its local header


class LocalEntry(NamedTuple):
    """A member, as the header before its data describes it; sizes may be 0, where they follow the data."""

    name: str
    flags: int
    method: int
    packed_size: int
    size: int
    start: int  # of its data


class Archive:
    """A zip archive whose central directory is there."""

    def __init__(self, data: Any) -> None:
        """Raises BadArchive, Incomplete or TooLarge."""
        self.data = data
        self.entries: dict[str, Entry] = {}
        first, count, raw = _read_directory(data)
        if count > MAX_ENTRIES:
            raise TooLarge(f"is a zip archive of {count:,} members, where {MAX_ENTRIES:,} are the most")
        self.directory = first
        names = self._read_names(raw, count)
        if len(self.entries) < count:
            name = next(name for name, times in Counter(names).items() if times > 1)
            raise BadArchive(f'is a zip archive that holds "{name[:100]}" twice')

    def _read_names(self, raw: bytes, count: int) -> list[str]:
        """Read the directory's entries, and return their names. Raises BadArchive."""
        names: list[str] = []
        position = 0
        unpack, size, entries = _ENTRY.unpack_from, _ENTRY.size, self.entries
        try:
            for _ in range(count):
                fields = unpack(raw, position)
                start = position + size
                end = start + fields[6]
                position = end + fields[7] + fields[8]
                name = raw[start:end].decode(errors="replace")
                if fields[0] != b"PK\1\2":
                    raise BadArchive("is a zip archive whose directory is broken")
                entry = Entry._make((name, *fields[1:6], fields[9]))
                if _MANY_32 in entry[4:]:
                    entry = _read_large(entry, raw[end : end + fields[7]])
                entries[name] = entry
                names.append(name)
        except StructError:
            raise BadArchive("is a zip archive whose directory is broken") from None
        if position != len(raw):
            raise BadArchive("is a zip archive whose directory holds more than it says")
        return names

    def locate(self, name: str) -> int:
        """Return where a member's data start, by its local header, which must agree. Raises BadArchive."""
        entry = self.entries[name]
        local = read_local(self.data, entry.header)
        is_same = (local.name, local.method, local.flags & _ENCRYPTED) == (
            name,
            entry.method,
            entry.flags & _ENCRYPTED,
        )
        if not local.flags & _SIZES_FOLLOW and _MANY_32 not in local[3:5]:
            is_same &= (local.packed_size, local.size) == (entry.packed_size, entry.size)
        if not is_same or local.start + entry.packed_size > self.directory:
            raise BadArchive(f'is a zip archive whose headers of "{name[:100]}" contradict each other')
        return local.start

    def read(self, name: str, max_bytes: int = MAX_MEMBER_BYTES, max_ratio: int = _MAX_RATIO) -> bytes:
        """Return a member, which is at most `max_ratio` times as long as it is packed.

        Raises BadArchive, TooLarge or Incomplete.
        """
        entry = self.entries[name]
        start = self.locate(name)
        if entry.flags & _ENCRYPTED:
            raise BadArchive(f'is a zip archive in which "{name[:100]}" is encrypted')
        if entry.size > max_bytes:
            raise TooLarge(f'holds "{name[:100]}" of {entry.size:,} bytes, where {max_bytes:,} are the most')
        packed = self.data[start : start + entry.packed_size]
        if entry.method == STORED and entry.packed_size == entry.size:
            return bytes(packed)
        if entry.method != _DEFLATED:
            raise BadArchive(f'is a zip archive in which "{name[:100]}" is packed in a way that is not read')
        if entry.size > max(_MIN_UNPACKED_BYTES, max_ratio * entry.packed_size):
            raise TooLarge(f'holds "{name[:100]}", which unpacks to {entry.size:,} bytes from {entry.packed_size:,}')
        return _inflate(bytes(packed), entry)


def _inflate(packed: bytes, entry: Entry) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(packed, entry.size + 1)
    except zlib.error:
        data = b""
    if len(data) != entry.size or not inflater.eof:
        raise BadArchive(f'is a zip archive in which "{entry.name[:100]}" cannot be unpacked')
    return data


def _read_large(entry: Entry, extra: bytes) -> Entry:
    """Return an entry with the sizes and the position that 32 bits do not hold (the extra field 1)."""
    while len(extra) >= 4:
        kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if kind == 1:
            numbers = iter([int.from_bytes(extra[at : at + 8], "little") for at in range(4, 4 + length - 7, 8)])
            size, packed_size, header = (
                next(numbers, -1) if number == _MANY_32 else number
                for number in (entry.size, entry.packed_size, entry.header)
            )
            if min(size, packed_size, header) >= 0:
                return entry._replace(size=size, packed_size=packed_size, header=header)
        extra = extra[4 + length :]
    raise BadArchive(f'is a zip archive that does not say how long "{entry.name[:100]}" is')


def has_directory(data: Any) -> bool:
    """Return whether the end of the central directory is there."""
    try:
        return _find_end(data) >= 0
    except Incomplete:
        return False


def _find_end(data: Any) -> int:
    """Return the position of the directory's end record, or -1."""
    for length in (_END.size, _MAX_TAIL_BYTES):  # few archives have a comment
        first = max(0, len(data) - length)
        tail = bytes(data[first : len(data)])
        position = tail.rfind(b"PK\5\6", 0, max(0, len(tail) - _END.size + 4))
        while position >= 0:
            if _END.unpack_from(tail, position)[7] == len(tail) - position - _END.size:
                return first + position
            position = tail.rfind(b"PK\5\6", 0, position)
    return -1


def _read_directory(data: Any) -> tuple[int, int, bytes]:
    """Return the directory's position, its number of entries, and its bytes."""
    end = _find_end(data)
    if end < 0:
        if isinstance(data, mmap | PartialFile):
            raise BadArchive("is a zip archive without its end: the file is not complete")
        raise Incomplete(len(data), len(data) + 1, "the directory at the archive's end")
    _, disk, first_disk, here, count, size, first, _ = _END.unpack(data[end : end + _END.size])
    short, stop = (here, count, size, first), end
    locator = bytes(data[max(0, end - _LOCATOR.size) : end])
    if len(locator) == _LOCATOR.size and locator.startswith(b"PK\6\7"):
        stop = _LOCATOR.unpack(locator)[2]
        record = bytes(data[stop : stop + _END_64.size])
        if len(record) < _END_64.size or not record.startswith(b"PK\6\6"):
            raise BadArchive("is a zip archive whose end is broken")
        _, _, _, _, disk, first_disk, *numbers = _END_64.unpack(record)
        if any(value not in (number, many) for value, number, many in zip(short, numbers, _MANY, strict=True)):
            raise BadArchive("is a zip archive whose two ends contradict each other")
        here, count, size, first = numbers
    if disk or first_disk or here != count or first + size != stop:
        raise BadArchive("is a zip archive whose end contradicts what is before it")
    if size > MAX_MEMBER_BYTES:
        raise TooLarge(f"is a zip archive with a directory of {size:,} bytes")
    return first, count, bytes(data[first:stop])


def read_local(data: Any, position: int) -> LocalEntry:
    """Return the member whose local header is at a position. Raises BadArchive or Incomplete."""
    header = bytes(data[position : position + _LOCAL.size])
    if len(header) < _LOCAL.size:
        raise Incomplete(len(data), position + _LOCAL.size, "the header of a member")
    signature, _, _, flags, method, _, _, _, packed_size, size, name_length, extra_length = _LOCAL.unpack(header)
    if signature != b"PK\3\4":
        raise BadArchive("is a zip archive in which a member is not where its directory says")
    start = position + _LOCAL.size
    name = bytes(data[start : start + name_length])
    if len(name) < name_length:
        raise Incomplete(len(data), start + name_length, "the header of a member")
    return LocalEntry(
        name.decode(errors="replace"), flags, method, packed_size, size, start + name_length + extra_length
    )


def holds(data: Any, name: bytes, *, whole: bool = True) -> bool:
    """Return whether an archive has a member of that name; of a name that ends so, where not `whole`.

    The directory tells; of an archive's first bytes its first member.
    """
    if has_directory(data):
        try:
            _, _, part = _read_directory(data)
        except (InvalidDocument, TooLarge) as error:
            if isinstance(error, Incomplete) and isinstance(data, PartialFile):
                raise  # the directory decides what the archive is
            return False
        signature, header_size, length_at = b"PK\1\2", _ENTRY.size, 28
    else:
        try:
            part = bytes(data[: min(len(data), _LOCAL.size + 512)])
        except Incomplete:
            return False
        signature, header_size, length_at = b"PK\3\4", _LOCAL.size, 26
    at = -1
    for _ in range(_MAX_LOOKS):
        at = part.find(name, at + 1)
        if at < 0:
            return False
        header = part.rfind(signature, 0, at)
        start, end = header + header_size, at + len(name)
        length = int.from_bytes(part[header + length_at : header + length_at + 2], "little")
        if header >= 0 and start + length == end and (start == at or not whole):
            return True
    return False

"""The bytes of an HDF5 file by address, within bounds."""

from __future__ import annotations

from mmap import mmap
from struct import Struct, unpack_from
from typing import Any

from paramcount.formats.hdf5.checksum import check
from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import Incomplete, InvalidDocument, TooLarge

UNDEFINED = 2**64 - 1
"""The address of what was never written."""

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_MAX_READS_PER_BYTE = 4
"""The most bytes that may be read for each byte of a file: of a valid one none is read more than twice."""
_MIN_READ_BYTES = 4096
_READ_COST = 16
"""The cost of a read beside its bytes, so that short ones end, too."""

_MIN_BLOCK_BYTES, _MAX_BLOCK_BYTES, _BLOCKS = 2**16, 2**20, 128
"""Of a file that is there in parts: a read needs whole blocks, so that the metadata of a model is there after some."""

_ADDRESS = Struct("<Q")


class Storage:
    """The bytes of a file, or of one that begins at `start` of another and has `size`.

    Each read is charged: those that go round in circles end, in time linear in the file.
    """

    def __init__(self, data: Any, start: int = 0, size: int | None = None) -> None:
        self._data, self._start = data, start
        self.size = len(data) - start if size is None else size
        self._may_be_head = size is None and not isinstance(data, (mmap, PartialFile))
        self._left = _MAX_READS_PER_BYTE * self.size + _MIN_READ_BYTES
        self._block = 0
        if isinstance(data, PartialFile):
            per_block = 1 << (self.size // _BLOCKS).bit_length()
            self._block = min(max(per_block, _MIN_BLOCK_BYTES), _MAX_BLOCK_BYTES)

    def read(self, address: int, length: int, what: str) -> bytes:
        """Return the bytes from an address on. Raises InvalidDocument where the file has none, or Incomplete."""
        end = address + length
        if end > self.size:
            detail = f"states {what} at byte {address:,}, where the file of {self.size:,} bytes has no {length:,} more"
            raise InvalidDocument(detail, code="address")
        self.charge(length)
        address, end = address + self._start, end + self._start
        if self._block and self._data.gaps(address, end):
            first = address - address % self._block
            last = min(-(-end // self._block) * self._block, self._start + self.size)
            if self._data.has_middle and self._data.gaps(first, last):
                self._data.complete_all(what)  # what is read next is anywhere in it
            self._data.read_at(first, last - first, what)
        return bytes(self._data[address:end])

    def charge(self, length: int) -> None:
        """Take so many bytes off what may be read. Raises TooLarge."""
        self._left -= length + _READ_COST
        if self._left < 0:
            raise TooLarge("refers to the same bytes again and again")

    def find_root(self) -> int:
        """Return the address of the root group's object header, by the superblock."""
        if self.size < len(SIGNATURE) or self.read(0, 8, "its signature") != SIGNATURE:
            raise InvalidDocument("is no HDF5 file: it does not begin with its signature", code="magic")
        version = self._superblock(8, 1)[0]
        if version > 3:
            raise InvalidDocument(f"has a superblock of version {version}, where HDF5 has 0 to 3", code="version")
        sizes, fields = (13, 24 + 4 * (version == 1)) if version < 2 else (9, 12)
        widths = self._superblock(sizes, 2)
        if widths != b"\x08\x08":
            raise InvalidDocument(f"has addresses of {widths[0]} bytes, and lengths of {widths[1]}, not 8", code="size")
        if version < 2:
            base, _, end, _, _, root = unpack_from("<6Q", self._superblock(fields, 48))
        else:
            base, _, end, root = unpack_from("<4Q", check(self._superblock(0, fields + 36), "a superblock"), fields)
        if base:
            raise InvalidDocument("has its addresses relative to another place than its beginning", code="address")
        self._check_size(end, "its content")
        return int(root)

    def _superblock(self, first: int, length: int) -> bytes:
        self._check_size(first + length, "its superblock")
        return self.read(first, length, "its superblock")

    def _check_size(self, end: int, what: str) -> None:
        """Refuse a file that ends before this position. Raises Incomplete or InvalidDocument."""
        if end > self.size and self._may_be_head:
            raise Incomplete(self.size, end, what)
        if end > self.size:
            detail = f"is {self.size:,} bytes long, but describes {end:,}: the file is not complete"
            raise InvalidDocument(detail, code="file_length")


class Cursor:
    """Reads the fields of one structure, one after the other."""

    def __init__(self, raw: bytes, what: str, offset: int = 0) -> None:
        self.raw, self.what, self.offset = raw, what, offset

    def take(self, length: int) -> bytes:
        """Return the next bytes. Raises InvalidDocument where the structure ends before."""
        first, self.offset = self.offset, self.offset + length
        if self.offset > len(self.raw):
            raise InvalidDocument(f"has {self.what} that ends too early", code="structure")
        return self.raw[first : self.offset]

    def number(self, width: int) -> int:
        """Return the next integer, of so many bytes."""
        return int.from_bytes(self.take(width), "little")

    def address(self) -> int:
        """Return the next address."""
        return int(_ADDRESS.unpack(self.take(8))[0])

    @property
    def left(self) -> int:
        """The number of bytes after the cursor."""
        return len(self.raw) - self.offset


def read_structure(storage: Storage, address: int, length: int, signature: bytes, what: str) -> Cursor:
    """Return a cursor after the signature and the version of a structure of so many bytes."""
    raw = storage.read(address, length, what)
    if raw[:4] != signature:
        raise InvalidDocument(f"states {what} at byte {address:,}, where there is none", code="structure")
    return Cursor(raw, what, 5)

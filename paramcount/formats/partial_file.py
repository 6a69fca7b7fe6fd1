"""A file of which some bytes are there: the ranges that a client sent, or that were fetched so far."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from typing import overload

from paramcount.model.errors import Incomplete, InvalidDocument

READ_AHEAD_BYTES = 64 * 1024
"""The bytes that are asked for at least: the headers of most files are no longer."""

MAX_FILE_BYTES = 2**60


class PartialFile(RawIOBase):
    """A file's bytes by position: slices as bytes do, and is read as a file is, by zipfile for one.

    Reading what is not there raises Incomplete, which names the bytes that are needed.
    """

    def __init__(self, name: str, size: int, parts: Iterable[tuple[int, bytes]] = ()) -> None:
        """`parts`: positions of first bytes, with the bytes from there on. Raises InvalidDocument."""
        super().__init__()
        self.name, self.size = name, size
        self._position = 0
        self._firsts: list[int] = []
        self._parts: list[bytes] = []
        for first, part in sorted(parts):
            self.add(first, part)

    def add(self, first: int, part: bytes) -> None:
        """Add the bytes from position `first` on; what is there already must be the same. Raises InvalidDocument."""
        end = first + len(part)
        if end > self.size:
            raise InvalidDocument(f"{self.name} has {self.size:,} bytes, and a part that ends at {end:,}", code="range")
        for start, stop in self.gaps(first, end):
            index = bisect_right(self._firsts, start)
            self._firsts.insert(index, start)
            self._parts.insert(index, part[start - first : stop - first])
        if self._join(first, end) != part:
            raise InvalidDocument(f"{self.name} has two parts that differ, within {first:,} to {end:,}", code="range")

    def gaps(self, first: int, end: int) -> list[tuple[int, int]]:
        """Return where bytes from `first` up to `end` are not there, in their order."""
        gaps = []
        for start, part in self._within(first, end):
            if start > first:
                gaps.append((first, start))
            first = max(first, start + len(part))
        return [*gaps, (first, end)] if first < end else gaps

    def _within(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield the parts that may hold bytes from `first` up to `end`."""
        index = max(0, bisect_right(self._firsts, first) - 1)
        while index < len(self._firsts) and self._firsts[index] < end:
            yield self._firsts[index], self._parts[index]
            index += 1

    def _join(self, first: int, end: int) -> bytes:
        return b"".join(part[max(0, first - start) : max(0, end - start)] for start, part in self._within(first, end))

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, span: slice) -> bytes: ...
    @overload
    def __getitem__(self, span: int) -> int: ...
    def __getitem__(self, span: slice | int) -> bytes | int:
        if isinstance(span, int):
            return self.read_at(span, 1, "its content")[0]
        first, end, _ = span.indices(self.size)
        return self.read_at(first, end - first, "its content")

    def head(self, length: int = MAX_FILE_BYTES) -> bytes:
        """Return the file's first bytes, as far as they are there: at most so many."""
        gaps = self.gaps(0, min(length, self.size))
        return self._join(0, gaps[0][0] if gaps else min(length, self.size))

    @property
    def is_empty(self) -> bool:
        """True where no byte of it is there."""
        return not self._parts

    @property
    def is_complete(self) -> bool:
        """False where any byte is not there."""
        return not self.gaps(0, self.size)

    def read_at(self, first: int, length: int, what: str) -> bytes:
        """Return so many bytes from a position on, fewer at the file's end. Raises Incomplete, which names `what`."""
        end = min(first + length, self.size)
        for start, stop in self.gaps(first, end):
            self.complete(start, stop, what)
        return self._join(first, end)

    def complete(self, first: int, end: int, what: str, likely_end: int = 0) -> None:
        """Add bytes that are not there; reading will likely go on up to `likely_end`.

        Raises Incomplete, which asks for some more: only a file that can fetch them overrides it.
        """
        end = min(self.size, max(end, likely_end, first + READ_AHEAD_BYTES))
        start, _ = self.gaps(0, first + 1)[-1]
        first = max(start, min(first, self.size - READ_AHEAD_BYTES))  # an archive's directory is before its end
        raise Incomplete(first, self.gaps(first, end)[0][1], what, self.name)

    def ask_for_ends(self) -> list[Incomplete]:
        """Return what asks for the first bytes, and for the last: an archive's directory is there."""
        if self.size <= 2 * READ_AHEAD_BYTES:
            return [Incomplete(0, self.size, "its content", self.name)]
        return [
            Incomplete(first, first + READ_AHEAD_BYTES, "its content", self.name)
            for first in (0, self.size - READ_AHEAD_BYTES)
        ]

    @property
    def has_middle(self) -> bool:
        """True where more than both ends are there: its reader asked for more before."""
        return len(self._parts) > 2

    def complete_all(self, what: str) -> None:
        """Ask for all bytes that are not there: their reader needs small parts everywhere. Raises Incomplete."""
        if gaps := self.gaps(0, self.size):
            raise Incomplete(gaps[0][0], gaps[-1][1], what, self.name)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._position = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self.size}[whence] + offset
        if self._position < 0:
            raise OSError("a position before the file's start")
        return self._position

    def read(self, length: int = -1) -> bytes:
        part = self.read_at(self._position, self.size if length < 0 else length, "its content")
        self._position += len(part)
        return part

""".nemo: a tar archive (POSIX ustar) of a model's configuration and its weights, which are a file of torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.partial_file import PartialFile
from paramcount.formats.signatures import file_kind
from paramcount.model.errors import Incomplete, InvalidDocument

_BLOCK_BYTES = 512
_MAX_MEMBERS = 10_000
_FIRST_MEMBERS = 3
"""The members that tell what an archive is."""

_WEIGHTS, _CONFIG = "model_weights.ckpt", "model_config.yaml"
_DISTRIBUTED = "model_weights/.metadata"
_FILE_TYPES = b"0\0"


class _Member(NamedTuple):
    name: str
    start: int
    size: int


class Section(PartialFile):
    """A part of a file, read as a file of its own."""

    def __init__(self, whole: Any, member: _Member) -> None:
        super().__init__(member.name, member.size)
        self._whole, self._start = whole, member.start

    def complete(self, first: int, end: int, what: str, likely_end: int = 0) -> None:  # noqa: ARG002 # the whole file asks for more
        """Add bytes of the whole file. Raises Incomplete where it does not have them."""
        part = bytes(self._whole[self._start + first : self._start + end])
        if len(part) < end - first:
            raise Incomplete(len(self._whole), self._start + end, what)
        self.add(first, part)


def claims(payload: Any) -> bool:
    """Return whether a file is a .nemo, by its first members."""
    if file_kind(payload) != "tar":
        return False
    try:
        return any(name in member.name for member in _members(payload, _FIRST_MEMBERS) for name in (_WEIGHTS, _CONFIG))
    except InvalidDocument:
        return False


def find_weights(data: Any) -> Section:
    """Return the file of torch in a .nemo. Raises InvalidDocument or Incomplete."""
    weights: dict[str, _Member] = {}
    for member in _members(data, _MAX_MEMBERS):
        name = member.name.removeprefix("./")
        if name.endswith((_WEIGHTS, _DISTRIBUTED)):
            if name in weights:
                raise InvalidDocument(f'is a tar archive that holds "{name[:100]}" twice', code="archive")
            weights[name] = member
            if name == _WEIGHTS:
                break
    return Section(data, _only(weights))


def _only(weights: Mapping[str, _Member]) -> _Member:
    if len(weights) > 1:
        detail = (
            f"holds the weights of {len(weights)} ranks, each a part: only a model that is not split can be counted"
        )
        raise InvalidDocument(detail, code="partitioned")
    if not weights:
        raise InvalidDocument(f"is a tar archive without {_WEIGHTS}: no .nemo file", code="archive")
    return next(iter(weights.values()))


def _members(data: Any, count: int) -> Iterator[_Member]:
    """Yield the files in a tar archive, by their headers alone. Raises InvalidDocument or Incomplete."""
    position = 0
    for _ in range(count):
        header = bytes(data[position : position + _BLOCK_BYTES])
        if len(header) == _BLOCK_BYTES and not any(header):
            return
        if len(header) < _BLOCK_BYTES:
            raise Incomplete(len(data), position + _BLOCK_BYTES, "the header of a member")
        size = _read_size(header[124:136])
        if header[156] in _FILE_TYPES:
            name, prefix = (part.split(b"\0")[0].decode(errors="replace") for part in (header[:100], header[345:500]))
            yield _Member(f"{prefix}/{name}" if prefix else name, position + _BLOCK_BYTES, size)
        position += _BLOCK_BYTES - (-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _read_size(field: bytes) -> int:
    """Return a size in octal digits, or in base 256 where these do not hold it."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not all(digit in b"01234567" for digit in digits):
        raise InvalidDocument("is a tar archive with a header that is broken", code="archive")
    return int(digits or b"0", 8)

"""The checksum of metadata, as HDF5 stores it behind a structure: lookup3 of Bob Jenkins."""

from __future__ import annotations

from struct import unpack

from paramcount.model.errors import InvalidDocument

_MASK = 2**32 - 1
_MIX = 4, 6, 8, 16, 19, 4
_FINAL = 14, 11, 25, 16, 4, 14, 24


def check(raw: bytes, what: str) -> bytes:
    """Return a structure without the checksum at its end. Raises InvalidDocument where that does not fit."""
    body, stated = raw[:-4], int.from_bytes(raw[-4:], "little")
    if compute(body) != stated:
        raise InvalidDocument(f"has {what} that does not fit its checksum: the file is damaged", code="checksum")
    return body


def compute(raw: bytes) -> int:
    """Return the hash of bytes. Source: hashlittle of lookup3.c, with the initial value 0."""
    a = b = c = (0xDEADBEEF + len(raw)) & _MASK
    if not raw:
        return c
    padded = raw + bytes(-len(raw) % 12)
    words: tuple[int, ...] = unpack(f"<{len(padded) // 4}I", padded)
    *blocks, last = zip(words[::3], words[1::3], words[2::3], strict=True)
    for x, y, z in blocks:
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        for shift in _MIX:
            a = ((a - c) & _MASK) ^ (c << shift & _MASK | c >> 32 - shift)
            a, b, c = b, (c + b) & _MASK, a
    a, b, c = (a + last[0]) & _MASK, (b + last[1]) & _MASK, (c + last[2]) & _MASK
    for shift in _FINAL:
        c = ((c ^ b) - (b << shift & _MASK | b >> 32 - shift)) & _MASK
        a, b, c = b, c, a
    return b

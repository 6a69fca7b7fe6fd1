"""SHA-256 of what was counted: of a document, and of each file the ranges that were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from mmap import mmap
from typing import Any

from paramcount.formats.partial_file import PartialFile
from paramcount.formats.safetensors.header import header_length
from paramcount.formats.signatures import file_kind
from paramcount.formats.source import Bytes, Source, encode

_CHUNK_BYTES = 2**20

Ranges = list[tuple[int, int]]
"""First bytes, and the ends after the last ones."""


def digest(source: Source) -> dict[str, Any]:
    """Return the digest of a document; of several files, the digest of all theirs, as sha256sum lists them."""
    if source.kind == "text":
        return {"sha256": sha256(source.value.encode(errors="replace")).hexdigest()}
    value = source.value if source.kind == "file" or source.is_decoded else None
    if isinstance(value, Bytes):
        return _digest_file(value)
    files = dict(_find_files(value, "")) if isinstance(value, Mapping) else {}
    if not files:
        return {"sha256": sha256(source.raw).hexdigest()}
    listed = [{"name": name, **_digest_file(content)} for name, content in sorted(files.items())]
    lines = "".join(f"{each['sha256']}  {each['name']}\n" for each in listed)
    return {"sha256": sha256(lines.encode(errors="replace")).hexdigest(), "files": listed}


def _find_files(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the files in a document by name, and the documents beside them; a document alone holds no file."""
    members = [content for content in value.values() if isinstance(content, Mapping)]
    if any(isinstance(content, Bytes) for each in (value, *members) for content in each.values()):
        for name, content in value.items():
            if isinstance(content, Mapping) and any(isinstance(inner, Bytes) for inner in content.values()):
                yield from _find_files(content, "")
            else:
                yield prefix + name, content if isinstance(content, Bytes) else encode(content)


def _digest_file(content: Any) -> dict[str, Any]:
    ranges = _find_ranges(content)
    hashed = sha256()
    for first, end in ranges:
        for start in range(first, end, _CHUNK_BYTES):
            hashed.update(content[start : min(end, start + _CHUNK_BYTES)])
    return {"sha256": hashed.hexdigest(), "size": len(content), "ranges": ranges}


def _find_ranges(content: Any) -> Ranges:
    """Return the bytes that are there, or that say what is counted: of a safetensors file on disk, its header."""
    size = len(content)
    if isinstance(content, PartialFile):
        bounds = [0, *(bound for gap in content.gaps(0, size) for bound in gap), size]
        return [(first, end) for first, end in zip(bounds[::2], bounds[1::2], strict=True) if first < end]
    if isinstance(content, mmap) and file_kind(content) == "safetensors":
        return [(0, min(size, 8 + header_length(content)))]
    return [(0, size)] if size else []

"""The kinds of files by their first bytes: one table, for the readers' claims and for files on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcount.formats.source import Bytes

SIGNATURE_BYTES = 262

SIGNATURES: Mapping[str, Callable[[bytes], bool]] = {
    "gguf": lambda start: start.startswith(b"GGUF"),
    "safetensors": lambda start: start[5:9] == b"\0\0\0{",  # the end of the header's length, and its first character
    "zip": lambda start: start.startswith(b"PK\3\4"),  # .keras, .pt
    "pickle": lambda start: start.startswith(b"\x80"),
    "hdf5": lambda start: start.startswith(b"\x89HDF\r\n\x1a\n"),
    "tar": lambda start: start[257:262] == b"ustar",
    "onnx": lambda start: len(start) >= 4 and start[0] == 8 and 0 < start[1] < 128,  # field 1 is ir_version
}
"""A pattern of the first SIGNATURE_BYTES of each kind; the first that matches counts."""


def file_kind(content: Any) -> str:
    """The kind of a file's bytes; '' for no bytes, and for bytes of no known kind."""
    if not isinstance(content, Bytes):
        return ""
    start = bytes(content[:SIGNATURE_BYTES])
    return next((kind for kind, matches in SIGNATURES.items() if matches(start)), "")

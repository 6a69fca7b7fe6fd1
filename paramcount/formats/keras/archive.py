"""A .keras file: a zip archive of its config, and of its weights in HDF5."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import isfinite
from struct import unpack
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import orjson

from paramcount.model import budget
from paramcount.model.errors import InvalidDocument, TooLarge

MAX_CONFIG_BYTES = 64 * 2**20
"""The longest config.json, unpacked."""

MAX_PACKED_BYTES = 16 * 2**20
"""The longest weights that are unpacked; Keras does not pack them."""

_WEIGHTS = "model.weights.h5"


def read_config(raw: Any) -> bytes:
    """Return the JSON in a .keras file, or the bytes themselves if they are JSON, with null for NaN and Infinity."""
    config = _read_member(raw) if raw[:2] == b"PK" else bytes(raw)
    budget.check_values(config)
    try:
        return orjson.dumps(parse_finite(config))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidDocument(f"is neither a .keras file nor JSON: {str(error)[:100]}") from None


def find_weights(raw: Any) -> tuple[Any, int, int] | None:
    """Return bytes, the position of a .keras file's weights in them, and their length; None if it has none to read."""
    with _open(raw) as archive:
        if _WEIGHTS not in archive.NameToInfo:
            return None
        member = archive.getinfo(_WEIGHTS)
        if member.compress_type == ZIP_STORED:
            header = member.header_offset
            name_length, extra_length = unpack("<26x2H", raw[header : header + 30])
            return raw, header + 30 + name_length + extra_length, member.file_size
        if member.file_size > MAX_PACKED_BYTES:
            return None
        with archive.open(member) as file:
            return file.read(MAX_PACKED_BYTES), 0, member.file_size


def _read_member(raw: Any) -> bytes:
    with _open(raw) as archive, archive.open("config.json") as member:
        config = member.read(MAX_CONFIG_BYTES + 1)
    if len(config) > MAX_CONFIG_BYTES:
        raise TooLarge(f"holds a config.json of more than {MAX_CONFIG_BYTES:,} bytes")
    return config


@contextmanager
def _open(raw: Any) -> Iterator[ZipFile]:
    """Open an archive. Raises InvalidDocument, also for what is read of it."""
    try:
        with ZipFile(raw if hasattr(raw, "seekable") else BytesIO(raw)) as archive:
            yield archive
    except KeyError:
        raise InvalidDocument("is a zip archive without a config.json: no .keras file") from None
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, NotImplementedError) as error:
        raise InvalidDocument(f"is no zip archive that can be read: {str(error)[:100]}") from None


def may_be_archive(raw: Any) -> bool:
    """Return whether a zip archive looks like a .keras file: it names config.json near its start or end."""
    name = b"config.json"
    return name in bytes(raw[:4096]) or name in bytes(raw[max(0, len(raw) - 2**20) :])


def parse_finite(raw: bytes) -> Any:
    """Return the value of JSON with null for NaN and Infinity, which change no tensor. Raises ValueError."""
    return json.loads(raw, parse_constant=lambda _: None, parse_float=_finite_float)


def _finite_float(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None

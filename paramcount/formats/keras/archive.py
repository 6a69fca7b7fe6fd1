"""A .keras file: a zip archive, of which only config.json is read."""

from __future__ import annotations

import json
from io import BytesIO
from math import isfinite
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import orjson

from paramcount.formats import unique_names
from paramcount.model import budget
from paramcount.model.errors import ArchitectureError, InvalidDocument, TooLarge

_CONFIG = "config.json"

MAX_CONFIG_BYTES = 64 * 2**20
"""The longest config.json, unpacked."""


def read_config(raw: Any) -> bytes:
    """Return the JSON in a .keras file, or the bytes themselves if they are JSON, with null for NaN and Infinity."""
    config = _read_member(raw) if raw[:2] == b"PK" else bytes(raw)
    budget.check_values(config)
    try:
        value = parse_finite(config)
        written = orjson.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidDocument(f"is neither a .keras file nor JSON: {str(error)[:100]}") from None
    unique_names.check(config, value)
    return written


def _read_member(raw: Any) -> bytes:
    """Return the archive's config.json. Raises InvalidDocument or TooLarge."""
    try:
        file = raw if hasattr(raw, "seekable") else BytesIO(raw)
        with ZipFile(file) as archive, archive.open(_find_config(archive)) as member:
            config = member.read(MAX_CONFIG_BYTES + 1)
    except ArchitectureError:
        raise
    except Exception as error:  # noqa: BLE001 # zipfile and its decompressors raise whatever bytes make them
        raise InvalidDocument(f"is no zip archive that can be read: {str(error)[:100]}") from None
    if len(config) > MAX_CONFIG_BYTES:
        raise TooLarge(f"holds a config.json of more than {MAX_CONFIG_BYTES:,} bytes")
    return config


def _find_config(archive: ZipFile) -> ZipInfo:
    """Return the entry of config.json. Raises InvalidDocument."""
    entries = [entry for entry in archive.infolist() if entry.filename == _CONFIG]
    if not entries:
        raise InvalidDocument("is a zip archive without a config.json: no .keras file")
    if len(entries) > 1:
        raise InvalidDocument("is a zip archive with several config.json", code="duplicate_name")
    if entries[0].compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # another may take gigabytes to inflate
        raise InvalidDocument("is a zip archive whose config.json is neither stored nor deflated")
    return entries[0]


def may_be_archive(raw: Any) -> bool:
    """Return whether a zip archive looks like a .keras file: it names config.json near its start or end."""
    name = _CONFIG.encode()
    return bool(raw.find(name, 0, 4096) >= 0 or raw.rfind(name, max(0, len(raw) - 2**20)) >= 0)


def parse_finite(raw: bytes) -> Any:
    """Return the value of JSON with null for NaN and Infinity, which change no tensor. Raises ValueError."""
    return json.loads(raw, parse_constant=lambda _: None, parse_float=_finite_float)


def _finite_float(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None

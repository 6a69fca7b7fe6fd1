"""A .keras file: a zip archive of its config, and of its weights in HDF5."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any
from zlib import crc32

import orjson

from paramcount.formats import unique_names
from paramcount.formats.zip_archive import STORED, Archive, BadArchive, holds
from paramcount.model import budget
from paramcount.model.errors import InvalidDocument

MAX_CONFIG_BYTES = 64 * 2**20
"""The longest config.json, unpacked."""

_MAX_CONFIG_RATIO = 1100
"""More than zlib reaches: how much JSON holds is bounded apart."""

MAX_PACKED_BYTES = 16 * 2**20
"""The longest weights that are unpacked; Keras does not pack them."""

_WEIGHTS = "model.weights.h5"


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


def find_weights(raw: Any) -> tuple[Any, int, int] | None:
    """Return bytes, the position of a .keras file's weights in them, and their length; None if it has none to read."""
    archive = Archive(raw)
    if (entry := archive.entries.get(_WEIGHTS)) is None:
        return None
    if entry.method == STORED:
        return raw, archive.locate(_WEIGHTS), entry.size
    if entry.size > MAX_PACKED_BYTES:
        return None
    return archive.read(_WEIGHTS, MAX_PACKED_BYTES), 0, entry.size


def _read_member(raw: Any) -> bytes:
    archive = Archive(raw)
    if "config.json" not in archive.entries:
        raise InvalidDocument("is a zip archive without a config.json: no .keras file")
    config = archive.read("config.json", MAX_CONFIG_BYTES, _MAX_CONFIG_RATIO)
    if crc32(config) != archive.entries["config.json"].checksum:  # as Keras, which zipfile reads for
        raise BadArchive("is a zip archive whose config.json is damaged: it has another checksum than it says")
    return config


def may_be_archive(raw: Any) -> bool:
    """Return whether a zip archive looks like a .keras file: it holds config.json, or begins with metadata.json."""
    return holds(raw, b"config.json") or holds(raw, b"metadata.json")


def parse_finite(raw: bytes) -> Any:
    """Return the value of JSON with null for NaN and Infinity, which change no tensor. Raises ValueError."""
    return json.loads(raw, parse_constant=lambda _: None, parse_float=_finite_float)


def _finite_float(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None

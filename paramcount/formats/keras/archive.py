"""A .keras file: a zip archive, of which config.json is read and nothing else."""

from __future__ import annotations

import json
import zlib
from io import BytesIO
from math import isfinite
from typing import Any
from zipfile import BadZipFile, ZipFile

from paramcount.model import budget
from paramcount.model.errors import InvalidDocument, TooLarge

MOST_BYTES = 64 * 2**20
"""How long config.json may be, unpacked."""


def opened(raw: bytes | bytearray) -> Any:
    """The JSON that a .keras file holds, or that the bytes themselves are."""
    return _parsed(_member(bytes(raw)) if raw[:2] == b"PK" else bytes(raw))


def _member(raw: bytes) -> bytes:
    try:
        with ZipFile(BytesIO(raw)) as archive, archive.open("config.json") as member:
            found = member.read(MOST_BYTES + 1)
    except KeyError:
        raise InvalidDocument("is a zip archive without a config.json: no .keras file") from None
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, NotImplementedError) as error:
        raise InvalidDocument(f"is no zip archive that can be read: {str(error)[:100]}") from None
    if len(found) > MOST_BYTES:
        raise TooLarge(f"holds a config.json of more than {MOST_BYTES:,} bytes")
    return found


def _parsed(raw: bytes) -> Any:
    budget.check_values(raw)
    try:
        return finite(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"is neither a .keras file nor JSON: {str(error)[:100]}") from None


def finite(raw: bytes) -> Any:
    """JSON with null for NaN and Infinity, which Keras writes of arguments that change no tensor. Raises ValueError."""
    return json.loads(raw, parse_constant=lambda _: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None

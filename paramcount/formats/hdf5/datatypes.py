"""Shapes and types of data: dataspace and datatype messages."""

from __future__ import annotations

from struct import unpack
from typing import NamedTuple

from paramcount.formats.hdf5.storage import Cursor
from paramcount.model.errors import InvalidDocument

FIXED, FLOAT, STRING, OPAQUE, COMPOUND, ENUM, VARIABLE = 0, 1, 3, 5, 6, 8, 9
"""The classes of datatypes that Keras' files have."""

_NO_ELEMENTS = 2
"""The kind of a dataspace of version 2."""

_SIGNED = 0x08
_EXPONENT_AT, _EXPONENT_BITS = 12, 8
_TEXT = 1
"""The kind of a type of variable length that holds texts."""

_FLOATS = {(2, 5): "F16", (2, 8): "BF16", (4, 8): "F32", (8, 11): "F64", (1, 4): "F8_E4M3", (1, 5): "F8_E5M2"}
"""Dtypes by the bytes of an element and the bits of its exponent."""

_COMPLEX = {8: "C64", 16: "C128"}


class Datatype(NamedTuple):
    """The type of an element, and the bytes that it takes."""

    type_class: int
    size: int
    dtype: str = ""  # as safetensors calls it; empty for a type that it does not have
    is_text: bool = False  # of variable length, in a global heap
    length: int = 0  # of the message itself


def parse_shape(body: bytes) -> tuple[int, ...] | None:
    """Return the shape that a dataspace message states; None for one without elements."""
    cursor = Cursor(body, "a dataspace")
    version, rank, _, kind = cursor.take(4)
    if version not in (1, 2):
        raise InvalidDocument(f"has a dataspace of version {version}, where HDF5 has 1 and 2", code="version")
    if version == 1:
        cursor.take(4)
    elif kind == _NO_ELEMENTS:
        return None
    return unpack(f"<{rank}Q", cursor.take(8 * rank))


def parse_datatype(body: bytes) -> Datatype:
    """Return the type that a datatype message states."""
    cursor = Cursor(body, "a datatype")
    version, bits, size = cursor.number(1), cursor.number(3), cursor.number(4)
    version, type_class = version >> 4, version & 0x0F
    if not 1 <= version <= 5:
        raise InvalidDocument(f"has a datatype of version {version}, where HDF5 has 1 to 5", code="version")
    dtype = ""
    if type_class == FIXED:
        dtype = f"{'I' if bits & _SIGNED else 'U'}{8 * size}" if size in (1, 2, 4, 8) else ""
    elif type_class == FLOAT:
        properties = cursor.take(_EXPONENT_AT)
        dtype = _FLOATS.get((size, properties[5]), "")
    elif type_class == ENUM:
        dtype = "BOOL" if size == 1 and bits & 0xFFFF == 2 and b"FALSE" in body and b"TRUE" in body else ""
    elif type_class == COMPOUND:
        dtype = _COMPLEX.get(size, "") if bits & 0xFFFF == 2 else ""
    elif type_class == STRING or (type_class == VARIABLE and bits & 0x0F == _TEXT):
        dtype = "STRING"
    return Datatype(type_class, size, dtype, is_text=type_class == VARIABLE and dtype == "STRING")

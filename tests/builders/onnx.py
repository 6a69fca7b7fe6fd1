"""ONNX models, written byte by byte."""

from __future__ import annotations

from typing import Any

FLOAT, UINT8, INT8, INT64, STRING, FLOAT16, DOUBLE, INT4 = 1, 2, 3, 7, 8, 10, 11, 22


def varint(value: int) -> bytes:
    value %= 2**64
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, *parts: bytes | str) -> bytes:
    raw = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def tensor(name: str, *shape: int, kind: int = FLOAT, more: bytes = b"", packed: bool = False) -> bytes:
    """Return the fields of a TensorProto, without data, as if that were in another file."""
    sizes = b"".join(map(varint, shape)) if packed else b"".join(number(1, size) for size in shape)
    return (message(1, sizes) if packed else sizes) + number(2, kind) + message(8, name) + more


def node(operator: str, *inputs: str, attributes: bytes = b"") -> bytes:
    return message(1, *(message(1, name) for name in inputs), message(2, "y"), message(4, operator), attributes)


def settings(**values: int | str) -> bytes:
    """Return a node's attributes that are integers or texts."""
    return b"".join(
        message(5, message(1, name), number(3, value) if isinstance(value, int) else message(4, value))
        for name, value in values.items()
    )


def init(name: str, *shape: int, **more: Any) -> bytes:
    return message(5, tensor(name, *shape, **more))


def model(*graph: bytes, more: bytes = b"") -> bytes:
    return number(1, 8) + message(7, *graph) + more


IF = node("If", "c", attributes=message(5, message(1, "then_branch"), message(6, init("w", 5))) +
          message(5, message(1, "else_branch"), message(6, init("w", 7))))  # fmt: skip

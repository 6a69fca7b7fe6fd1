"""Bodies that are made to take all memory: each as long as a body may be, with as many values as it may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class LargeBody(NamedTuple):
    """A request that must be answered with a refusal, or with a count."""

    name: str
    path: str
    media: str
    body: bytes


def large_bodies(length: int, values: int) -> Iterator[LargeBody]:
    """Yield the bodies, one at a time: each is large."""
    for name, path, before, part, after in (
        ("lists", "native", b"[", b"[]", b"]"),
        ("objects", "native", b"[", b'{"":1}', b"]"),
        ("numbers", "native", b"[", b"1e9", b"]"),
        ("lists in an envelope", "", b'{"architecture":[', b"[]", b"]}"),
        ("layers", "native", b'{"framework":"keras","input_shape":[3],"layers":[', b'{"type":"ReLU"}', b"]}"),
        ("no layers", "native", b'{"framework":"keras","input_shape":[3],"layers":[', b"{}", b"]}"),
        ("Keras' no layers", "keras", b'{"class_name":"Sequential","config":{"layers":[', b"[]", b"]}}"),
        ("good, then no layers", "native", b'{"input_shape":[3],"layers":[' + b'{"type":"ReLU"},' * 999, b"1", b"]}"),
    ):
        body = _fill(before, part, after, length, values)
        yield LargeBody(name, f"/v1/count/{path}".rstrip("/"), "application/json", body)
    names = b",".join(b'"%07d":{"shape":[1]}' % index for index in range(min(length // 22, values // 3) - 1))
    yield LargeBody("tensors", "/v1/count/tensors", "application/json", b'{"parameters":{' + names + b"}}")
    unknown = b",".join(b'"%07d":0' % index for index in range(min((length - 20) // 12, values - 9)))
    yield LargeBody("unknown members", "/v1/count/native", "application/json", b'{"layers":[],' + unknown + b"}")
    deep = min(length // 2, values - 1)
    yield LargeBody("depth", "/v1/count/native", "application/json", b"[" * deep + b"]" * deep)
    wide = b'["' + "\U0001f600".encode() + b"a" * (length - 8) + b'"]'
    yield LargeBody("a wide string", "/v1/count/native", "application/json", wide)
    lines = _fill(b"Net(", b"\n  (a): ReLU()", b"\n)", length, values, b"").rstrip()
    yield LargeBody("lines", "/v1/count/torch", "text/plain", lines)
    yield LargeBody("brackets", "/v1/count/torch", "text/plain", b"Net" + b"(" * (min(length, values) - 4))
    yield LargeBody("ONNX' parts", "/v1/count/onnx", "application/octet-stream", b"\x3a\x02\x0a\x00" * (length // 4))


def _fill(before: bytes, part: bytes, after: bytes, length: int, values: int, between: bytes = b",") -> bytes:
    """As many parts as fit into a length and into a number of values, and spaces to the full length."""
    marks = sum(map((part + between).count, (b",", b"[", b"{", b"(", b"\n")))
    room, left = length - len(before) - len(after), values - sum(map((before + after).count, (b",", b"[", b"{", b"(")))
    times = min((room + len(between)) // (len(part) + len(between)), (left - 2) // marks)
    return (before + between.join([part] * times) + after).ljust(length)

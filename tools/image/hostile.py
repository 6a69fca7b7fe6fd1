"""Payloads that are made to take all of a container's memory: each as long as a body may be, and dense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Hostile(NamedTuple):
    """A request that must be answered with a refusal, or with a count."""

    name: str
    path: str
    media: str
    body: bytes

    @property
    def nullable(self) -> bool:
        """Whether its parts stand where null could."""
        return self.path.endswith("/keras")


def hostile(length: int) -> Iterator[Hostile]:
    """The payloads, one at a time: they are large."""
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
        yield Hostile(name, f"/v1/count/{path}".rstrip("/"), "application/json", _filled(before, part, after, length))
    names = b",".join(b'"%07d":{"shape":[1]}' % index for index in range((length - 20) // 22))
    yield Hostile("tensors", "/v1/count/tensors", "application/json", b'{"parameters":{' + names + b"}}")
    unknown = b",".join(b'"%07d":0' % index for index in range((length - 20) // 12))
    yield Hostile("unknown members", "/v1/count/native", "application/json", b'{"layers":[],' + unknown + b"}")
    yield Hostile("depth", "/v1/count/native", "application/json", b"[" * (length // 2) + b"]" * (length // 2))
    wide = b'["' + "\U0001f600".encode() + b"a" * (length - 8) + b'"]'
    yield Hostile("a wide string", "/v1/count/native", "application/json", wide)
    yield Hostile("lines", "/v1/count/torch", "text/plain", _filled(b"Net(\n", b"  (a): ReLU()", b"\n)", length, b"\n"))
    yield Hostile("brackets", "/v1/count/torch", "text/plain", b"Net" + b"(" * (length - 3))
    yield Hostile("ONNX' parts", "/v1/count/onnx", "application/octet-stream", b"\x3a\x02\x0a\x00" * (length // 4))


def _filled(before: bytes, part: bytes, after: bytes, length: int, between: bytes = b",") -> bytes:
    """As many parts as fit into a length."""
    times = (length - len(before) - len(after) + len(between)) // (len(part) + len(between))
    return before + between.join([part] * times) + after

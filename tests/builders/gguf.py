"""GGUF files, written byte by byte in either byte order."""

from __future__ import annotations

from struct import pack
from typing import Any

F32, F16, Q4_0, Q4_K, I32 = 0, 1, 2, 12, 26


class Writer:
    """Writes the beginning of a file, in a byte order."""

    def __init__(self, order: str = "<", version: int = 3) -> None:
        self.order, self.version = order, version
        self.pairs: list[bytes] = []
        self.infos: list[bytes] = []

    def pack(self, form: str, *values: Any) -> bytes:
        return pack(self.order + form, *values)

    def string(self, text: str | bytes) -> bytes:
        raw = text if isinstance(text, bytes) else text.encode()
        return self.pack("Q", len(raw)) + raw

    def pair(self, key: str, kind: int, value: bytes) -> Writer:
        self.pairs.append(self.string(key) + self.pack("I", kind) + value)
        return self

    def text(self, key: str, value: str) -> Writer:
        return self.pair(key, 8, self.string(value))

    def number(self, key: str, value: int) -> Writer:
        return self.pair(key, 4, self.pack("I", value))

    def tensor(self, name: str | bytes, dimensions: tuple[int, ...], kind: int = F32, at: int = 0) -> Writer:
        sizes = b"".join(self.pack("Q", size) for size in dimensions)
        self.infos.append(self.string(name) + self.pack("I", len(dimensions)) + sizes + self.pack("IQ", kind, at))
        return self

    def bytes(self, tensors: int | None = None, pairs: int | None = None) -> bytes:
        counts = (
            len(self.infos) if tensors is None else tensors,
            len(self.pairs) if pairs is None else pairs,
        )
        return b"GGUF" + self.pack("IQQ", self.version, *counts) + b"".join(self.pairs + self.infos)


def full(order: str = "<", version: int = 3) -> Writer:
    """A file with something of everything."""
    writer = Writer(order, version).text("general.name", "little").number("general.alignment", 64)
    writer.pair("scalars", 9, writer.pack("IQhh", 3, 2, -1, 1))
    writer.pair("words", 9, writer.pack("IQ", 8, 2) + writer.string("a") + writer.string("éé"))
    writer.pair("lists", 9, writer.pack("IQIQIQ", 9, 2, 0, 0, 4, 0))
    for kind, form, value in [(0, "B", 1), (6, "f", 1.5), (7, "?", True), (10, "Q", 2**60), (12, "d", 0.1)]:
        writer.pair(f"kind {kind}", kind, writer.pack(form, value))
    writer.tensor("token_embd.weight", (64, 3)).tensor("blk.0.w", (32, 2), Q4_0, 768)
    return writer.tensor("blk.1.w", (32, 2), Q4_0, 832).tensor("ids", (5,), I32, 896).tensor("one", (), F16, 960)

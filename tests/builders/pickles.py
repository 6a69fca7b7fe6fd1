"""Pickles written opcode by opcode (protocol 2), and the archives around them: nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from math import prod
from struct import pack
from types import MappingProxyType
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001

STRIDED = "torch._utils _rebuild_tensor_v2"
SIZES = {"Float": 4, "Double": 8, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Char": 1, "Byte": 1, "Bool": 1}


@dataclass(eq=False)
class Name:
    """A class or a function: module and name, with a space between them."""

    path: str


@dataclass(eq=False)
class Call:
    """The result of a function; `state` is given to it then."""

    path: str
    args: tuple[Any, ...] = ()
    state: Any = None
    opcode: bytes = b"R"


@dataclass(eq=False)
class Persistent:
    """Data outside the pickle."""

    id: Any


@dataclass
class Writer:
    """The bytes of one pickle; an object that comes again is taken from the memo."""

    raw: bytearray = field(default_factory=lambda: bytearray(b"\x80\2"))
    memo: dict[int, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)

    def write(self, value: Any) -> None:
        if id(value) in self.memo:
            self.raw += b"j" + pack("<I", self.memo[id(value)])
            return
        if (scalar := _scalar(value)) is not None:
            self.raw += scalar
        elif isinstance(value, Call):
            self.write(Name(value.path))
            self._sequence(b"(", value.args, b"t" + value.opcode)
            self._put(value)
            if value.state is not None:
                self.write(value.state)
                self.raw += b"b"
        elif isinstance(value, Persistent):
            self.write(value.id)
            self.raw += b"Q"
        else:
            self._container(value)

    def _container(self, value: Any) -> None:
        if isinstance(value, tuple):
            self._sequence(b"(", value, b"t")
        elif isinstance(value, list):
            self.raw += b"]"
            self._put(value)
            self._sequence(b"(", value, b"e")
        else:
            self.raw += b"}"
            self._put(value)
            self._sequence(b"(", [part for item in value.items() for part in item], b"u")

    def _sequence(self, start: bytes, values: Any, end: bytes) -> None:
        self.raw += start
        for value in values:
            self.write(value)
        self.raw += end

    def _put(self, value: Any) -> None:
        index = self.memo[id(value)] = len(self.memo)
        self.kept.append(value)
        self.raw += b"r" + pack("<I", index)


def _scalar(value: Any) -> bytes | None:
    """The bytes of a value that is no container."""
    match value:
        case None | True | False:
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(raw)]) + raw
        case float():
            return b"G" + pack(">d", value)
        case str():
            return b"X" + pack("<I", len(value.encode())) + value.encode()
        case bytes():
            return b"B" + pack("<I", len(value)) + value
        case Name():
            return b"c" + value.path.replace(" ", "\n").encode() + b"\n"
    return None


def dump(value: Any) -> bytes:
    """A pickle of a value."""
    writer = Writer()
    writer.write(value)
    return bytes(writer.raw) + b"."


def storage(key: str, size: int, kind: str = "Float", *, legacy: bool = False) -> Persistent:
    module = "torch.storage" if kind == "Untyped" else "torch"
    view = (None,) if legacy else ()
    return Persistent(("storage", Name(f"{module} {kind}Storage"), key, "cpu", size, *view))


def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def tensor(
    key: str,
    *shape: int,
    kind: str = "Float",
    offset: int = 0,
    size: int | None = None,
    stride: Any = None,
    grad: bool = False,
    legacy: bool = False,
) -> Call:
    """A tensor as torch.save writes it: a view of the storage `key`, of `size` elements."""
    held = storage(key, prod(shape) + offset if size is None else size, kind, legacy=legacy)
    hooks = Call("collections OrderedDict")
    return Call(STRIDED, (held, offset, shape, strides(shape) if stride is None else stride, grad, hooks))


def parameter(data: Any, *, grad: bool = True) -> Call:
    return Call("torch._utils _rebuild_parameter", (data, grad, Call("collections OrderedDict")))


def ordered_dict(values: Mapping[Any, Any]) -> Call:
    """An OrderedDict of protocol 2: its items are an argument."""
    return Call("collections OrderedDict", ([[key, value] for key, value in values.items()],))


def module(path: str = "__main__ Net", **parts: Any) -> Call:
    """A whole module: `parameters`, `buffers`, `modules`, and other attributes."""
    state = {
        "training": True,
        "_parameters": parts.pop("parameters", {}),
        "_buffers": parts.pop("buffers", {}),
        "_non_persistent_buffers_set": Call("builtins set", ([],)),
        "_modules": parts.pop("modules", {}),
        **parts,
    }
    return Call(path, (), state, b"\x81")


def storages(value: Any) -> dict[str, int]:
    """The bytes of the storages that a value refers to, by key."""
    sizes: dict[str, int] = {}
    pending, seen = [value], set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Persistent) and isinstance(part.id[1], Name):
            kind = part.id[1].path.split()[1].removesuffix("Storage")
            sizes[part.id[2]] = max(0, part.id[4]) * SIZES.get(kind, 1)
        elif isinstance(part, Call):
            pending += [*part.args, part.state]
        elif isinstance(part, dict):
            pending += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple):
            pending += part
    return sizes


def archive(
    value: Any, root: str = "archive", method: int = ZIP_STORED, members: Mapping[str, bytes] = MappingProxyType({})
) -> bytes:
    """A zip archive of torch.save."""
    raw = value if isinstance(value, bytes) else dump(value)
    files = {"data.pkl": raw, "byteorder": b"little"}
    if not isinstance(value, bytes):
        files |= {f"data/{key}": bytes(size) for key, size in storages(value).items()}
    return zip_files({f"{root}/{name}": data for name, data in {**files, "version": b"3\n", **members}.items()}, method)


def zip_files(files: Mapping[str, bytes], method: int = ZIP_STORED) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as file:
        for name, data in files.items():
            file.writestr(ZipInfo(name), data, compress_type=method)
    return buffer.getvalue()


def legacy(value: Any) -> bytes:
    """A file of torch before 1.6."""
    sizes = storages(value)
    head = dump(MAGIC) + dump(PROTOCOL) + dump({"protocol_version": PROTOCOL, "little_endian": True})
    data = b"".join(pack("<Q", size) + bytes(size) for size in sizes.values())
    return head + dump(value) + dump(list(sizes)) + data


def dtype(name: str) -> Name:
    return Name(f"torch {name}")

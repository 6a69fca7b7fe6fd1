"""HDF5 by hand: structures that contradict each other are refused, within time linear in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import pack
from time import process_time

import pytest

from paramcount.formats.hdf5 import Dataset, Group, open_root
from paramcount.formats.hdf5.checksum import compute
from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import ArchitectureError, Incomplete

UNDEFINED = 2**64 - 1
FLOAT = bytes.fromhex("1120 1f00 0400 0000 0000 2000 1708 0017 7f00 0000")
"""A datatype message: IEEE float, 32 bits, little endian."""


class File:
    """Writes a file of superblock 0, its structures one after the other, each at a multiple of 8."""

    def __init__(self) -> None:
        self.raw = bytearray(96)

    def put(self, content: bytes) -> int:
        """Append a structure; returns its address."""
        self.raw += bytes(-len(self.raw) % 8)
        address = len(self.raw)
        self.raw += content
        return address

    def header(self, *messages: tuple[int, bytes]) -> int:
        """An object header of version 1."""
        body = b"".join(pack("<2HB3x", kind, len(text), 0) + text for kind, text in messages)
        return self.put(pack("<BxHLL4x", 1, len(messages), 1, len(body)) + body)

    def dataset(self, *shape: int, kind: bytes = FLOAT, values: int | None = None, layout: bytes | None = None) -> int:
        """A dataset whose values are zeros; `values` states another address for them."""
        size = 4
        for axis in shape:
            size *= axis
        address = self.put(bytes(size)) if values is None else values
        layout = layout or pack("<BBQQ", 3, 1, address, size)
        space = pack("<BBB5x", 1, len(shape), 0) + pack(f"<{len(shape)}Q", *shape)
        return self.header((1, space), (3, kind), (8, layout + bytes(-len(layout) % 8)))

    def group(self, _cache: int = 0, _level: int = 0, **members: int) -> int:
        """A group with a symbol table."""
        names = b"\0" * 8 + b"".join(name.encode() + b"\0" for name in members)
        offsets = [names.index(name.encode() + b"\0") for name in members]
        data = self.put(names)
        heap = self.put(pack("<4sB3xQQQ", b"HEAP", 0, len(names), UNDEFINED, data))
        entries = (pack("<QQL4x16x", at, member, _cache) for at, member in zip(offsets, members.values(), strict=True))
        symbols = self.put(pack("<4sBxH", b"SNOD", 1, len(members)) + b"".join(entries))
        tree = self.put(pack("<4sBBHQQQQ", b"TREE", 0, _level, 1, UNDEFINED, UNDEFINED, 0, symbols) + bytes(8))
        return self.header((0x11, pack("<QQ", tree, heap)))

    def close(self, root: int) -> bytes:
        """The bytes of the file."""
        self.raw[:96] = pack(
            "<8s5B3B2HL6QL4x16x", b"\x89HDF\r\n\x1a\n", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0,
            0, UNDEFINED, len(self.raw), UNDEFINED, 0, root, 0,
        )  # fmt: skip
        return bytes(self.raw)


def walk(group: Group, prefix: str = "") -> Iterator[tuple[str, Dataset]]:
    for name, member in group.members():
        if isinstance(member, Dataset):
            yield prefix + name, member
        else:
            yield from walk(member, f"{prefix}{name}/")


def shapes(data: object) -> dict[str, tuple[int, ...]]:
    return {path: dataset.shape for path, dataset in walk(open_root(data))}


def simple() -> bytes:
    file = File()
    return file.close(file.group(a=file.group(w=file.dataset(2, 3)), b=file.dataset()))


def test_shapes_by_path() -> None:
    assert shapes(simple()) == {"a/w": (2, 3), "b": ()}


def test_a_section_of_a_file() -> None:
    data = b"before" + simple() + b"after"
    assert [path for path, _ in walk(open_root(data, 6, len(data) - 11))] == ["a/w", "b"]


def test_parts_of_a_file() -> None:
    data = simple() + bytes(2**20)
    file = PartialFile("m.h5", len(data))
    with pytest.raises(Incomplete) as refused:
        shapes(file)
    needs = refused.value.needs
    file.add(needs["first"], data[needs["first"] : needs["last"] + 1])
    assert shapes(file) == {"a/w": (2, 3), "b": ()}


@pytest.mark.parametrize(
    ("text", "value"),
    [  # driver5 of lookup3.c, and the superblock of a file that libhdf5 wrote
        (b"", 0xDEADBEEF),
        (b"Four score and seven years ago", 0x17770551),
        (bytes.fromhex("894844460d0a1a0a02080800") + bytes(8) + b"\xff" * 8 + pack("<QQ", 195, 48), None),
    ],
)
def test_checksum(text: bytes, value: int | None) -> None:
    assert value is None or compute(text) == value


def linked_twice() -> bytes:
    file = File()
    shared = file.dataset(2)
    return file.close(file.group(a=shared, b=shared))


def cycle() -> bytes:
    file = File()
    root = file.group(a=96)  # patched below: the group is its own member
    data = file.close(root)
    return data.replace(pack("<QQL", 8, 96, 0), pack("<QQL", 8, root, 0))


def many_names_of_one_text() -> bytes:
    """Each of 2,000 members has a name of 100,000 characters, which is the same text but for its start."""
    file = File()
    names = b"x" * 100_000 + b"\0"
    heap = file.put(pack("<4sB3xQQQ", b"HEAP", 0, len(names), UNDEFINED, file.put(names)))
    entries = b"".join(pack("<QQL4x16x", number, 96, 0) for number in range(2_000))
    symbols = file.put(pack("<4sBxH", b"SNOD", 1, 2_000) + entries)
    tree = file.put(pack("<4sBBHQQQQ", b"TREE", 0, 0, 1, UNDEFINED, UNDEFINED, 0, symbols) + bytes(8))
    return file.close(file.header((0x11, pack("<QQ", tree, heap))))


def tree_of_one_node() -> bytes:
    """A B-tree of 30 levels, each node of which has the next one 1,000 times."""
    file = File()
    child = file.put(pack("<4sBxH", b"SNOD", 1, 0))
    for level in range(30):
        children = pack("<QQ", 0, child) * 1_000
        child = file.put(pack("<4sBBHQQ", b"TREE", 0, level, 1_000, UNDEFINED, UNDEFINED) + children + bytes(8))
    heap = file.put(pack("<4sB3xQQQ", b"HEAP", 0, 8, UNDEFINED, file.put(bytes(8))))
    return file.close(file.header((0x11, pack("<QQ", child, heap))))


def endless_header() -> bytes:
    file = File()
    first = len(file.raw) + 16
    return file.close(file.header((0x10, pack("<QQ", first, 24))))


def deep() -> bytes:
    file = File()
    group = file.dataset(1)
    for _ in range(3_000):
        group = file.group(a=group)
    return file.close(group)


def one(write: Callable[[File], int]) -> Callable[[], bytes]:
    def make() -> bytes:
        file = File()
        return file.close(file.group(w=write(file)))

    return make


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "signature"),
    "another file": (lambda: bytes(100), "signature"),
    "a superblock alone": (lambda: simple()[:96], "at least the first"),
    "the end is missing": (lambda: simple()[:-1], "at least the first"),
    "a superblock of a later version": (lambda: simple()[:8] + b"\x09" + simple()[9:], "version 9"),
    "addresses of 4 bytes": (lambda: simple()[:13] + b"\x04" + simple()[14:], "4 bytes"),
    "a base address": (lambda: simple()[:24] + b"\x08" + simple()[25:], "relative"),
    "a root beyond the end": (lambda: File().close(2**40), "no 16 more"),
    "a root that is a dataset": (lambda: (file := File()).close(file.dataset(2)), "in place of its root"),
    "a root that is no header": (lambda: (file := File()).close(file.put(bytes(64))), "an object header at byte"),
    "a header that ends beyond the file": (
        lambda: (file := File()).close(file.put(pack("<BxHLL4x", 1, 1, 1, 2**31))),
        "an object header",
    ),
    "an object of nothing": (one(lambda file: file.header()), "neither a group nor a dataset"),
    "an object that is linked twice": (linked_twice, "in two places"),
    "a cycle": (cycle, "in two places"),
    "a soft link": (lambda: (file := File()).close(file.group(_cache=2, w=file.dataset(2))), "to another place"),
    "a B-tree of another level": (lambda: (file := File()).close(file.group(_level=3, w=file.dataset(2))), "B-tree"),
    "a name for many members": (many_names_of_one_text, "again and again"),
    "a node for many parents": (tree_of_one_node, "again and again"),
    "a header that is continued by itself": (endless_header, "again and again"),
    "values beyond the end": (one(lambda file: file.dataset(2, values=2**40)), "the file ends"),
    "a shape that does not fit its values": (
        one(lambda file: file.dataset(3, layout=pack("<BBQQ", 3, 1, 96, 8))),
        "where it needs 12",
    ),
    "a shape without values": (
        one(lambda file: file.dataset(2**20, 2**20, values=96, layout=pack("<BBQQ", 3, 1, UNDEFINED, 0))),
        "does not hold",
    ),
    "a virtual dataset": (one(lambda file: file.dataset(2, layout=pack("<BBQL", 4, 3, 96, 0))), "in other ones"),
    "a type without numbers": (one(lambda file: file.dataset(2, kind=b"\x17" + FLOAT[1:])), "of a type"),
    "a float of a strange exponent": (
        one(lambda file: file.dataset(2, kind=FLOAT[:13] + b"\x09" + FLOAT[14:])),
        "of a type",
    ),
    "a dataspace of a later version": (
        one(lambda file: file.header((1, pack("<BBB5x", 9, 0, 0)), (3, FLOAT), (8, bytes(24)))),
        "dataspace of version 9",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, detail = REFUSED[name]
    data = make()
    began = process_time()
    with pytest.raises(ArchitectureError) as refused:
        shapes(data)
    assert detail in refused.value.detail
    assert process_time() - began < 0.5 + len(data) * 1e-6


def test_every_truncated_file_is_refused() -> None:
    data = simple()
    for length in range(len(data)):
        with pytest.raises(Incomplete if length >= 8 else ArchitectureError):
            shapes(data[:length])


def test_every_changed_byte_is_a_problem_or_an_answer() -> None:
    data = simple()
    for position in range(8, len(data)):
        for value in (0, 1, 127, 255):
            changed = data[:position] + bytes([value]) + data[position + 1 :]
            try:
                answer = shapes(changed)
            except ArchitectureError:
                continue
            assert set(answer.values()) <= {(2, 3), ()}

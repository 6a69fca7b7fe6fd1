"""Records of tensors: matched as a whole they are what the machine makes of them, operation by operation."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest

from paramcount.formats.pickles.machine import Machine
from paramcount.formats.pytorch.rebuild import REBUILDS, load_persistent
from paramcount.formats.pytorch.records import RecordReader
from paramcount.formats.pytorch.tensors import PickledTensor, Storage
from paramcount.model.errors import InvalidDocument

WORDS = (
    b"X\7\0\0\0storageq\1" + b"0ctorch\nFloatStorage\nq\2" + b"0X\3\0\0\0cpuq\3" + b"0ccollections\nOrderedDict\nq\4"
    b"0ctorch._utils\n_rebuild_tensor_v2\nq\x050"
)
"""The words and names that all records refer to, put into the memo."""


def put(index: int) -> bytes:
    return b"r" + pack("<I", index)


def record(
    first: int = 300,
    key: bytes = b"0",
    size: bytes = b"K\x0c",
    offset: bytes = b"K\0",
    sizes: bytes = b"K\3K\4\x86",
    strides: bytes = b"K\4K\1\x86",
    gradient: bytes = b"\x89",
    word: bytes = b"h\1",
    hooks: bytes = b"h\4",
    last: int | None = None,
) -> bytes:
    """The record of a tensor as torch.save writes it; its seven entries of the memo follow each other."""
    puts = [put(first + number) for number in range(6)]
    return (
        b"h\5((" + word + b"h\2X" + pack("<I", len(key)) + key + puts[0] + b"h\3" + size + b"t" + puts[1] + b"Q"
        + offset + sizes + puts[2] + strides + puts[3] + gradient + hooks + b")R" + puts[4] + b"t" + puts[5] + b"R"
        + put(first + 6 if last is None else last)
    )  # fmt: skip


def load(raw: bytes, *, whole: bool) -> tuple[Any, dict[int, Any], int]:
    """The object of a pickle, the memo, and how many records were matched as a whole."""
    machine = Machine(b"\x80\2" + WORDS + raw + b".", builds=REBUILDS, load_persistent=load_persistent)
    reader, matched = RecordReader({}), 0

    def shortcut(at: Machine, position: int) -> int:
        nonlocal matched
        end = reader(at, position)
        matched += end > 0
        return end

    machine.shortcut = shortcut if whole else None
    return machine.load(), machine.memo, matched


def plain(value: Any) -> Any:
    if isinstance(value, PickledTensor | Storage):
        return {name: plain(getattr(value, name)) for name in value.__slots__}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | dict | bool | None) else type(value).__name__


@pytest.mark.parametrize(
    ("raw", "matched"),
    [
        (record(), 1),
        (record(gradient=b"\x88"), 1),
        (record(key=b"1234", size=b"M\0\2", offset=b"M\0\1"), 1),
        (record(size=b"J\0\0\0\1", sizes=b"J\0\0\1\0\x85", strides=b"K\1\x85"), 1),
        (record(size=b"K\x18", sizes=b"(K\1K\2K\3K\4t", strides=b"(K\x18K\x0cK\4K\1t"), 1),
        (b"(" + record() + record(400, key=b"1") + b"l", 2),
        (record(first=300) + b"0j" + pack("<I", 306), 1),  # taken from the memo again
        (record(first=300) + b"0j" + pack("<I", 302), 1),  # its sizes, as no pickler does
        (record(sizes=b")", strides=b")"), 0),  # a scalar
        (record(sizes=b"K\0\x85", strides=b"K\1\x85"), 0),  # an empty tensor
        (record(last=400), 0),
        (record(size=b"\x8a\1\x0c"), 0),
        (record(key=b"0x"), 0),
        (record(hooks=b"h\1"), 0),  # the call of a text makes a record of it
        (record(first=300).replace(b"X\1\0\0\x000", b"X\6\0\0\x000"), 0),  # a key with what looks as its end in it
    ],
)
def test_both_ways_are_one(raw: bytes, matched: int) -> None:
    value, memo, count = load(raw, whole=True)
    other, other_memo, none = load(raw, whole=False)
    assert (count, none) == (matched, 0)
    assert plain(value) == plain(other)
    assert {index: plain(item) for index, item in memo.items()} == {
        index: plain(item) for index, item in other_memo.items()
    }


@pytest.mark.parametrize(
    "raw",
    [
        record(word=b"h\3"),  # not a storage
        record(size=b"K\x0b"),  # beyond its storage
        record(offset=b"K\1"),
        record(sizes=b"J\xff\xff\xff\xffK\4\x86"),
        record(size=b"J\xff\xff\xff\xff"),
        record(sizes=b"K\3K\4\x85"),
        record(strides=b"K\1\x85"),
        record()[:-1],
    ],
)
def test_both_ways_refuse_the_same(raw: bytes) -> None:
    details = []
    for whole in (True, False):
        with pytest.raises(InvalidDocument) as refused:
            load(raw, whole=whole)
        details.append(refused.value.detail)
    assert details[0] == details[1]

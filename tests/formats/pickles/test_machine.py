"""The machine for pickles: what Python's own pickler writes, every opcode by hand, and what is refused."""

from __future__ import annotations

import pickle
import pickletools
from collections import OrderedDict, deque
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramcount.formats.pickles.machine import BadPickle, Machine
from paramcount.formats.pickles.objects import Global, Instance, Key
from paramcount.formats.pickles.opcodes import HANDLERS, OPERAND_BYTES
from paramcount.model import budget
from paramcount.model.errors import Incomplete, TooLarge


def load(raw: bytes, **options: Any) -> Any:
    return Machine(raw, builds={}, **options).load()


def plain(value: Any) -> Any:
    """A value with the machine's records made comparable. Only for values that a test wrote."""
    match value:
        case dict():
            return {plain(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(map(plain, value))
        case Key():
            return plain(value.value)
        case Global():
            return value.path
        case Instance():
            return [plain(part) for part in (value.type, value.args, value.state, value.items, value.entries)]
        case memoryview():
            return bytes(value)
        case _:
            return value


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner)
    ),
)


@given(VALUES, st.integers(2, 5))
def test_plain_values_are_as_python_reads_them(value: Any, protocol: int) -> None:
    raw = pickle.dumps(value, protocol)
    if b"_codecs" not in raw and b"__builtin__" not in raw:  # bytes of protocol 2 are a call
        assert plain(load(raw)) == value


@given(VALUES)
def test_the_protocols_of_text(value: Any) -> None:
    raw = pickle.dumps(value, 0)
    if b"_codecs" not in raw and b"__builtin__" not in raw:
        assert plain(load(raw)) == value


class Point:
    def __init__(self) -> None:
        self.x = 3


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_objects_are_records(protocol: int) -> None:
    point, called, queue = load(pickle.dumps([Point(), OrderedDict(a=1), deque([1, 2])], protocol))
    assert (point.class_name, point.attributes) == ("Point", {"x": 3})
    assert (called.type.path, called.entries) == ("collections.OrderedDict", {"a": 1})
    assert (queue.type.path, queue.items) == ("collections.deque", [1, 2])


def test_one_object_is_one_record() -> None:
    shared = [1]
    first, second = load(pickle.dumps([shared, shared]))
    assert first is second
    circle: list[Any] = []
    circle.append(circle)
    assert (loaded := load(pickle.dumps(circle)))[0] is loaded


def test_every_opcode_has_a_handler() -> None:
    missing = {code.name for code in pickletools.opcodes if HANDLERS[ord(code.code)].__name__ == "_refuse"}
    assert missing == {"BINPUT", "BINGET", "LONG_BINPUT", "BININT1", "MARK"}  # in the loop itself
    for code in pickletools.opcodes:
        if code.arg is not None and code.arg.n > 0:
            assert OPERAND_BYTES[ord(code.code)] == code.arg.n, code.name


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"I01\n.", True),
        (b"I-7\n.", -7),
        (b"L12L\n.", 12),
        (b"F1.5\n.", 1.5),
        (b"S'a\\x41'\n.", "aA"),
        (b"Va\\u0041\n.", "aA"),
        (b"T\1\0\0\0a.", "a"),
        (b"U\1a.", "a"),
        (b"\x8a\0.", 0),
        (b"\x8b\2\0\0\0\0\x80.", -(2**15)),
        (b"(K\1K\2d.", {1: 2}),
        (b"(lp0\nK\1ag0\n0.", [1]),
        (b"(K\1K\2l.", [1, 2]),
        (b"K\1K\x02\x86.", (1, 2)),
        (b"\x8f(K\1\x90.", [1]),
        (b"(K\1\x91.", (1,)),
        (b"K\1(K\2K\x031.", 1),
        (b"K\x01\x32\x86.", (1, 1)),
        (b"}K\1K\2s.", {1: 2}),
        (b"(ios\nsystem\n.", ["os.system", (), None, None, None]),
        (b"(cos\nsystem\nK\1o.", ["os.system", (1,), None, None, None]),
        (b"cos\nsystem\nK\1\x85R.", ["os.system", (1,), None, None, None]),
        (b"\x8c\2os\x8c\6system\x93)\x81.", ["os.system", (), None, None, None]),
        (b"\x8c\2os\x8c\6system\x93)}\x92.", ["os.system", ((), {}), None, None, None]),
        (b"cos\nsystem\n)\x81}X\1\0\0\0aK\1sb.", ["os.system", (), {"a": 1}, None, None]),
        (b"\x95\2\0\0\0\0\0\0\0K\1.", 1),
        (b"\x96\1\0\0\0\0\0\0\0a.", b"a"),
    ],
)
def test_operations(raw: bytes, value: Any) -> None:
    assert plain(load(raw)) == value


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"\xfe.", "operation 0xfe"),
        (b"\x80\6N.", "protocol 6"),
        (b".", "another number of values"),
        (b"NN.", "another number of values"),
        (b"(N.", "another number of values"),
        (b"0.", "more values from its stack"),
        (b"NR.", "more values from its stack"),
        (b"K\1\x86.", "more values from its stack"),
        (b"t.", "more values from its stack"),
        (b"u.", "more values from its stack"),
        (b"(o.", "other values from its stack"),
        (b"h\0.", "gets from its memo"),
        (b"j\0\0\0\0.", "gets from its memo"),
        (b"g7\n.", "gets from its memo"),
        (b"Np-1\n.", "no number"),
        (b"I1x\n.", "no such value"),
        (b"I" + b"9" * 5000 + b"\n.", "no such value"),
        (b"L" + b"9" * 5000 + b"L\n.", "no such value"),
        (b"S'a\n.", "no such value"),
        (b"S'\\x'\n.", "no such value"),
        (b"V\\u00\n.", "no such value"),
        (b"X\1\0\0\0\xff.", "not UTF-8"),
        (b"\x8b\xff\xff\xff\xff.", "negative length"),
        (b"NNa.", "appends to what is no list"),
        (b"N(e.", "appends to what is no list"),
        (b"]K\1K\2s.", "into what is no dict"),
        (b"}(K\1u.", "a key without a value"),
        (b"}]K\1s.", "a key that cannot be one"),
        (b"K\1K\2\x93.", "no text"),
        (b"\x82\1.", "by a number"),
        (b"\x97.", "a buffer that is not in the file"),
        (b"NQ.", "data outside it"),
        (b"P1\n.", "data outside it"),
    ],
)
def test_refused(raw: bytes, detail: str) -> None:
    with pytest.raises(BadPickle) as refused:
        load(raw)
    assert detail in refused.value.detail


@pytest.mark.parametrize(
    ("raw", "needed"),
    [
        (b"", 1),
        (b"N", 2),
        (b"K", 2),
        (b"M\1", 3),
        (b"X\1\0\0", 5),
        (b"X\xff\xff\xff\xff", 5 + 2**32 - 1),
        (b"\x8e" + pack("<Q", 2**63), 9 + 2**63),
        (b"\x96" + pack("<Q", 2**63), 9 + 2**63),
        (b"\x8b\xff\xff\xff\x7f", 5 + 2**31 - 1),
        (b"cos\n", 5),
        (b"I1", 3),
        (b"q", 2),
        (b"Nr\0\0\0", 6),
    ],
)
def test_bytes_that_are_missing(raw: bytes, needed: int) -> None:
    with pytest.raises(Incomplete) as missing:
        load(raw, is_whole=False)
    assert missing.value.needs["last"] + 1 == needed
    with pytest.raises(BadPickle, match="not complete"):
        load(raw)


def test_a_pickle_ends_at_its_end() -> None:
    with pytest.raises(BadPickle, match="not complete"):
        load(b"K\1NN.", end=3)
    with pytest.raises(BadPickle, match="not complete"):
        load(b"X\3\0\0\0abc.", end=7)


@pytest.mark.parametrize(
    "raw", [b"]" * 20_000, b"(" * 20_000, b"N" * 200_000, b"N" + b"\x94" * 30_000, b"NN\x86" * 9000]
)
def test_values_are_counted(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "max_values", lambda: 8000)
    with pytest.raises(TooLarge, match="8,000 values"):
        load(raw + b".")


def test_nothing_is_hashed_and_nothing_recurses() -> None:
    """A tuple in itself twice takes Python time by 2^n to hash; a list in a list takes it a frame each."""
    key = b"N" + b"\x32\x86" * 200
    assert isinstance(next(iter(load(b"}" + key + b"Ns."))), Key)
    assert load(b"]" * 10_000 + b"a" * 9999 + b".") is not None
    assert load(b"Nr" + b"\xff" * 4 + b".") is None  # Python would make a memo of 2^32 places

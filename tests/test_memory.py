"""What is remembered, and under which keys."""

from __future__ import annotations

from math import inf

import pytest

from paramcount.formats.keras.archive import finite
from paramcount.model import cache as memory


def test_keys_tell_types_apart() -> None:
    for key in (memory.key, memory.key_of_json, memory.digest):
        assert len({key([value]) for value in (1, 1.0, True, "1", None)}) == 5


def test_what_is_too_much_has_no_key() -> None:
    nested: list[object] = []
    for _ in range(3000):
        nested = [nested]
    for key in (memory.key, memory.key_of_json, memory.digest):
        assert key(nested) is None
        assert key("x" * memory.LONGEST_DIGESTED) is None
    assert memory.key("x" * memory.LONGEST) is memory.key_of_json("x" * memory.LONGEST) is None
    assert len(memory.digest("x" * memory.LONGEST) or b"") == 32


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999"])
def test_an_archive_has_no_infinities_that_a_key_would_take_for_null(text: str) -> None:
    assert finite(f'[{text}, 1.5, "{inf}"]'.encode()) == [None, 1.5, "inf"]


def test_where_there_is_too_much_all_is_forgotten() -> None:
    known: memory.Memory[bytes] = memory.Memory(10, len)
    known.keep(b"a", b"1234")
    known.keep(b"b", b"123456")
    assert (known.recall(b"a"), known.recall(b"b")) == (b"1234", b"123456")
    known.keep(b"c", b"1")
    assert (known.recall(b"a"), known.recall(b"b"), known.recall(b"c")) == (None, None, b"1")


def test_what_would_fill_the_memory_alone_is_not_kept() -> None:
    known: memory.Memory[bytes] = memory.Memory(10, len)
    known.keep(b"a", b"1")
    known.keep(b"b", b"12345678901")
    known.keep(None, b"1")
    assert (known.recall(b"a"), known.recall(b"b"), known.recall(None)) == (b"1", None, None)


def test_what_comes_once_is_not_kept() -> None:
    known: memory.Recurring[int] = memory.Recurring()
    known.keep(b"a", 1)
    known.keep(None, 1)
    assert (known.recall(b"a"), known.recall(None)) == (None, None)
    known.keep(b"a", 2)
    known.keep(None, 2)
    assert (known.recall(b"a"), known.recall(None)) == (2, None)


def test_of_what_comes_once_no_more_is_known_than_of_what_comes_again() -> None:
    known: memory.Recurring[int] = memory.Recurring()
    for key in range(memory.MOST + 1):
        known.keep(key, key)
    known.keep(0, 0)
    assert known.recall(0) is None
    known.keep(memory.MOST, 1)
    assert known.recall(memory.MOST) == 1

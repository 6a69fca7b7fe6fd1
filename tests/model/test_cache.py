"""Caches and their keys."""

from __future__ import annotations

from math import inf

import pytest

from paramcount.formats.keras.archive import parse_finite
from paramcount.model.cache import (
    MAX_ENTRIES,
    MAX_FINGERPRINT_BYTES,
    MAX_KEY_BYTES,
    Cache,
    encode_key,
    fingerprint,
)


@pytest.mark.parametrize("key", [encode_key, fingerprint])
def test_keys_of_different_types_differ(key: object) -> None:
    assert callable(key)
    assert len({key([value]) for value in (1, 1.0, True, "1", None)}) == 5


def test_too_much_has_no_key() -> None:
    nested: list[object] = []
    for _ in range(3000):
        nested = [nested]
    assert encode_key(nested) is None
    assert fingerprint(nested) is None
    assert encode_key("x" * MAX_KEY_BYTES) is None
    assert fingerprint("x" * MAX_FINGERPRINT_BYTES) is None
    assert len(fingerprint("x" * MAX_KEY_BYTES) or b"") == 32


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999"])
def test_an_archive_has_no_infinities_that_a_key_would_take_for_null(text: str) -> None:
    assert parse_finite(f'[{text}, 1.5, "{inf}"]'.encode()) == [None, 1.5, "inf"]


def test_a_full_cache_is_cleared() -> None:
    cache: Cache[bytes] = Cache(10, len)
    cache.put(b"a", b"1234")
    cache.put(b"b", b"123456")
    assert (cache.get(b"a"), cache.get(b"b")) == (b"1234", b"123456")
    cache.put(b"c", b"1")
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c")) == (None, None, b"1")


def test_a_value_that_outweighs_the_cache_is_not_kept() -> None:
    cache: Cache[bytes] = Cache(10, len)
    cache.put(b"a", b"1")
    cache.put(b"b", b"12345678901")
    cache.put(None, b"1")
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(None)) == (b"1", None, None)


def test_a_key_that_is_put_twice_weighs_once() -> None:
    cache: Cache[bytes] = Cache(10, len)
    for _ in range(5):
        cache.put(b"a", b"1234")
    cache.put(b"b", b"123456")
    assert (cache.get(b"a"), cache.get(b"b")) == (b"1234", b"123456")


def test_admission_on_second_use() -> None:
    cache: Cache[int] = Cache(admit_on_second_use=True)
    cache.put(b"a", 1)
    cache.put(None, 1)
    assert (cache.get(b"a"), cache.get(None)) == (None, None)
    cache.put(b"a", 2)
    cache.put(None, 2)
    assert (cache.get(b"a"), cache.get(None)) == (2, None)


def test_the_doorkeeper_is_bounded() -> None:
    cache: Cache[int] = Cache(admit_on_second_use=True)
    for key in range(MAX_ENTRIES + 1):
        cache.put(key, key)
    cache.put(0, 0)
    assert cache.get(0) is None
    cache.put(MAX_ENTRIES, 1)
    assert cache.get(MAX_ENTRIES) == 1

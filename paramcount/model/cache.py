"""Bounded caches shared by all requests of a process, and fingerprints of plain data as their keys."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache, wraps
from hashlib import blake2b
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MAX_ENTRIES = 2048
"""The most values of a cache by default; a model of a thousand layers has a few hundred different ones."""

MAX_KEY_BYTES = 4096
"""The longest key; a layer with a longer config is not cached."""

MAX_FINGERPRINT_BYTES = 65_536
"""The longest encoded data that gets a fingerprint."""


def cache_by_text(max_entries: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Cache what a function returns by its arguments; where the first, a text, is long, compute it each time."""

    def decorate(function: Callable[..., T]) -> Callable[..., T]:
        cached = lru_cache(max_entries)(function)
        return wraps(function)(
            lambda text, *args: cached(text, *args) if len(text) <= MAX_KEY_BYTES // 4 else function(text, *args)
        )

    return decorate


def encode_key(content: Any, max_bytes: int = MAX_KEY_BYTES) -> bytes | None:
    """Return plain data as a key in which 1, 1.0 and True differ; None where it is longer than `max_bytes`."""
    try:
        key = marshal.dumps(content, 2)
    except ValueError:  # not plain, or nested too deeply
        return None
    return key if len(key) <= max_bytes else None


def fingerprint(content: Any) -> bytes | None:
    """Return the BLAKE2b-256 digest of plain data; None above MAX_FINGERPRINT_BYTES."""
    key = encode_key(content, MAX_FINGERPRINT_BYTES)
    return None if key is None else blake2b(key, digest_size=32).digest()


class Doorkeeper:
    """Remembers, by hash, which keys were seen before (TinyLFU's doorkeeper); cleared when full."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._hashes: set[int] = set()

    def __contains__(self, key: Hashable) -> bool:
        """Return whether the key, or one of the same hash, was seen before."""
        return hash(key) in self._hashes

    def seen_before(self, key: Hashable) -> bool:
        """Return whether the key was seen before, and record it."""
        hashed = hash(key)
        if hashed in self._hashes:
            return True
        if len(self._hashes) >= self._max_entries:
            self._hashes.clear()
        self._hashes.add(hashed)
        return False


class Cache(Generic[T]):
    """A mapping bounded by the weight of its values; cleared when full.

    With `admit_on_second_use`, a value is kept only when its key is put for a second time: most keys that come once
    never come again, and would only fill it.
    """

    def __init__(
        self,
        max_weight: int = MAX_ENTRIES,
        weigh: Callable[[T], int] | None = None,
        *,
        admit_on_second_use: bool = False,
    ) -> None:
        """Without `weigh` each value weighs 1."""
        self._max_weight, self._weigh, self._weight = max_weight, weigh, 0
        self._values: dict[Hashable, T] = {}
        self.get = self._values.get  # the value of a key, or None: every layer asks
        self._doorkeeper = Doorkeeper() if admit_on_second_use else None

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._values)

    def put(self, key: Hashable, value: T) -> None:
        """Keep a value; None as a key, and a value that outweighs the cache, are not kept."""
        if key is None or (self._doorkeeper is not None and not self._doorkeeper.seen_before(key)):
            return
        weight = self._weigh(value) if self._weigh else 1
        if weight > self._max_weight or key in self._values:
            return
        if self._weight + weight > self._max_weight:
            self.clear()
        self._weight += weight
        self._values[key] = value

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()
        self._weight = 0

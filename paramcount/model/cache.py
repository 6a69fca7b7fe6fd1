"""What a process remembers between documents, within bounds: nearly all models are made of the same few layers."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import orjson

T = TypeVar("T")

MOST = 2048
"""How many different things are remembered; a model of a thousand layers has a few hundred kinds of them."""

LONGEST = 4096
"""How long the key of one may be, in bytes."""

LONGEST_DIGESTED = 65_536
"""How long what a digest stands for may be."""


def key(content: Any, longest: int = LONGEST) -> bytes | None:
    """Plain data as a key, which tells 1 from 1.0 and from True; None where there is too much of it."""
    try:
        found = marshal.dumps(content, 2)
    except ValueError:
        return None
    return found if len(found) <= longest else None


def digest(content: Any) -> bytes | None:
    """The same of more, in 32 bytes that nothing else has."""
    found = key(content, LONGEST_DIGESTED)
    return None if found is None else blake2b(found, digest_size=32).digest()


def key_of_json(content: Any) -> bytes | None:
    """The same of what was JSON, which has no tuples and no infinities to tell apart: it takes a sixth of the time."""
    try:
        found = orjson.dumps(content)
    except TypeError:  # nested too deeply
        return None
    return found if len(found) <= LONGEST else None


class Memory(Generic[T]):
    """Things by key; when there are too many, all are forgotten."""

    def __init__(self, most: int = MOST, weight: Callable[[T], int] | None = None) -> None:
        """`most`: how many; or how much of them by `weight`, which each thing has."""
        self._most, self._weight, self._held = most, weight, 0
        self._things: dict[Hashable, T] = {}

    def recall(self, key: Hashable) -> T | None:
        """What was kept under `key`."""
        return self._things.get(key)

    def keep(self, key: Hashable, thing: T) -> None:
        if key is None:
            return
        weight = self._weight(thing) if self._weight else 1
        if weight > self._most:
            return
        if self._held + weight > self._most:
            self._things.clear()
            self._held = 0
        self._held += weight
        self._things[key] = thing


class Met:
    """What came before; when it is too much, all is forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._hashes: set[int] = set()

    def __contains__(self, key: Hashable) -> bool:
        """Whether it, or something of the same hash, came before."""
        return hash(key) in self._hashes

    def again(self, key: Hashable) -> bool:
        """The same; from now on it did."""
        met = hash(key)
        if met in self._hashes:
            return True
        if len(self._hashes) >= self._most:
            self._hashes.clear()
        self._hashes.add(met)
        return False


class Recurring(Memory[T]):
    """Things by key, kept when they come a second time: most that come once never come again, and would only fill it.

    A large document of layers that are all different is counted a sixth sooner so.
    """

    def __init__(self) -> None:
        super().__init__()
        self._met = Met()

    def keep(self, key: Hashable, thing: T) -> None:
        if self._met.again(key):
            super().keep(key, thing)

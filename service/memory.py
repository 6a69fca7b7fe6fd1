"""What a process remembers between documents, within bounds: nearly all models are made of the same few layers."""

from __future__ import annotations

import marshal
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MOST = 2048
"""How many different things are remembered; a model of a thousand layers has a few hundred kinds of them."""

LONGEST = 4096
"""How long the key of one may be, in bytes."""


def key(content: Any) -> bytes | None:
    """Plain data as a key, which tells 1 from 1.0 and from True; None where there is too much of it."""
    try:
        found = marshal.dumps(content, 2)
    except ValueError:
        return None
    return found if len(found) <= LONGEST else None


class Memory(Generic[T]):
    """Things by key; when there are too many, all are forgotten."""

    def __init__(self) -> None:
        self._things: dict[bytes, T] = {}

    def recall(self, key: bytes | None) -> T | None:
        """What was kept under `key`."""
        return self._things.get(key) if key is not None else None

    def keep(self, key: bytes | None, thing: T) -> None:
        if key is not None:
            if len(self._things) >= MOST:
                self._things.clear()
            self._things[key] = thing

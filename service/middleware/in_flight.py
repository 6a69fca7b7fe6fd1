"""Requests in flight: memory that a worker shares with gunicorn's master, which logs what a killed worker answered."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from mmap import mmap

_BYTES = 256
"""The room of one request: its id of at most 128 characters, its route, and a zero at the end."""


class InFlight:
    """The requests that one worker answers, by slot."""

    def __init__(self) -> None:
        self._memory = mmap(-1, _BYTES)

    def reserve(self, slots: int) -> None:
        """Make room for so many requests."""
        self._memory = mmap(-1, max(len(self._memory), slots * _BYTES))

    def share(self) -> InFlight:
        """Take new memory for a worker that is forked next; return the master's view of it."""
        self._memory = mmap(-1, len(self._memory))
        return copy(self)

    def begin(self, slot: int, request_id: str, route: str) -> None:
        """Note the request that has a slot from now on."""
        text = f"{request_id} {route}".encode("ascii", "replace")[: _BYTES - 1]
        start = slot * _BYTES
        self._memory[start : start + len(text) + 1] = text + b"\0"

    def end(self, slot: int) -> None:
        """Forget the request of a slot."""
        self._memory[slot * _BYTES] = 0

    def __iter__(self) -> Iterator[str]:
        """Yield the id and the route of each request."""
        for start in range(0, len(self._memory), _BYTES):
            if text := self._memory[start : start + _BYTES].partition(b"\0")[0]:
                yield text.decode("ascii")


in_flight = InFlight()
"""The requests that this worker answers."""

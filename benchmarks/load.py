"""Requests over one connection that is kept, and what they cost the workers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http.client import HTTPConnection
from itertools import count
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from benchmarks.bodies import Body


class Cost(NamedTuple):
    """Of one request."""

    cpu: float  # seconds, of all workers
    wall: float  # seconds


def cpu_seconds(processes: Sequence[int]) -> float:
    """Return the seconds of CPU that processes used; Linux derives the id of a process's clock from its number."""
    return sum(time.clock_gettime((~process << 3) | 2) for process in processes)


_NUMBERS = count(1)


Kind = Literal["again", "new", "other"]
"""The same request again; a new one, by a parameter without meaning; one in other sizes."""


def ask(connection: HTTPConnection, body: Body, kind: Kind = "new") -> bytes:
    """Return the answer to one request. Raises AssertionError if its status is not 200."""
    number = next(_NUMBERS)
    media = body.media if kind == "again" else f"{body.media}; number={number}"
    raw = body.other(number) if kind == "other" else body.raw
    connection.request("POST", body.path, raw, {"Content-Type": media})
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, answer[:500]
    return answer


def connect(url: str) -> HTTPConnection:
    """Return a connection to a service."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    return HTTPConnection(parts.hostname, parts.port, timeout=120)


def cost(connection: HTTPConnection, workers: Sequence[int], body: Body, times: int, kind: Kind = "new") -> Cost:
    """Return the mean cost of so many requests."""
    cpu, wall = cpu_seconds(workers), time.perf_counter()
    for _ in range(times):
        ask(connection, body, kind)
    return Cost((cpu_seconds(workers) - cpu) / times, (time.perf_counter() - wall) / times)

"""Searches for requests that cost most for each byte: CPU, memory, length of the answer.

    python -m tools.fuzz.cost --seconds 120 --seed 1

A request of 100 bytes to 100 kB may take 1 ms of CPU and 20 kB of memory a byte, and its answer 1 kB a byte.
Dearer ones are left in the folder that is named at the end.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import count
from pathlib import Path
from random import Random
from struct import error as NotPacked  # noqa: N812 # an error like others
from typing import Any, NamedTuple

from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tools.fuzz.probes import Probe, seeds, with_options

MIN_BYTES, MAX_BYTES = 100, 100_000

_SHARED = 3 if "CI" in os.environ else 1
"""CI shares its machine: there times are this much longer."""

MAX_SECONDS_PER_BYTE = 0.001 * _SHARED
MAX_MEMORY_PER_BYTE = 20_000
MAX_ANSWER_PER_BYTE = 1_000
_FREE_SECONDS, _FREE_BYTES = 0.02, 4 * 2**20
"""Seconds and bytes that a request of any length may take: the first of a class loads its blueprint."""

_COMMON_SECONDS, _COMMON_BYTES = 0.005, 100_000
"""Seconds and bytes that every request takes: without them, the shortest would seem the dearest."""

_MAX_GROWTH, _MIN_COMPARED_SECONDS = 3.0 * _SHARED, 0.1
"""A value twice as long may make a request so many times as dear, where it takes long enough to be measured."""

_KEPT = 12
"""The dearest requests of each kind that are altered further."""

_INTEGERS = (
    0, 1, 2, 3, 7, 64, 1000, 1024, 9_999, 10_000, 99_999, 100_000, 1_000_000, 2**20, 2**31 - 1, 2**40, 2**40 - 87,
    2**40 + 1, 2**53, 2**63, -1,
)  # fmt: skip
_STRINGS = (
    "*",
    "a.b",
    "0-9999",
    "0-999999",
    "1,1,1,1",
    "(?i:[\x01-\uffff])",
    "(?!.*a).*",
    ".*(a|b|ab)*c",
    "layers.0",
    "",
)


class Cost(NamedTuple):
    """Time, memory and answer of a request, and its length."""

    length: int
    status: int
    seconds: float
    memory: int
    answer: int

    @property
    def fitness(self) -> float:
        """The largest part of what it may take; above 1 it takes too much."""
        length = max(self.length, MIN_BYTES)
        return max(
            (self.seconds - _FREE_SECONDS) / (length * MAX_SECONDS_PER_BYTE),
            (self.memory - _FREE_BYTES) / (length * MAX_MEMORY_PER_BYTE),
            (self.answer - _FREE_BYTES) / (length * MAX_ANSWER_PER_BYTE),
        )

    def __str__(self) -> str:
        return (
            f"{self.fitness:6.2f}  {self.length:7,} bytes: {self.status}, {self.seconds:.2f} s of CPU, "
            f"{self.memory / 1e6:.0f} MB, an answer of {self.answer:,} bytes"
        )


def measure(client: FlaskClient, probe: Probe) -> Cost:
    """Ask the service in this process, and measure what that took."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory is from now on
    before, began = _memory("VmRSS"), time.thread_time()
    length, status, answer = ask(client, probe)
    seconds = time.thread_time() - began
    return Cost(length, status, seconds, _memory("VmHWM") - before, answer)


def ask(client: FlaskClient, probe: Probe) -> tuple[int, int, int]:
    """Ask the service in this process; return the lengths of the request, the status, and the length of the answer."""
    media, body = probe.body()
    headers = {"Content-Type": media, "Accept": probe.accept if probe.route.startswith("count") else "*/*"}
    response = client.post(probe.url, data=body, headers=headers)
    return len(body) + len(probe.url), response.status_code, len(response.data)


def _memory(field: str) -> int:
    """Return a figure of this process's memory in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


class _Member(NamedTuple):
    """A value in plain data: what holds it, and where."""

    container: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.container[self.key]

    def put(self, value: Any) -> None:
        self.container[self.key] = value


def _members(holder: Any) -> Iterator[_Member]:
    pending = [holder]
    while pending:
        container = pending.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            yield _Member(container, key)
            if isinstance(container[key], dict | list):
                pending.append(container[key])


def alter(random: Random, probe: Probe, others: Sequence[Probe]) -> Probe:
    """Return a request that differs in some members: larger numbers, doubled lists and names, parts of another."""
    holder = [deepcopy(probe.data)]
    for _ in range(random.choice((1, 1, 2, 3))):
        members = list(_members(holder))
        member = random.choice(members)
        value = member.value
        if isinstance(value, bool) or value is None or isinstance(value, float):
            member.put(random.choice((True, False, None, 0.5, *_INTEGERS)))
        elif isinstance(value, int):
            member.put(random.choice(_INTEGERS))
        elif isinstance(value, str):
            member.put(_alter_string(random, value))
        else:
            member.put(_alter_container(random, value, others))
    altered = probe._replace(data=holder[0])
    if random.random() < 0.2:
        altered = random.choice([*with_options(altered), altered._replace(query=(), accept="application/json")])
    return altered


def _alter_string(random: Random, value: str) -> str:
    how = random.randrange(4)
    if how == 0:
        return value * random.choice((2, 2, 10, 100))
    if how == 1:
        return value + "a" * random.choice((10, 1_000, 10_000))
    return random.choice(_STRINGS) if how == 2 else random.choice(_STRINGS) * random.choice((1, 20, 200))


def _alter_container(random: Random, value: Any, others: Sequence[Probe]) -> Any:
    if random.random() < 0.15:
        other = random.choice([member.value for member in _members([random.choice(others).data])])
        return deepcopy(other)
    times = random.choice((2, 2, 2, 10, 100))
    is_renamed = random.random() < 0.7
    numbers = count(random.randrange(1000))
    if isinstance(value, list):
        copies = [deepcopy(item) for _ in range(times) for item in value]
        for index, item in enumerate(copies[len(value) :] if is_renamed else ()):
            copies[len(value) + index] = _rename(item, next(numbers))
        return copies[:20_000]
    items = list(value.items())
    return dict(items) | {f"{name}{next(numbers)}": deepcopy(item) for _ in range(times - 1) for name, item in items}


def _enlarge(holder: Any, number: int, *, times: int) -> None:
    """Make the value of that number in a holder many times as long; a list gets copies under names of their own."""
    member = list(_members(holder))[number]
    value = member.value
    if isinstance(value, str):
        member.put(value + "a" * 32 * times)
    elif isinstance(value, list):
        member.put([_rename(deepcopy(item), copy) if copy else item for copy in range(times) for item in value])
    elif isinstance(value, dict):
        copies = {f"{name}{copy or ''}": deepcopy(item) for copy in range(times) for name, item in value.items()}
        member.put(copies)


def pair(random: Random, probe: Probe) -> Probe:
    """Return a request with one value made large, and another one repeated."""
    holder = [deepcopy(probe.data)]
    for times in random.sample((300, 100, 20), 2):
        _enlarge(holder, random.randrange(len(list(_members(holder)))), times=times)
    return probe._replace(data=holder[0])


def double(random: Random, probe: Probe) -> tuple[Probe, Probe]:
    """Return a request with one value many times as long, and with the same value twice as long as that."""
    number = random.randrange(len(list(_members([probe.data]))))
    enlarged = []
    for times in (100, 200):
        holder = [deepcopy(probe.data)]
        _enlarge(holder, number, times=times)
        enlarged.append(probe._replace(data=holder[0]))
    return enlarged[0], enlarged[1]


def _rename(item: Any, number: int) -> Any:
    """Return a copy of an item of a list under a name of its own."""
    if isinstance(item, dict):
        names = [name for name in ("name", "match", "id") if isinstance(item.get(name), str)]
        inner = {"config": _rename(item["config"], number)} if isinstance(item.get("config"), dict) else {}
        return item | {name: f"{item[name]}{number}" for name in names} | inner
    if isinstance(item, list) and item and isinstance(item[0], str):
        return [f"{item[0]}{number}", *item[1:]]
    return f"{item}{number}" if isinstance(item, str) else item


class Search:
    """A search that alters the dearest requests of each kind, for some time."""

    def __init__(self, client: FlaskClient, seed: int) -> None:
        self._client, self._random, self._numbers = client, Random(seed), count()
        self.kept: dict[str, list[tuple[float, int, Probe, Cost]]] = {}
        self.dear: list[tuple[Cost, Probe]] = []
        self.tried = 0

    def run(self, seconds: float) -> None:
        """Try requests until the time is over."""
        until = time.monotonic() + seconds
        probes = list(seeds())
        for probe in probes:
            ask(self._client, probe)  # what is loaded once is not its cost
        gc.freeze()  # it would be looked through before each request
        self._random.shuffle(probes)
        for probe in probes:
            self._try(probe)
        kinds = sorted(self.kept)
        while time.monotonic() < until:
            kept = self.kept[self._random.choice(kinds)]
            _, _, probe, _ = self._random.choice(kept)
            turn = self._random.random()
            if turn < 0.2:
                self._try(pair(self._random, self._random.choice(probes)))
            elif turn < 0.4:
                self._compare(*double(self._random, self._random.choice(probes)))
            else:
                self._try(alter(self._random, probe, probes))

    def _compare(self, half: Probe, whole: Probe) -> None:
        """Try two requests, of which one is as long as the other twice: it must not cost more than twice as much."""
        tried = self._try(half), self._try(whole)
        costs = [cost for cost in tried if cost is not None]
        if len(costs) < len(tried) or costs[1].seconds < _MIN_COMPARED_SECONDS:
            return
        if costs[1].seconds > _MAX_GROWTH * costs[0].seconds and costs[0].status == costs[1].status:
            again = [
                min(cost.seconds, measure(self._client, each).seconds)
                for cost, each in zip(costs, (half, whole), strict=True)
            ]
            if again[1] > _MAX_GROWTH * again[0]:
                self._report(costs[1], whole, f"after {again[0]:.2f} s for half of it: ")

    def _report(self, cost: Cost, probe: Probe, remark: str = "") -> None:
        self.dear.append((cost, probe))
        sys.stdout.write(f"{cost} {remark}{probe.kind} {probe.url[:100]}\n")
        sys.stdout.flush()

    def _try(self, probe: Probe) -> Cost | None:
        """Measure a request; None where it is too long, or already too dear."""
        try:
            length = len(probe.body()[1]) + len(probe.url)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, NotPacked):  # no such file can be
            return None
        if length > MAX_BYTES or len(probe.url) > 8_000:
            return None
        cost = measure(self._client, probe)
        self.tried += 1
        if cost.status >= 500 or cost.fitness > 1:
            cost = min(cost, measure(self._client, probe), key=lambda each: each.fitness)
        if cost.status >= 500 or cost.fitness > 1:
            self._report(cost, probe)
            return None
        kept = self.kept.setdefault(probe.kind, [])
        entry = (_rank(cost), next(self._numbers), probe, cost)
        (heapq.heappush if len(kept) < _KEPT else heapq.heappushpop)(kept, entry)
        return cost


def _rank(cost: Cost) -> float:
    """Return what a request costs beyond any other of its length, for a byte: the search climbs it."""
    length = max(cost.length, MIN_BYTES)
    return max(
        (cost.seconds - _COMMON_SECONDS) / (length * MAX_SECONDS_PER_BYTE),
        (cost.memory - _COMMON_BYTES) / (length * MAX_MEMORY_PER_BYTE),
        (cost.answer - _COMMON_BYTES) / (length * MAX_ANSWER_PER_BYTE),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.fuzz.cost", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.disable()
    search = Search(create_app(Settings(answers_bytes=1)).test_client(), options.seed)
    search.run(options.seconds)
    folder = Path(tempfile.mkdtemp(prefix="cost-"))
    for number, (cost, probe) in enumerate(search.dear):
        (folder / f"{number}.json").write_text(json.dumps({"cost": str(cost), **probe._asdict()}))
    ranked = sorted(
        ((rank, probe, cost) for kept in search.kept.values() for rank, _, probe, cost in kept),
        key=lambda each: -each[0],
    )
    for _, probe, cost in ranked[:10]:
        sys.stdout.write(f"{cost} {probe.kind} {probe.url[:60]}\n")
    sys.stdout.write(
        f"{search.tried:,} requests of {len(search.kept)} kinds: {len(search.dear)} too dear, in {folder}\n"
    )
    return bool(search.dear)


if __name__ == "__main__":
    sys.exit(main())

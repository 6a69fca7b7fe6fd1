"""How time grows: with layers, with repeats, with nesting, with workers."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from compileall import compile_dir
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import orjson

import service
from benchmarks.bodies import bodies, native
from benchmarks.load import ask, connected
from service.counting import Limits, count
from service.reading import read
from service.registry import FORMATS, load_plugins
from service.rendering.json import as_json
from tools.instance import Instance

LIMITS = Limits(depth=200, layers=2_000_000, tensors=5_000_000, seconds=600)


class Point(NamedTuple):
    """What one size took."""

    size: int
    seconds: float


def layers() -> Iterator[Point]:
    """Layers that nothing is remembered of, from JSON to JSON."""
    for power in range(2, 7):
        size, rounds = 10**power, max(2, 10 ** (4 - power))
        yield Point(size, _seconds([native(size, first * 17_188) for first in range(rounds + 1)]))


def repeats() -> Iterator[Point]:
    """One block, and so many of it."""
    for power in range(0, 13, 3):
        block = {"type": "Dense", "name": "dense", "units": 4}
        stack = {"type": "Block", "name": "block", "repeat": 10**power, "layers": [block]}
        yield Point(10**power, _seconds([_around(stack)] * 200))


def nesting() -> Iterator[Point]:
    """A layer within so many others."""
    for depth in (1, 10, 30, 90):
        nested: dict[str, Any] = {"type": "Dense", "name": "dense", "units": 4}
        for level in range(depth):
            nested = {"type": "Block", "name": f"level_{level}", "layers": [nested]}
        yield Point(depth, _seconds([_around(nested)] * 200))


def _around(layer: dict[str, Any]) -> dict[str, Any]:
    return {"framework": "keras", "input_shape": [4], "layers": [layer]}


def _seconds(documents: Sequence[dict[str, Any]]) -> float:
    """The median over documents, without the first."""
    load_plugins()
    gc.freeze()
    gc.disable()  # as a worker does for a large body
    found = FORMATS["native"]
    times = []
    for body in map(orjson.dumps, documents):
        gc.collect()
        start = time.perf_counter()
        orjson.dumps(as_json(count(read(orjson.loads(body), found), limits=LIMITS), "native"))
        times.append(time.perf_counter() - start)
    return median(times[1:])


class Throughput(NamedTuple):
    """What so many workers answer."""

    workers: int
    per_second: float


def workers() -> Iterator[Throughput]:
    """ResNet-50 over HTTP, from two clients for each worker; they share the machine's cores."""
    body = next(body for body in bodies() if body.name.startswith("ResNet"))
    for number in (1, 2):
        with Instance(number) as instance:
            done: list[int] = []
            until = time.perf_counter() + 6

            def load(url: str = instance.url, until: float = until, done: list[int] = done) -> None:
                connection = connected(url)
                while time.perf_counter() < until:
                    ask(connection, body)
                    done.append(1)

            clients = [threading.Thread(target=load) for _ in range(2 * number)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            yield Throughput(number, len(done) / 6)


class Memory(NamedTuple):
    """What a worker holds after so many requests."""

    requests: int
    pss: int  # bytes, the largest of the workers'


def memory() -> Iterator[Memory]:
    """Two workers under mixed requests, large and small."""
    small = [body for body in bodies() if len(body.raw) < 200_000]
    with Instance(2) as instance:
        connection = connected(instance.url)
        asked = 0
        for until in (0, 1_000, 10_000, 20_000):
            while asked < until:
                ask(connection, small[asked % len(small)])
                asked += 1
            yield Memory(asked, max(map(_pss, instance.workers)))


def _pss(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def first_answer() -> float:
    """Seconds from the start of the command to the first count, of modules that are compiled, as the image's are."""
    compile_dir(service.__path__[0], quiet=1)
    body = bodies()[0]
    times = []
    for _ in range(5):
        instance = Instance(1)
        start = time.perf_counter()
        with instance:
            ask(connected(instance.url), body)
            times.append(time.perf_counter() - start)
    return median(times)

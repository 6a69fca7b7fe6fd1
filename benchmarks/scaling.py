"""The growth of time: with layers, with repeats, with nesting, with workers."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from compileall import compile_dir
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import fmean, median
from typing import Any, NamedTuple

import orjson

import paramcount
import service
from benchmarks.bodies import bodies, native
from benchmarks.load import ask, connect
from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.budget import Limits
from paramcount.rendering.json import as_json
from paramcount.schema.registry import FORMATS, load_plugins
from tools.instance import Instance

ROUNDS = 5
LIMITS = Limits(max_depth=200, max_layers=2_000_000, max_tensors=5_000_000, max_seconds=600)


class Point(NamedTuple):
    """The time of one size."""

    size: int
    seconds: float


class Layers(NamedTuple):
    """The CPU time of a document of so many layers, and of one layer against one of a thousand."""

    size: int
    user: float  # seconds
    kernel: float  # seconds: giving memory, mostly
    user_ratio: float
    ratio: float


def layers() -> Iterator[Layers]:
    """Measure layers that are not cached, from JSON to JSON. A machine changes its speed: in each round
    a size is measured between two measurements of a thousand layers; the results are medians of the rounds."""
    numbers = itertools.count()

    def each(size: int, times: int) -> tuple[float, float]:
        """Return the seconds of a layer: of the process, and of the kernel for it."""
        taken = [_cpu(native(size, next(numbers) * 17_188)) for _ in range(times)]
        return fmean(user for user, _ in taken) / size, fmean(kernel for _, kernel in taken) / size

    _ready()
    each(1000, 10)
    for size in (100, 1_000, 10_000, 100_000, 1_000_000):
        rounds = []
        for _ in range(ROUNDS):
            before, (user, kernel), after = each(1000, 30), each(size, max(1, 30_000 // size)), each(1000, 30)
            thousand = [(one + other) / 2 for one, other in zip(before, after, strict=True)]
            rounds.append((user * size, kernel * size, user / thousand[0], (user + kernel) / sum(thousand)))
        yield Layers(size, *map(median, zip(*rounds, strict=True)))


def _cpu(document: dict[str, Any]) -> tuple[float, float]:
    """Seconds of the processor: of the process itself, and of the kernel for it."""
    body = orjson.dumps(document)
    gc.collect()
    before = getrusage(RUSAGE_SELF)
    _answer(body)
    after = getrusage(RUSAGE_SELF)
    return after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime


def repeats() -> Iterator[Point]:
    """Measure a block and its repeats."""
    for power in range(0, 13, 3):
        block = {"type": "Dense", "name": "dense", "units": 4}
        stack = {"type": "Block", "name": "block", "repeat": 10**power, "layers": [block]}
        yield Point(10**power, _seconds([_around(stack)] * 200))


def nesting() -> Iterator[Point]:
    """Measure a layer inside so many others."""
    for depth in (1, 10, 30, 90):
        nested: dict[str, Any] = {"type": "Dense", "name": "dense", "units": 4}
        for level in range(depth):
            nested = {"type": "Block", "name": f"level_{level}", "layers": [nested]}
        yield Point(depth, _seconds([_around(nested)] * 200))


def _around(layer: dict[str, Any]) -> dict[str, Any]:
    return {"framework": "keras", "input_shape": [4], "layers": [layer]}


def _seconds(documents: Sequence[dict[str, Any]]) -> float:
    """The median over documents, without the first."""
    _ready()
    times = []
    for body in map(orjson.dumps, documents):
        gc.collect()
        start = time.perf_counter()
        _answer(body)
        times.append(time.perf_counter() - start)
    return median(times[1:])


def _ready() -> None:
    load_plugins()
    gc.freeze()
    gc.disable()  # as a worker does for a large body


def _answer(body: bytes) -> None:
    orjson.dumps(as_json(count(read(orjson.loads(body), FORMATS["native"]), limits=LIMITS)))


class Throughput(NamedTuple):
    """The requests that so many workers answer."""

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
                connection = connect(url)
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
    """The memory of a worker after so many requests."""

    requests: int
    pss: int  # bytes, the largest of the workers'


def memory() -> Iterator[Memory]:
    """Two workers under mixed requests, large and small."""
    small = [body for body in bodies() if len(body.raw) < 200_000]
    with Instance(2) as instance:
        connection = connect(instance.url)
        sent = 0
        for until in (0, 1_000, 10_000, 20_000):
            while sent < until:
                ask(connection, small[sent % len(small)])
                sent += 1
            yield Memory(sent, max(map(_pss, instance.workers)))


def _pss(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def first_answer() -> float:
    """Seconds from the start of the command to the first count, of modules that are compiled, as the image's are."""
    for package in (paramcount, service):
        compile_dir(package.__path__[0], quiet=1)
    body = bodies()[0]
    times = []
    for _ in range(5):
        instance = Instance(1)
        start = time.perf_counter()
        with instance:
            ask(connect(instance.url), body)
            times.append(time.perf_counter() - start)
    return median(times)

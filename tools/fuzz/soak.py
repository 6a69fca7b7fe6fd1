"""Good and hostile requests in turn, or good ones that never repeat, for minutes: no worker ends, and none grows.

python -m tools.fuzz.soak --seconds 600 [--unique]
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import orjson
import requests

from paramcount.schema.registry import FORMATS
from tools.fuzz import unique
from tools.fuzz.answers import Judge, send
from tools.fuzz.contract import MAX_SECONDS, list_mistakes
from tools.fuzz.requests import JSON, NDJSON, Request, stream
from tools.instance import Instance

_EXAMPLES = Path(__file__).parents[2] / "examples"
_MAX_UNIQUE_MB = 80.0
"""The most MB of a worker among requests that never repeat: its caches are full then."""

_MAX_GROWTH_MB = 3.0
"""The most MB that a worker may hold more in the last quarter of the time than in the one before."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.fuzz.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--rate", type=float, default=15, help="requests a second")
    parser.add_argument("--unique", action="store_true", help="requests that never repeat")
    options = parser.parse_args(arguments)
    with Instance(workers=2, settings={"PARAMCOUNT_LOG_FORMAT": "json"}) as instance:
        judge = Judge(requests.get(f"{instance.url}/openapi.json", timeout=10).json(), 2 * MAX_SECONDS)
        before = instance.workers
        requests_to_send = unique.stream(int(time.time())) if options.unique else _mix()
        soak = _Soak(instance, judge, options.seconds, options.rate, requests_to_send)
        samples = soak.run()
        faults = [*soak.faults, *list_mistakes(instance.log_text)]
        if instance.workers != before:
            faults.append("a worker ended")
    quarters = [samples[len(samples) * part // 4 : len(samples) * (part + 1) // 4] for part in range(4)]
    for worker in range(len(before)):
        sizes = [median(sample[worker] for sample in quarter) for quarter in quarters]
        listed = ", ".join(f"{size:.1f}" for size in sizes)
        sys.stdout.write(f"worker {worker}: MB of PSS, the median of each quarter: {listed}\n")
        if options.unique and max(sizes) > _MAX_UNIQUE_MB:
            faults.append(f"worker {worker} holds more than {_MAX_UNIQUE_MB:.0f} MB")
        if not options.unique and sizes[3] - sizes[2] > _MAX_GROWTH_MB:
            faults.append(f"worker {worker} grows")
    sys.stdout.write("".join(f"FAULT {fault}\n" for fault in faults))
    sys.stdout.write(
        f"{options.seconds} s, {sum(soak.statuses.values())} requests, {dict(sorted(soak.statuses.items()))}: "
        f"{len(faults)} faults\n"
    )
    return bool(faults)


class _Soak:
    def __init__(
        self, instance: Instance, judge: Judge, seconds: float, rate: float, requests_to_send: Iterator[Request]
    ) -> None:
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self._instance, self._judge, self._seconds, self._pause = instance, judge, seconds, 1 / rate
        self._until = time.monotonic() + seconds
        self._next, self._lock = requests_to_send, threading.Lock()

    def run(self) -> list[list[float]]:
        """Ask until the time is over; the workers' memory in MB, every two seconds."""
        clients = [threading.Thread(target=self._client) for _ in range(4)]
        for client in clients:
            client.start()
        samples = []
        while time.monotonic() < self._until:
            samples.append([_megabytes(worker) for worker in self._instance.workers])
            time.sleep(2)
        for client in clients:
            client.join()
        return samples

    def _client(self) -> None:
        while (now := time.monotonic()) < self._until:
            with self._lock:
                request = next(self._next)
            answer = send(self._instance.port, request, 3 * MAX_SECONDS)
            self.statuses[answer.status] += 1
            self.faults += [
                f"{request.kind}, {request.path[:80]}: {one}" for one in self._judge.faults(request, answer)
            ]
            time.sleep(max(0.0, 4 * self._pause - (time.monotonic() - now)))


def _mix() -> Iterator[Request]:
    """Four good requests, then a hostile one; the same hostile ones come again after a while."""
    good = [
        _good("/v1/count/keras", (_EXAMPLES / "resnet50-keras.json").read_bytes()),
        _good("/v1/count/torch?detail=tensors", (_EXAMPLES / "resnet50-torch.txt").read_bytes(), "text/plain"),
        _good("/v1/count/huggingface", orjson.dumps(FORMATS["huggingface"].example)),
        _good("/v1/count/native?detail=tensors", orjson.dumps(FORMATS["native"].example)),
        _good("/v1/batch", _envelope(FORMATS["native"].example) * 1_000 + _envelope(None), NDJSON),
    ]
    random = Random(0)
    for number in count():
        for hostile in stream(number % 2, 600):
            yield from random.choices(good, k=4)
            yield hostile


def _good(path: str, body: bytes, media: str = JSON) -> Request:
    return Request("good", "POST", path, {"Content-Type": media}, body)


def _envelope(architecture: Any) -> bytes:
    return orjson.dumps({"architecture": architecture, "detail": "totals"}) + b"\n"


def _megabytes(process: int) -> float:
    """Return the memory of a process in MB, with its part of what it shares (PSS)."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    sys.exit(main())

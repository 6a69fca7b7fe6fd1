"""`python -m tools.batch`: long batches, broken lines, clients that stop reading or go; and what memory that takes."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tools.instance import Instance

RESNET = json.loads((Path(__file__).parents[2] / "examples/resnet50-keras.json").read_text())
SMALL = {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}
BROKEN: tuple[tuple[Any, int], ...] = (
    ("{not JSON", 400),
    ([1, 2], 422),
    ({"architecture": SMALL, "detail": "all"}, 422),
    ({"architecture": {**SMALL, "layers": [{"type": "Dens", "units": 4}]}}, 422),
    ({"architecture": None}, 422),
)
SETTINGS = {"PARAMCOUNT_MAX_SECONDS": 2, "PARAMCOUNT_MAX_CONCURRENT": 4}


def envelope(number: int) -> tuple[Any, int]:
    """A line, and the status of its problem; 0 is none. One in 200 is Keras' ResNet-50."""
    document = SMALL if number % 200 else RESNET
    return {"id": number, "architecture": document, "detail": "totals"}, 0


def one_in_a_hundred_broken(number: int) -> tuple[Any, int]:
    """A line of which each hundredth is broken, in one of several ways."""
    if number % 100 == 0:
        return BROKEN[number // 100 % len(BROKEN)]
    return {"id": number, "architecture": SMALL, "detail": "totals"}, 0


def sent(connection: socket.socket, lines: Iterator[Any]) -> None:
    """Send a batch as it comes, in chunks."""
    connection.sendall(
        b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    for line in lines:
        raw = (line if isinstance(line, str) else json.dumps(line)).encode() + b"\n"
        connection.sendall(b"%x\r\n%b\r\n" % (len(raw), raw))
    connection.sendall(b"0\r\n\r\n")


def batch(instance: Instance, count: int, line: Callable[[int], tuple[Any, int]]) -> None:
    """Send `count` lines, read the answers meanwhile, and hold each against what it must be."""
    with socket.create_connection(("127.0.0.1", instance.port)) as connection:
        sending = threading.Thread(target=sent, args=(connection, (line(n)[0] for n in range(1, count + 1))))
        sending.start()
        response = http.client.HTTPResponse(connection)
        response.begin()
        for number in range(1, count + 1):
            told = json.loads(response.readline())
            _, status = line(number)
            assert told["line"] == number, told
            assert told.get("status", 0) == status, told
            assert status or told["id"] == number, told
        assert not response.read()
        sending.join()


def stopped(instance: Instance) -> None:
    """Six clients, more than are served at once, send and never read: each is let go, and others are answered."""
    connections = [socket.create_connection(("127.0.0.1", instance.port)) for _ in range(6)]
    lines = [{"architecture": RESNET}] * 2000
    for connection in connections:
        threading.Thread(target=_quietly, args=(sent, connection, iter(lines)), daemon=True).start()
    time.sleep(1)
    began = time.monotonic()
    while not requests.post(f"{instance.url}/v1/count", json={"architecture": SMALL}, timeout=60).ok:
        time.sleep(0.1)
    waited = time.monotonic() - began
    assert waited < 30, waited
    print(f"  others were answered after {waited:.1f} s")
    for connection in connections:
        connection.close()


def gone(instance: Instance) -> None:
    """Two hundred clients, one after the other, go in the midst of a batch."""
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", instance.port)) as connection:
            lines = iter([{"architecture": SMALL}] * 50)
            threading.Thread(target=_quietly, args=(sent, connection, lines), daemon=True).start()
            connection.recv(100)
    began = time.monotonic()
    assert requests.post(f"{instance.url}/v1/count", json={"architecture": SMALL}, timeout=60).ok
    print(f"  the next one was answered after {time.monotonic() - began:.2f} s")


def _quietly(action: Callable[..., None], *arguments: Any) -> None:
    with suppress(OSError):
        action(*arguments)


def pss(process: int) -> float:
    """The memory of a process in MB, its part of what it shares counted."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(text.split("Pss:")[1].split()[0]) / 1024


@contextmanager
def measured(instance: Instance, what: str) -> Iterator[None]:
    """Print how long the block took, and the worker's memory: before it, in each fifth of it, after it."""
    (worker,) = instance.workers
    seen, over = [pss(worker)], threading.Event()

    def watch() -> None:
        while not over.wait(0.25):
            seen.append(pss(worker))

    print(what, flush=True)
    watching, began = threading.Thread(target=watch), time.monotonic()
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
    seen.append(pss(worker))
    fifths = [max(seen[len(seen) * n // 5 : len(seen) * (n + 1) // 5] or seen[-1:]) for n in range(5)]
    most = ", ".join(f"{each:.0f}" for each in fifths)
    took = time.monotonic() - began
    print(f"  {took:.0f} s; MB: before {seen[0]:.0f}; at most, by fifths: {most}; after {seen[-1]:.0f}")


def main() -> int:
    """Try each, on one worker."""
    with Instance(workers=1, settings=SETTINGS) as instance:
        with measured(instance, "one small model and one ResNet-50"):
            batch(instance, 200, envelope)
        with measured(instance, "10,000 lines, one in 200 a ResNet-50"):
            batch(instance, 10_000, envelope)
        with measured(instance, "100,000 lines, one in 100 broken"):
            batch(instance, 100_000, one_in_a_hundred_broken)
        with measured(instance, "six clients that never read"):
            stopped(instance)
        with measured(instance, "two hundred clients that go"):
            gone(instance)
    return 0


if __name__ == "__main__":
    sys.exit(main())

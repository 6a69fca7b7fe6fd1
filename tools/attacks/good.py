"""Clients that count models at a steady rate, in a process of their own: what attacks takes no time from them."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from tools.attacks.stalls import start
from tools.faults.load import model
from tools.fuzz.answers import Answer, send
from tools.fuzz.requests import JSON, Request

_EXAMPLE = Path(__file__).parents[2] / "examples/resnet50-keras.json"
_CLIENTS, _REQUESTS_PER_SECOND = 2, 10
_processes = multiprocessing.get_context("spawn")


class GoodClients:
    """The clients of one port, from now until `stop`."""

    def __init__(self, port: int) -> None:
        self._over = _processes.Event()
        self._answers, sender = _processes.Pipe(duplex=False)
        self._process = _processes.Process(target=_run, args=(port, self._over, sender))
        self._process.start()

    def stop(self) -> list[Answer]:
        """Wait for the clients; return the answers, those of status 200 without their body."""
        self._over.set()
        answers: list[Answer] = self._answers.recv()
        self._process.join()
        return answers


def _run(port: int, over: Event, sender: Connection) -> None:
    with suppress(PermissionError):
        os.nice(-10)  # as haproxy: the clients stand for other machines
    answers: list[Answer] = []
    numbers = itertools.count()
    bodies = itertools.cycle([("native", model(50)), ("keras", _EXAMPLE.read_bytes())])

    def count() -> None:
        while not over.is_set():
            kind, body = next(bodies)
            media = f"{JSON}; number={next(numbers)}"  # so that no answer is cached
            request = Request("good", "POST", f"/v1/count/{kind}", {"Host": "x", "Content-Type": media}, body)
            answer = send(port, request, 60)
            answers.append(answer._replace(body=b"") if answer.status == 200 else answer)
            over.wait(max(0.0, _CLIENTS / _REQUESTS_PER_SECOND - answer.seconds))

    for thread in [start(count) for _ in range(_CLIENTS)]:
        thread.join()
    sender.send(answers)

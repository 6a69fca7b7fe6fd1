"""Clients that count models in a loop, and remember what became of each request."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

import orjson


class Answer(NamedTuple):
    """The outcome of one request: its status, or 0 and why there is none."""

    began: float
    ended: float
    status: int
    why: str


_NUMBERS = itertools.count()


class Load:
    """Clients that run while the block runs; none tries a request again."""

    def __init__(self, port: int, body: bytes, clients: int = 8, path: str = "/v1/count/native?detail=totals") -> None:
        self.answers: list[Answer] = []
        self._port, self._body, self._path = port, body, path
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            status, why = self._ask()
            self.answers.append(Answer(began, time.monotonic(), status, why))
            if not status:
                time.sleep(0.05)

    def _ask(self) -> tuple[int, str]:
        """One request on a connection of its own, so that what fails was under way."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            media = f"application/json; number={next(_NUMBERS)}"  # so that no answer is remembered
            connection.request("POST", self._path, self._body, {"Content-Type": media})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            connection.close()
        return answer.status, ""

    @property
    def failed(self) -> Sequence[Answer]:
        """The requests that had no good answer."""
        return [answer for answer in self.answers if answer.status != 200]


def model(layers: int) -> bytes:
    """A chain of dense layers."""
    chain = [{"type": "Dense", "name": f"dense{index}", "units": 8} for index in range(layers)]
    return orjson.dumps({"input_shape": [8], "framework": "keras", "layers": chain})

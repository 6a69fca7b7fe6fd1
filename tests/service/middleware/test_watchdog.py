"""The watchdog: computations that take too long or too much are ended from outside; nothing else is."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from time import monotonic, sleep, thread_time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from paramcount.model.budget import ComputationEnded
from service.app import build_app
from service.connections.threads import MAX_NICENESS, Threads
from service.middleware import watchdog as watchdogs
from service.middleware.watchdog import OutOfMemory, OutOfTime, Watchdog
from service.routes import batch, count
from service.settings import Settings
from tests.builders.waiting import wait_until
from tests.service.contract import assert_problem

MEGABYTE = 2**20
DOCUMENT = {"framework": "torch", "layers": [{"type": "ReLU"}]}


def loop() -> None:
    while True:
        pass


def swallow() -> None:
    """Go on after the first attempts to end it, as code with a bare `except` does."""
    for _ in range(2):
        with suppress(BaseException):
            loop()
    loop()


def allocate() -> None:
    held = []
    while True:
        held.append(bytearray(MEGABYTE))


def run(watchdog: Watchdog, function: Callable[[], None], seconds: float) -> list[BaseException]:
    """Run a function under the watchdog in a thread of its own; return what ended it."""
    ended: list[BaseException] = []

    def compute() -> None:
        try:
            watchdog.begin(monotonic() + seconds)
            function()
        except ComputationEnded as error:
            ended.append(error)
        finally:
            watchdog.end()

    thread = Thread(target=compute)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    return ended


@pytest.fixture
def watchdog() -> Watchdog:
    return Watchdog(64 * MEGABYTE)


@pytest.mark.parametrize(
    ("function", "seconds", "reason"),
    [(loop, 0, OutOfTime), (swallow, 0, OutOfTime), (allocate, 30, OutOfMemory)],
    ids=["endless", "swallowed", "memory"],
)
def test_ended(watchdog: Watchdog, function: Callable[[], None], seconds: float, reason: type[BaseException]) -> None:
    (error,) = run(watchdog, function, seconds)
    assert type(error) is reason


@pytest.mark.parametrize("seconds", [30, -10], ids=["in time", "within the grace"])
def test_not_ended(watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(watchdogs, "_GRACE_SECONDS", 60)
    assert run(watchdog, lambda: sleep(0.05), seconds) == []


def test_a_thread_that_ended_its_computation_is_left_alone(watchdog: Watchdog) -> None:
    def end_at_once() -> None:
        watchdog.end()
        sleep(0.1)

    assert run(watchdog, end_at_once, -10) == []


def test_others_go_on(watchdog: Watchdog) -> None:
    watchdog.begin(monotonic() + 30)
    assert len(run(watchdog, loop, 0)) == 1
    watchdog.end()


def compute(watchdog: Watchdog, function: Callable[[], object]) -> int:
    """Run a function under the watchdog; return the niceness of the thread afterwards."""
    watchdog.begin(monotonic() + 30)
    function()
    watchdog.end()
    return os.getpriority(os.PRIO_PROCESS, 0)


def use_a_core() -> None:
    until = thread_time() + 20 * watchdogs.MIN_LONG_SECONDS
    while thread_time() < until:
        sleep(0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize(
    ("function", "added"), [(use_a_core, MAX_NICENESS), (lambda: sleep(0.1), 0)], ids=["uses a core", "waits"]
)
def test_others_run_before_what_used_a_core_for_long(
    watchdog: Watchdog, function: Callable[[], object], added: int
) -> None:
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    threads = Threads(1)
    assert threads.submit(compute, watchdog, function).result(30) == min(19, usual + added)
    assert threads.submit(compute, watchdog, lambda: None).result(30) == usual
    threads.shutdown()


def test_garbage_is_collected_where_counts_never_pause(watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdogs, "_MAX_SECONDS_WITHOUT_COLLECTION", 0)
    collected = gc.get_stats()[1]["collections"]
    compute(watchdog, lambda: wait_until(lambda: gc.get_stats()[1]["collections"] > collected))
    assert gc.get_stats()[1]["collections"] > collected
    wait_until(gc.isenabled)
    assert gc.isenabled()


@pytest.fixture
def app() -> Flask:
    app = build_app(Settings(max_seconds=1, max_memory_bytes=64 * MEGABYTE))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture
def slow_client(app: Flask) -> FlaskClient:
    return app.test_client()


def fail() -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("function", "limit"),
    [(loop, "1 seconds"), (allocate, "67,108,864 bytes of memory"), (fail, "67,108,864 bytes of memory")],
    ids=["time", "memory", "no more memory"],
)
def test_a_request_that_is_ended_names_the_limit(
    slow_client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    function: Callable[[], None],
    limit: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(count, "count_request", lambda *_: function())
        patch.setattr(batch, "measure_count", lambda *_: function())
        headers = {"X-Request-ID": "aimed"}
        with caplog.at_level(logging.WARNING):
            answer = slow_client.post("/v1/count", json={"architecture": DOCUMENT}, headers=headers)
        assert_problem(answer, 422)
        (error,) = answer.json["errors"]
        assert error["code"] == "too_expensive"
        assert limit in error["detail"]
        assert "aimed" in caplog.text
        line = json.dumps({"architecture": DOCUMENT, "id": 7}).encode()
        lines = slow_client.post("/v1/batch", data=line, content_type="application/x-ndjson")
        first: dict[str, Any] = json.loads(lines.data)
        assert (first["id"], first["status"], first["errors"][0]["code"]) == (7, 422, "too_expensive")
    assert slow_client.post("/v1/count", json={"architecture": DOCUMENT}).status_code == 200

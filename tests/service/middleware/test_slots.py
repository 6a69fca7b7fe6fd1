"""Slots: one deadline a request, large bodies, and when no slot is free."""

from __future__ import annotations

import gc
import json
from contextlib import ExitStack
from itertools import count
from time import sleep
from typing import Any

import pytest
from flask.testing import FlaskClient

from paramcount.counting import count as counting
from paramcount.model import budget
from service.middleware import slots
from service.middleware.slots import LARGE_BODY_BYTES
from service.middleware.watchdog import SECONDS_PER_CHECK
from tests.builders.waiting import wait_until
from tests.service.contract import assert_problem


def test_one_request_has_one_time(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, and both sides of a comparison, share the seconds of one request."""
    clock = count(0, 6)  # each look at it is 6 seconds later
    for module in (budget, counting):
        monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    envelope = {"architecture": {"input_shape": [3], "layers": [{"type": "keras.ReLU"} for _ in range(70)]}}
    answer = client.post("/v1/compare", json={"before": envelope, "after": envelope})
    (error,) = answer.json["errors"]
    assert (error["pointer"], error["code"]) == ("/after/architecture/layers/62", "too_large")
    assert "time ran out" in error["detail"]


@pytest.mark.parametrize("layers", [[{"type": "ReLU"}], [1]], ids=["counted", "refused"])
def test_garbage_is_collected_after_a_count_and_not_while_it_runs(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, layers: list[Any]
) -> None:
    looked: list[bool] = []
    sleep(2 * SECONDS_PER_CHECK)  # no other app's watchdog has anything left to do
    monkeypatch.setattr(budget, "check_values", lambda *_, **__: looked.append(gc.isenabled()))
    for name in ("x", "x" * LARGE_BODY_BYTES):
        client.post("/v1/count/native", json={"framework": "torch", "name": name, "layers": layers})
        wait_until(gc.isenabled)
    assert looked == [False, False]


@pytest.mark.parametrize("name", ["counts", "large_bodies"])
def test_a_request_that_gets_no_slot(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    clock = count(0, 1_000)  # the time to wait is over at once
    document = {"framework": "torch", "name": "x" * LARGE_BODY_BYTES, "layers": [{"type": "ReLU"}]}
    free: slots.Slots = getattr(client.application.extensions["slots"], name)
    with ExitStack() as held, monkeypatch.context() as patch:
        patch.setattr(slots, "monotonic", lambda: float(next(clock)))
        while not free.empty():
            held.callback(free.put, free.get())
        busy = client.post("/v1/count/native", json=document)
        assert_problem(busy, 503)
        assert busy.headers["Retry-After"] == "1"
        line = json.dumps({"architecture": document}).encode()
        batch = client.post("/v1/batch", data=line, content_type="application/x-ndjson")
        assert (batch.status_code, json.loads(batch.data)["status"]) == (200, 503)
        assert client.get("/v1/formats").status_code == 200
    wait_until(gc.isenabled)
    assert client.post("/v1/count/native", json=document).status_code == 200

"""The promises of the service under faults; `python -m tools.faults` runs this."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import requests

from tools.faults.haproxy import haproxy
from tools.faults.load import Load, model
from tools.instance import Instance

_SLOWEST = 1.0 if "CI" in os.environ else 0.25
"""The most seconds of a probe; CI may share its machine."""


@pytest.mark.skipif(shutil.which("haproxy") is None and "CI" not in os.environ, reason="there is no haproxy")
def test_no_request_is_lost_while_instances_restart_in_turn() -> None:
    with Instance() as one, Instance() as other, haproxy(one, other) as proxy, Load(proxy.port, model(50)) as load:
        time.sleep(1)
        statuses = [proxy.restart(instance) for _ in range(2) for instance in (one, other)]
    print(f"{len(load.answers)} requests during 4 restarts, {len(load.failed)} failed")
    assert statuses == [0, 0, 0, 0]
    assert not load.failed, load.failed[:5]
    assert len(load.answers) > 200


def kill_worker(instance: Instance) -> tuple[float, float]:
    """Kill a worker: when that was, and when it was gone."""
    worker, sent = instance.workers[0], time.monotonic()
    os.kill(worker, signal.SIGKILL)
    while Path(f"/proc/{worker}").exists():  # a list of children may miss one while another ends
        time.sleep(0.005)
    return sent, time.monotonic()


def test_a_killed_worker_takes_only_what_it_was_answering_with_it() -> None:
    clients, kills = 8, []
    with Instance(workers=2) as instance, Load(instance.port, model(200), clients) as load:
        for _ in range(3):
            time.sleep(2)
            kills.append(kill_worker(instance))
        time.sleep(2)
        assert len(instance.workers) == 2
        assert requests.get(f"{instance.url}/readyz", timeout=2).ok
    lost = [[answer for answer in load.failed if answer.began <= gone and answer.ended >= sent] for sent, gone in kills]
    print(f"{len(load.answers)} requests, {len(kills)} workers killed, lost with each: {list(map(len, lost))}")
    assert sum(map(len, lost)) == len(load.failed), load.failed[:5]
    assert len(load.answers) > 200


def test_probes_answer_while_every_worker_computes() -> None:
    seconds: dict[str, list[float]] = {}
    with Instance(workers=2) as instance, Load(instance.port, model(20_000), clients=8) as load:
        time.sleep(1)
        until = time.monotonic() + 12
        while time.monotonic() < until:
            for url, who in ((instance.url, "a worker's"), (instance.management_url, "the management's")):
                for path in ("/livez", "/readyz"):
                    began = time.monotonic()
                    assert requests.get(url + path, timeout=5).ok
                    seconds.setdefault(f"{who} {path}", []).append(time.monotonic() - began)
            time.sleep(0.02)
    slowest = {path: max(taken) for path, taken in seconds.items()}
    longest = max(answer.ended - answer.began for answer in load.answers)
    probes = ", ".join(f"{path} {worst * 1000:.0f} ms of {len(seconds[path])}" for path, worst in slowest.items())
    print(f"slowest probes: {probes}; {len(load.answers)} counts of 20,000 layers, the longest {longest:.1f} s")
    assert {answer.status for answer in load.failed} <= {503}, load.failed[:5]  # a busy machine may turn some away
    for who, seconds_of_probe in slowest.items():
        assert seconds_of_probe < (_SLOWEST if who.startswith("the management") else 1.0), probes

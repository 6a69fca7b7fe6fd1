"""Probes and metrics on their own listener: they answer whatever the workers do, and end with the master."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest
import requests

from service import management
from tests.builders.waiting import wait_until
from tools.install import HOUSE
from tools.instance import Instance, children_of, free_port, wait_for

SLOWEST = 3.0
"""The most seconds of a probe beside stuck workers, on a machine that others share; `make attacks` measures them."""


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with Instance(workers=2) as started:
        wait_until(lambda: probe(started, "/readyz")[0] == 200)
        yield started


def probe(instance: Instance, path: str) -> tuple[int, float]:
    """The status of a probe, and its seconds."""
    began = time.monotonic()
    status = requests.get(instance.management_url + path, timeout=5).status_code
    return status, time.monotonic() - began


def is_open(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_what_it_answers(instance: Instance) -> None:
    url = instance.management_url
    assert requests.get(f"{url}/livez", timeout=5).json() == {"status": "alive"}
    assert requests.get(f"{url}/readyz?verbose", timeout=5).json() == {"status": "ready"}
    scraped = requests.get(f"{url}/metrics", timeout=5)
    assert scraped.headers["Content-Type"].startswith("text/plain")
    wait_until(lambda: "paramcount_workers 2.0" in requests.get(f"{url}/metrics", timeout=5).text)  # each adds itself
    head = requests.head(f"{url}/metrics", timeout=5)
    assert (head.status_code, head.content, int(head.headers["Content-Length"]) > 1_000) == (200, b"", True)
    assert requests.get(f"{url}/v1/formats", timeout=5).status_code == 404
    refused = requests.post(f"{url}/livez", timeout=5)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


def test_stuck_workers_stop_no_probe(instance: Instance) -> None:
    """Stopped, as one that holds the interpreter in C; ready again when they go on."""
    (first, _), slowest = instance.workers, {"/livez": 0.0, "/readyz": 0.0, "/metrics": 0.0}

    def assert_probes(ready: bool, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for path, worst in slowest.items():
                status, taken = probe(instance, path)
                slowest[path] = max(worst, taken)
                assert status == (503 if path == "/readyz" and not ready else 200), path
            time.sleep(0.1)

    with ExitStack() as stopped:
        stop(first, stopped)
        assert_probes(ready=True, seconds=management.READY_SECONDS + 1)  # the other one answers
        for worker in instance.workers:
            stop(worker, stopped)
        wait_until(lambda: probe(instance, "/readyz")[0] == 503, management.READY_SECONDS + 2)
        assert_probes(ready=False, seconds=1)
    wait_until(lambda: probe(instance, "/readyz")[0] == 200)
    print(f"slowest probes: {slowest}")
    assert max(slowest.values()) < SLOWEST


def stop(worker: int, cleanups: ExitStack) -> None:
    os.kill(worker, signal.SIGSTOP)
    cleanups.callback(os.kill, worker, signal.SIGCONT)


def test_a_listener_that_ended_is_started_again(instance: Instance) -> None:
    (before,) = instance.listeners
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(before, ignored)
    assert probe(instance, "/livez")[0] == 200
    os.kill(before, signal.SIGKILL)
    assert probe(instance, "/livez")[0] == 200  # the master holds the socket: the question waits
    (after,) = instance.listeners
    assert after != before
    assert "is started again" in instance.log_text


def test_clients_that_stall_are_let_go(instance: Instance) -> None:
    connections = [socket.create_connection(("127.0.0.1", instance.management_port)) for _ in range(120)]
    for number, connection in enumerate(connections):
        connection.sendall(b"GET /livez HT" * (number % 2))
    wait_until(lambda: is_answered(instance), management.CONNECTION_SECONDS + 1)
    assert is_answered(instance)
    for connection in connections:
        connection.settimeout(2)
        with connection, suppress(ConnectionError):
            while connection.recv(1_000):  # until the listener ends it
                pass


@pytest.mark.parametrize(
    "sent", [b"GET /livez HTTP/1.1\r\nX: " + b"a" * 100_000, b"\r\n\r\n", b"\x16\x03\x01 \r\n\r\n"]
)
def test_what_is_no_request(instance: Instance, sent: bytes) -> None:
    (listener,) = instance.listeners
    connection = socket.create_connection(("127.0.0.1", instance.management_port), timeout=10)
    with connection, suppress(OSError):
        connection.sendall(sent)
        assert connection.recv(12) in (b"", b"HTTP/1.1 405")
    assert probe(instance, "/livez")[0] == 200
    assert instance.listeners == [listener]


def is_answered(instance: Instance) -> bool:
    try:
        return probe(instance, "/livez")[0] == 200
    except requests.ConnectionError:  # no connection is free
        return False


def test_it_ends_with_the_master() -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with Instance(workers=1) as instance:
            (listener,) = instance.listeners
            assert is_open(instance.management_port)
            os.kill(instance.master, number)
            instance.stop()
            wait_until(partial(is_gone, listener), 3)
            assert not is_open(instance.management_port)


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""  # nobody waited for it
    except OSError:
        return True


def test_nothing_listens_where_it_is_turned_off() -> None:
    with Instance(workers=1, settings={"PARAMCOUNT_MANAGEMENT_BIND": ""}) as instance:
        assert instance.listeners == []
        assert requests.get(f"{instance.url}/livez", timeout=5).ok


def test_a_port_in_use_stops_the_start_by_name(instance: Instance) -> None:
    taken = f"127.0.0.1:{instance.management_port}"
    command = [sys.executable, "-m", "paramcount", "serve", "--bind", f"127.0.0.1:{free_port()}"]
    environment = os.environ | {"PARAMCOUNT_MANAGEMENT_BIND": taken}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"PARAMCOUNT_MANAGEMENT_BIND: cannot listen at {taken}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_master_that_replaces_one_answers_at_the_same_port() -> None:
    port = free_port()
    gunicorn = Path(sys.executable).with_name("gunicorn")
    command = [str(gunicorn), "-c", "service/gunicorn_conf.py", "-b", f"127.0.0.1:{free_port()}"]
    environment = os.environ | {"PARAMCOUNT_MANAGEMENT_BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "1"}
    before = subprocess.Popen(command, env=environment, cwd=HOUSE, stderr=subprocess.DEVNULL)
    url, after = f"http://127.0.0.1:{port}/readyz", 0
    try:
        wait_for(url)
        before.send_signal(signal.SIGUSR2)
        wait_until(lambda: bool(masters_among(children_of(before.pid))))
        (after,) = masters_among(children_of(before.pid))
        wait_until(lambda: len(children_of(after)) == 2)  # its listener and its worker
        assert requests.get(url, timeout=5).ok
    finally:
        before.send_signal(signal.SIGQUIT)
        before.wait(20)
    try:
        wait_for(url)
        assert before.returncode == 0
        assert len(children_of(after)) == 2
    finally:
        os.kill(after, signal.SIGTERM)
    wait_until(partial(is_gone, after))
    assert not is_open(port)


def masters_among(processes: list[int]) -> list[int]:
    return [process for process in processes if children_of(process)]

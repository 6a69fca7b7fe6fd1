"""The worker: a client has its time, and no more; slow ones take no thread from the others."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread

import orjson
import pytest
import requests

from service.connections.worker import MAX_LONG_REQUESTS
from tools.instance import Instance

MAX_SECONDS = 2
THREADS = 12
"""Of a worker: eight requests, and four for probes and for answering 503."""

DENSE = {"input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}
LINE = orjson.dumps({"architecture": DENSE, "detail": "totals"}) + b"\n"
BATCH = (
    b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
)
COUNT = b"POST /v1/count/native HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
CHUNKED_NOTHING = b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
NOTHING = b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with Instance(workers=1, settings={"PARAMCOUNT_MAX_SECONDS": MAX_SECONDS}) as started:
        before = started.workers
        yield started
        assert started.workers == before
        assert "Traceback" not in started.log_text
        assert " ERROR " not in started.log_text


def hold(instance: Instance, sent: bytes, number: int = THREADS + 2, buffer: int = 0) -> list[socket.socket]:
    """Open connections that send something and then wait."""
    held = []
    for _ in range(number):
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect(("127.0.0.1", instance.port))
        connection.sendall(sent)
        held.append(connection)
    return held


def assert_back_within(instance: Instance, seconds: float, held: list[socket.socket]) -> None:
    """Fail unless the management's probes answer at once all the while, and a count does within the time."""
    began, ends = time.monotonic(), []

    def count() -> None:
        answer = requests.post(f"{instance.url}/v1/count/native", json=DENSE, timeout=60)
        while answer.status_code == 503:
            time.sleep(0.1)
            answer = requests.post(f"{instance.url}/v1/count/native", json=DENSE, timeout=60)
        ends.append(time.monotonic() - began)

    counting = Thread(target=count)
    counting.start()
    slowest = 0.0
    while counting.is_alive():
        for path in ("/livez", "/readyz", "/metrics"):
            sent = time.monotonic()
            assert requests.get(instance.management_url + path, timeout=5).ok
            slowest = max(slowest, time.monotonic() - sent)
        time.sleep(0.05)
    for connection in held:
        connection.close()
    print(f"{len(held)} connections held: a count after {ends[0]:.2f} s, the slowest probe {slowest:.3f} s")
    assert ends[0] < seconds
    assert slowest < 1


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (b"", 1),
        (b"GET /livez HTTP/1.1\r\nHost", 1),
        (COUNT, 1),
        (COUNT.replace(b" 100", b" 100000"), 1),
        (COUNT.replace(b" 100", b" 1100000"), MAX_SECONDS + 1),
        (CHUNKED_NOTHING, 1),
        (NOTHING, 1),
        (BATCH, 1),
        (BATCH + b"%x\r\n%s\r\n" % (len(LINE), LINE), 1),
    ],
    ids=[
        "nothing",
        "headers",
        "bodies",
        "long bodies",
        "longer bodies",
        "chunks of a 404",
        "bodies of a 404",
        "batches",
        "lines",
    ],
)
def test_clients_that_stall_take_no_thread_for_long(instance: Instance, sent: bytes, seconds: float) -> None:
    assert_back_within(instance, seconds, hold(instance, sent))


def test_clients_that_read_nothing_take_no_thread_for_long(instance: Instance) -> None:
    """More than the system keeps for a client that does not read, and little enough for the worker to keep."""
    asset = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    held = hold(instance, asset * 14, buffer=4096)
    time.sleep(0.5)
    assert_back_within(instance, 1, held)


def test_many_long_bodies_that_stall_take_no_thread_for_long(instance: Instance) -> None:
    held = hold(instance, COUNT.replace(b" 100", b" 100000"), MAX_LONG_REQUESTS + THREADS)
    assert_back_within(instance, MAX_SECONDS + 1, held)


def test_a_header_that_drips_is_ended(instance: Instance) -> None:
    (connection,) = hold(instance, b"GET /livez HTTP/1.1\r\nX: ", 1)
    until = time.monotonic() + MAX_SECONDS + 3
    with suppress(ConnectionError):
        while time.monotonic() < until:
            connection.send(b"x")
            time.sleep(0.2)
    assert time.monotonic() < until
    connection.close()


@pytest.mark.parametrize("length", [b"100", b"100000"])
def test_a_body_that_does_not_come_is_a_problem(instance: Instance, length: bytes) -> None:
    (connection,) = hold(instance, COUNT.replace(b"100", length), 1)
    received = read_until(connection, lambda received: received.endswith(b"CLOSED"))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"The body cannot be read: timed out." in received
    connection.close()


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_requests_that_come_in_pieces_and_ahead_are_answered(instance: Instance, step: int) -> None:
    body = orjson.dumps(DENSE)
    head = b"POST /v1/count/native HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    requested = (head % len(body) + body) * 2 + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", instance.port), timeout=10) as connection:
        for start in range(0, len(requested), step):
            connection.sendall(requested[start : start + step])
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.endswith(b'{"status":"alive"}')


def test_open_batches_hold_half_of_the_slots(instance: Instance) -> None:
    line = b"%x\r\n%s\r\n" % (len(LINE), LINE)
    held = hold(instance, BATCH + line, 4)
    for connection in held:
        read_until(connection, lambda received: b'"line":1' in received)  # whole lines are answered as they come
    (other,) = hold(instance, BATCH + line, 1)
    refused = read_until(other, lambda received: b"try again" in received)
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"4 batches are open" in refused
    assert requests.get(f"{instance.url}/v1/formats", timeout=5).ok
    for connection in held:
        connection.sendall(line + b"0\r\n\r\n")
        read_until(connection, lambda received: b'"line":2' in received and received.endswith(b"0\r\n\r\n"))
        connection.close()
    (after,) = hold(instance, BATCH + line, 1)
    assert b" 200 OK" in read_until(after, lambda received: b'"line":1' in received)
    for connection in (other, after):
        connection.close()


def test_an_open_batch_counts_as_a_request() -> None:
    with Instance(workers=1, settings={"PARAMCOUNT_MAX_CONCURRENT": 1}) as narrow:
        (batch,) = hold(narrow, BATCH + b"%x\r\n%s\r\n" % (len(LINE), LINE), 1)
        read_until(batch, lambda received: b'"line":1' in received)
        assert requests.get(f"{narrow.url}/v1/formats", timeout=5).status_code == 503
        assert requests.get(f"{narrow.url}/livez", timeout=5).ok
        batch.close()


def test_a_slow_client_gives_its_slot_to_others(instance: Instance) -> None:
    held = hold(instance, COUNT.replace(b" 100", b" 1100000"), 8)
    time.sleep(0.3)
    began = time.monotonic()
    for _ in range(3):
        assert requests.post(f"{instance.url}/v1/count/native", json=DENSE, timeout=10).ok
    assert time.monotonic() - began < MAX_SECONDS
    for connection in held:
        connection.close()


def read_until(connection: socket.socket, is_complete: Callable[[bytes], bool]) -> bytes:
    received = b""
    connection.settimeout(10)
    while not is_complete(received):
        assert not received.endswith(b"CLOSED"), received
        received += connection.recv(65536) or b"CLOSED"
    return received


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_batch_that_stalls_loses_no_whole_line(instance: Instance, is_chunked: bool) -> None:
    lines = LINE * 3 + LINE[:20]
    head = BATCH if is_chunked else BATCH.replace(b"Transfer-Encoding: chunked", b"Content-Length: 10000")
    with socket.create_connection(("127.0.0.1", instance.port)) as connection:
        connection.sendall(head + (b"%x\r\n%s\r\n" % (len(lines), lines) if is_chunked else lines))
        began = time.monotonic()
        received = read_until(connection, lambda received: b'"line":3' in received)
        assert time.monotonic() - began < MAX_SECONDS
        assert received.count(b'{"line":') == 3
        last = read_until(connection, lambda received: received.endswith(b"0\r\n\r\n"))
        assert b'{"line":4,' in last
        assert b'"status":400' in last
        assert connection.recv(1) == b""  # nobody knows where a next request would begin

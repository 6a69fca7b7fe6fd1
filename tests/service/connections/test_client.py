"""A client's socket: its time, what is gathered of its request, and what waits to be sent."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from functools import partial
from threading import Thread

import pytest

from service.connections import client
from service.connections.client import Connection


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Connection, socket.socket]]:
    monkeypatch.setattr(Connection, "max_seconds", 0.5)
    server, other = socket.socketpair()
    with Connection(server) as connection, other:
        yield connection, other


def test_a_client_that_drips_has_its_time_in_all(pair: tuple[Connection, socket.socket]) -> None:
    connection, sender = pair

    def drip() -> None:
        for _ in range(20):
            time.sleep(0.1)
            sender.send(b"x")

    dripping = Thread(target=drip)
    dripping.start()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        consume(connection)
    assert 0.4 < time.monotonic() - began < 1.5
    dripping.join()
    connection.renew()
    assert connection.recv(1) == b"x"


def consume(connection: Connection) -> None:
    while connection.recv(10):
        pass


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_client_that_reads_nothing_has_its_time(pair: tuple[Connection, socket.socket], is_batch: bool) -> None:
    connection, _ = pair
    connection.is_batch = is_batch
    with pytest.raises(TimeoutError):
        connection.sendall(bytes(10_000_000 if is_batch else client.MAX_UNSENT_BYTES + 10_000_000))
    assert not connection.unsent
    assert Connection.unsent_bytes == 0


def test_no_thread_waits_for_a_client_that_reads_slowly(pair: tuple[Connection, socket.socket]) -> None:
    connection, reader = pair
    answer = bytes(range(256)) * 10_000
    for part in (answer[:1_500_000], answer[1_500_000:]):
        connection.sendall(part)
    assert Connection.unsent_bytes > len(answer) / 2
    received = b""
    while connection.unsent:
        received += reader.recv(100_000)
        connection.send_rest()
    assert Connection.unsent_bytes == 0
    connection.close()
    assert received + b"".join(iter(partial(reader.recv, 100_000), b"")) == answer


def test_what_nobody_reads_is_forgotten_with_its_connection(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    connection.sendall(bytes(10_000_000))
    connection.close()
    assert Connection.unsent_bytes == 0


def test_a_client_that_reads_has_all_it_needs(
    pair: tuple[Connection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, reader = pair
    monkeypatch.setattr(client, "MAX_UNSENT_BYTES", 0)
    received: list[int] = []

    def read() -> None:
        while sum(received) < 3_000_000:
            received.append(len(reader.recv(100_000)))
            time.sleep(0.02)

    reading = Thread(target=read)
    reading.start()
    connection.sendall(bytes(3_000_000))
    reading.join()
    assert connection.gettimeout() == 0


POST = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n"


@pytest.mark.parametrize(
    ("received", "length"),
    [
        (b"", None),
        (b"GET / HTTP/1.1\r\n", None),
        (b"GET / HTTP/1.1\r\n\r", None),
        (b"GET / HTTP/1.1\r\n\r\n", 18),
        (b"GET / HTTP/1.1\n\n", 0),
        (POST, None),
        (POST + b"\r\n", 41),
        (POST + b"\r\nab", 41),
        (POST + b"\r\nabcGET /", 41),
        (POST.lower().replace(b": 3", b":\t3 ") + b"\r\nab", 42),
        (POST + b"Expect: 100-continue\r\n\r\n", 0),
        (POST + b"Content-Type: application/x-ndjson\r\n\r\n", 0),
        (POST.replace(b"Content-", b"Content ") + b"\r\n", 38),
        (POST.replace(b"3", b"x") + b"\r\n", 38),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 47),
        (b"x" * (client.MAX_HEADER_BYTES - 1), None),
        (b"x" * client.MAX_HEADER_BYTES, 0),
        (POST.replace(b"3", b"1000000") + b"\r\n", 1_000_044),
        (POST.replace(b"3", b"1048577") + b"\r\n", 0),
        (POST.replace(b"3", b"1048576") + b"\r\n", 1_048_620),
    ],
)
def test_the_length_of_a_request(received: bytes, length: int | None) -> None:
    assert client.find_length(received, 10_000_000) == length


def test_a_body_that_is_refused_is_not_gathered() -> None:
    header = POST + b"\r\n"
    assert [client.find_length(header, most) for most in (2, 3)] == [0, 41]


def test_a_request_is_gathered(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    request = POST + b"\r\nabc"
    assert [connection.gather(request[index : index + 1]) for index in range(len(request))] == [False] * 40 + [True]
    assert connection.take_received() == request
    assert not connection.gather(POST)

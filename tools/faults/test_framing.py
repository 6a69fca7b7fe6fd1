"""Requests that no client should send: their framing lies, stalls or breaks off. The others are answered as ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from tools.instance import Instance

BODY = b'{"framework":"keras","input_shape":[3],"layers":[{"type":"Dense","units":4}]}'
POST = b"POST /v1/count/native HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNK = b"%x\r\n%s\r\n" % (len(BODY), BODY)
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
MAX_SECONDS = 3


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with Instance(
        workers=2, settings={"PARAMCOUNT_MAX_SECONDS": MAX_SECONDS, "PARAMCOUNT_LOG_FORMAT": "json"}
    ) as started:
        before = started.workers
        yield started
        assert started.workers == before, "a worker ended"
        assert '"level":"ERROR"' not in started.log_text
        assert "Traceback" not in started.log_text
        assert '"route":"/smuggled"' not in started.log_text


def assert_counts(instance: Instance) -> None:
    """Fail unless an honest client is answered at once."""
    answer = requests.post(
        f"{instance.url}/v1/count/native", BODY, headers={"Content-Type": "application/json"}, timeout=5
    )
    assert answer.json()["totals"]["total"] == 3 * 4 + 4


def connect(instance: Instance, timeout: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", instance.port), timeout=timeout)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side closes, or says no more for a second."""
    connection.settimeout(1)
    received = b""
    with suppress(TimeoutError, ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def statuses(instance: Instance, *parts: bytes) -> list[int]:
    """The statuses of all answers to what is sent on one connection."""
    with connect(instance) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        return [int(part[:3]) for part in read_all(connection).split(b"HTTP/1.1 ")[1:]]


LIES = {
    "both lengths": POST + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked, then a length": POST + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + CHUNK + b"0\r\n\r\n",
    "two lengths": POST + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    "two equal lengths": POST + LENGTH + LENGTH + b"\r\n" + BODY,
    "two lengths in one": POST + b"Content-Length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + BODY,
    "a signed length": POST + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY,
    "a length in hexadecimal": POST + b"Content-Length: 0x10\r\n\r\n" + BODY,
    "a length in other digits": POST + "Content-Length: ٣\r\n\r\n".encode() + BODY,
    "a length of nothing": POST + b"Content-Length: \r\n\r\n" + BODY,
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n",
    "chunked under another name": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNK + b"0\r\n\r\n" + SMUGGLED,
    "chunked in version 1.0": POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK,
    "a space before the colon": POST + b"Content-Length : %d\r\n\r\n" % len(BODY) + BODY,
    "a folded header": POST + LENGTH + b"X: a\r\n b\r\n\r\n" + BODY,
    "a NUL in a header": POST + LENGTH + b"X: a\x00b\r\n\r\n" + BODY,
    "a NUL in the path": GET.replace(b"livez", b"li\x00vez") + b"\r\n",
    "a carriage return alone": POST + LENGTH + b"X: a\rY: b\r\n\r\n" + BODY,
    "a header without a name": POST + LENGTH + b": a\r\n\r\n" + BODY,
    "a header that is none": POST + LENGTH + b"nonsense\r\n\r\n" + BODY,
    "a method that is none": GET.replace(b"GET", b"G\x01T") + b"\r\n",
    "a version that is none": GET.replace(b"HTTP/1.1", b"HTTP/9.9") + b"\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an endless request line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "an endless header": GET + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "endless headers": GET + b"".join(b"X%d: a\r\n" % number for number in range(20_000)) + b"\r\n",
    "a bare line feed": (POST + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + BODY,
}  # fmt: skip


@pytest.mark.parametrize("request_", LIES.values(), ids=LIES)
def test_a_lie_is_refused_and_ends_the_connection(instance: Instance, request_: bytes) -> None:
    received = statuses(instance, request_)
    assert len(received) <= 1, received  # nothing after it is taken for a request
    assert not received or received[0] in (400, 405, 413, 414, 431, 501, 505), received
    assert_counts(instance)


CHUNKS = {
    "no number": b"zz\r\n" + BODY,
    "a negative one": b"-5\r\n" + BODY,
    "a signed one": b"+5\r\n" + BODY,
    "in hexadecimal, as Python writes it": b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    "larger than memory": b"f" * 16 + b"\r\n" + BODY,
    "of a million digits": b"0" * 1_000_000 + b"1\r\na\r\n0\r\n\r\n",
    "shorter than the chunk": b"5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "with a bare line feed": b"%x\n%s\n0\n\n" % (len(BODY), BODY),
    "with an endless extension": b"1;" + b"a" * 200_000 + b"\r\na\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_a_chunk_whose_size_lies(instance: Instance, chunks: bytes) -> None:
    received = statuses(instance, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + SMUGGLED)
    assert len(received) <= 1, received
    assert not received or received[0] in (400, 413, 422), received
    assert_counts(instance)


def test_honest_chunks_are_counted(instance: Instance) -> None:
    one_by_one = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY)
    for chunks in (CHUNK, one_by_one, CHUNK.replace(b"\r\n", b";a=b\r\n", 1)):
        assert statuses(instance, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n") == [200]


def test_a_chunked_body_that_never_ends_is_too_long() -> None:
    with Instance(workers=1, settings={"PARAMCOUNT_MAX_BODY_BYTES": 100_000}) as small:
        part = b"ffff\r\n" + b" " * 65535 + b"\r\n"
        assert statuses(small, POST + b"Transfer-Encoding: chunked\r\n\r\n", part, part, part) == [413]
        assert statuses(small, POST + b"Content-Length: 100001\r\n\r\n") == [413]
        assert_counts(small)


def test_pipelined_requests_are_answered_in_order(instance: Instance) -> None:
    bad = POST + b"Content-Length: 2\r\n\r\n[]"
    assert statuses(instance, (POST + LENGTH + b"\r\n" + BODY) * 3 + bad + GET + b"\r\n") == [200, 200, 200, 422, 200]
    refused = POST.replace(b"application/json", b"text/html") + LENGTH + b"\r\n" + BODY  # its body is not read by us
    assert statuses(instance, refused + GET + b"\r\n")[:1] == [415]


def test_clients_that_leave(instance: Instance) -> None:
    """In the middle of a header, of a body, of an answer; with and without a word."""
    for sent in (b"", b"PO", POST, POST + LENGTH + b"\r\n", POST + LENGTH + b"\r\n" + BODY[:9], GET + b"\r\n"):
        for how in ("close", "half", "reset"):
            connection = connect(instance)
            connection.sendall(sent)
            if how == "half":
                connection.shutdown(socket.SHUT_WR)
                read_all(connection)
            elif how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
    assert_counts(instance)


def test_a_half_closed_connection_is_answered(instance: Instance) -> None:
    with connect(instance) as connection:
        connection.sendall(POST + LENGTH + b"\r\n" + BODY)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).startswith(b"HTTP/1.1 200")


def test_an_answer_that_is_read_byte_by_byte(instance: Instance) -> None:
    with connect(instance) as connection:
        connection.sendall(GET.replace(b"/livez", b"/v1/formats") + b"Connection: close\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(1), b""))
    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(b"]}")


def test_clients_that_stall_take_no_turn_from_others(instance: Instance) -> None:
    """Fewer than there are threads: each stalls in a header or in a body; a gateway keeps the others away."""
    stalled = [connect(instance) for _ in range(8)]
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.2):
            for connection in stalled[::2]:
                with suppress(OSError):
                    connection.send(b"X")

    dripping = threading.Thread(target=drip)
    for index, connection in enumerate(stalled):
        connection.sendall(POST + (LENGTH + b"\r\n" if index % 2 else b"X-Slow: "))
    dripping.start()
    try:
        until = time.monotonic() + 2 * MAX_SECONDS
        while time.monotonic() < until:
            began = time.monotonic()
            assert requests.get(f"{instance.url}/livez", timeout=5).ok
            assert_counts(instance)
            assert time.monotonic() - began < MAX_SECONDS
            time.sleep(0.1)
    finally:
        over.set()
        dripping.join()
        for connection in stalled:
            connection.close()
    assert_counts(instance)


def test_a_batch_that_nobody_reads(instance: Instance) -> None:
    """Its thread is free again after max_seconds."""
    line = b'{"architecture":%s}\n' % BODY
    with connect(instance) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(POST.replace(b"count/native", b"batch").replace(b"/json", b"/x-ndjson"))
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        connection.settimeout(1)
        ended = time.monotonic() + 4 * MAX_SECONDS
        try:
            while time.monotonic() < ended:
                connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        except TimeoutError:
            time.sleep(MAX_SECONDS + 1)
        except OSError:
            pass
        assert_counts(instance)
        assert time.monotonic() < ended

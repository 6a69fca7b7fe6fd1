"""Clients that hold connections: they send half a header or half a body, or do not read their answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

_POST = b"POST /v1/count/native HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_BATCH = (
    b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
)

STALLS: Mapping[str, bytes] = {
    "nothing": b"",
    "half a header": _POST + b"X-Slow: ",
    "half a short body": _POST + b"Content-Length: 1000\r\n\r\n{",
    "half a long body": _POST + b"Content-Length: 100000\r\n\r\n{",
    "a body nobody asks for": b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
    "an open batch": _BATCH + b'12\r\n{"architecture":1}\r\n',
    "answers that nobody reads": b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 14,
}


def hold_connections(port: int, is_over: Callable[[], bool], number: int = 14, seconds: float = 5) -> None:
    """Hold so many connections of one kind for a while, then of the next kind, until it is over."""
    while not is_over():
        for sent in STALLS.values():
            held = [connection for _ in range(number) if (connection := _open(port, sent))]
            until = time.monotonic() + seconds
            while time.monotonic() < until and not is_over():
                time.sleep(0.2)
                for connection in held[::2]:  # every other one drips
                    with suppress(OSError):
                        connection.send(b"x", socket.MSG_DONTWAIT)
            for connection in held:
                connection.close()


def _open(port: int, sent: bytes) -> socket.socket | None:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(2)
    try:
        connection.connect(("127.0.0.1", port))
        connection.sendall(sent)
    except OSError:
        connection.close()
        return None
    return connection


def start(target: Callable[..., None], *arguments: object) -> threading.Thread:
    """Start a thread."""
    thread = threading.Thread(target=target, args=arguments)
    thread.start()
    return thread

"""The socket of one client: what has come of a request, what is not sent of an answer, and how long a thread waits."""

from __future__ import annotations

import errno
import re
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import itemgetter
from threading import Lock
from time import monotonic, sleep
from typing import Any, ClassVar, TypeVar

MIN_BYTES_PER_SECOND = 32 * 1024
"""A client that sends or reads faster than this never runs out of time."""

PATIENCE_SECONDS = 1.0
"""The time that a client may keep a worker waiting that has no slot left for others."""

MAX_GATHERED_BYTES = 2**20
"""Bodies up to this size are gathered, and the headers of longer ones; the thread that answers reads the rest."""

MAX_HEADER_BYTES = 16 * 1024
"""A header that is longer is left to gunicorn, which has limits of its own."""

MAX_UNSENT_BYTES = 32 * 2**20
"""The part of all answers that waits for slow clients without a thread."""

_IMPATIENT = re.compile(rb"\n(expect|content-type:[ \t]*application/x-ndjson)", re.IGNORECASE)
"""A client that waits for leave to send the body, or for the answers to the first lines of a batch."""

_CONTENT_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r", re.IGNORECASE)

T = TypeVar("T")


class OutOfTime(TimeoutError):
    """A client used up its time. For gunicorn its connection is reset, which is not worth an error in the log."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "timed out")

    def __str__(self) -> str:
        return "timed out"


class Connection(socket.socket):
    """A client's socket on which a thread waits for `max_seconds` in all, and longer only while bytes move."""

    max_seconds: float = 20.0  # the settings; the same for all
    max_body_bytes: int = MAX_GATHERED_BYTES
    waiting: ClassVar[dict[Connection, float]] = {}  # those on which a thread waits, and since when
    unsent_bytes: ClassVar[int] = 0  # of all connections
    _unsent_lock: ClassVar[Lock] = Lock()

    def __init__(self, accepted: socket.socket) -> None:
        """Take the place of an accepted socket."""
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, accepted.detach())
        super().setblocking(False)
        self.received = bytearray()  # of a request that is gathered
        self.request_bytes: int | None = None  # its length, when its header has come
        self.unsent: deque[memoryview] = deque()
        self.begin()

    def setblocking(self, flag: bool) -> None:
        """Ignore what gunicorn asks for before and after each request: only `_wait_for` waits."""

    def begin(self) -> None:
        """Begin a request: the client has all its time."""
        self.is_batch = False  # one counts as a request for as long as it is open
        self.renew()

    def renew(self) -> None:
        """Give the client all its time again."""
        self._seconds_left = self.max_seconds

    def gather(self, received: bytes) -> bool:
        """Add what was received to the request; return whether a thread shall have it."""
        self.received += received
        if self.request_bytes is None:
            self.request_bytes = find_length(self.received, self.max_body_bytes)
        return self.request_bytes is not None and len(self.received) >= self.request_bytes

    def take_received(self) -> bytearray:
        """Return what was gathered, and gather the next request."""
        received, self.received, self.request_bytes = self.received, bytearray(), None
        return received

    @classmethod
    def end_longest_wait(cls) -> bool:
        """Close the connection whose client kept the service waiting longest, for a second or more; not of a batch."""
        now = monotonic()
        waits = [(cls.max_seconds - client._seconds_left + now - since, client)  # noqa: SLF001
                 for client, since in cls.waiting.copy().items() if not client.is_batch]  # fmt: skip
        seconds, slowest = max(waits, key=itemgetter(0), default=(0.0, None))
        if slowest is None:
            return False
        sleep(max(0.0, PATIENCE_SECONDS - seconds))
        with suppress(OSError):
            slowest.shutdown(socket.SHUT_RDWR)
        return True

    def limit(self, seconds: float) -> None:
        """Leave the client only so much time."""
        self._seconds_left = min(self._seconds_left, seconds)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive as a socket does. Raises OutOfTime."""
        try:
            return super().recv(size, flags)
        except BlockingIOError:
            received = self._wait_for(super().recv, size, flags)
        self._earn(len(received))
        return received

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send as a socket does, but leave what a slow client does not read to `send_rest`. Raises OutOfTime."""
        if not self.unsent:
            try:
                sent = self.send(data, flags)
            except BlockingIOError:
                sent = 0
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        if not self._keep(memoryview(data)):
            self._send_waiting(flags)

    def _keep(self, rest: memoryview) -> bool:
        """Keep the rest of an answer; return whether there is room for it, so that no thread needs to wait."""
        self.unsent.append(rest)
        with self._unsent_lock:
            Connection.unsent_bytes += len(rest)
            return not self.is_batch and Connection.unsent_bytes <= MAX_UNSENT_BYTES

    def _send_waiting(self, flags: int) -> None:
        try:
            while self.unsent:
                self._earn(self._forget(self._wait_for(self.send, self.unsent[0], flags)))
        except OSError:
            self._forget_all()
            raise

    def send_rest(self) -> int:
        """Send what the client has room for, without waiting; return how many bytes. Raises OSError."""
        sent = 0
        with suppress(BlockingIOError):
            while self.unsent:
                sent += self._forget(self.send(self.unsent[0]))
        return sent

    def _forget(self, size: int) -> int:
        """Forget so many bytes that were sent; return how many."""
        if size == len(self.unsent[0]):
            self.unsent.popleft()
        else:
            self.unsent[0] = self.unsent[0][size:]
        with self._unsent_lock:
            Connection.unsent_bytes -= size
        return size

    def _forget_all(self) -> None:
        while self.unsent:
            self._forget(len(self.unsent[0]))

    def close(self) -> None:
        """Close the socket; what was not sent is lost."""
        self._forget_all()
        super().close()

    def _wait_for(self, operation: Callable[..., T], data: Any, flags: int) -> T:
        began = self.waiting[self] = monotonic()
        self.settimeout(max(0.001, self._seconds_left))
        try:
            return operation(data, flags)
        except TimeoutError:
            raise OutOfTime from None
        finally:
            del self.waiting[self]
            self._seconds_left -= monotonic() - began
            self.settimeout(0)

    def _earn(self, size: int) -> None:
        self._seconds_left = min(self.max_seconds, self._seconds_left + size / MIN_BYTES_PER_SECOND)


def find_length(received: bytes | bytearray, max_body_bytes: int) -> int | None:
    """Return the length of the request that begins so, header included; None while more of the header must come.

    0 for what is not gathered: bodies that are too long, clients that wait, what is no HTTP.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0 if b"\n\n" in received or len(received) >= MAX_HEADER_BYTES else None  # gunicorn says what is wrong
    if _IMPATIENT.search(received, 0, end):
        return 0
    header = _CONTENT_LENGTH.search(received, 0, end + 2)
    body_bytes = int(header[1]) if header else 0
    return end + 4 + body_bytes if body_bytes <= min(max_body_bytes, MAX_GATHERED_BYTES) else 0

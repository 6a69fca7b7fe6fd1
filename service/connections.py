"""Connections of clients: no thread waits for a header or a short body, and none waits long for a slow client.

The loop that waits for all connections of a worker gathers what they send, and closes those that end. Gunicorn's own
loop gives a connection to a thread when it opens, and waits itself for clients that do not close.
"""

from __future__ import annotations

import errno
import re
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from operator import itemgetter
from time import monotonic, sleep
from typing import Any, ClassVar, TypeVar

from gunicorn.http.body import LengthReader
from gunicorn.workers import gthread

CLOSING_SECONDS = 1.0
"""The time that a client has to read the last answer, before its connection is closed."""

PATIENCE_SECONDS = 1.0
"""The time that a client may keep a worker waiting that has no slot left for others."""

MAX_GATHERED_BYTES = 16 * 1024
"""Requests up to this size are gathered, and headers of longer ones; the thread that answers reads the rest."""

MIN_BYTES_PER_SECOND = 32 * 1024
"""A client that sends or reads faster than this never runs out of time."""

_SECONDS_PER_CHECK = 0.25
_DRAIN_SECONDS = 0.05
_MAX_DRAINED_BYTES = 64 * 1024
"""Bounds of reading the rest of a body that nobody read, so that the connection can be kept."""

_IMPATIENT = re.compile(rb"\n(expect|content-type:[ \t]*application/x-ndjson)", re.IGNORECASE)
"""A client that waits for leave to send the body, or for the answers to the first lines of a batch."""

_CONTENT_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r", re.IGNORECASE)

_receive = socket.socket.recv  # without a client's time: the loop never waits

T = TypeVar("T")


class OutOfTime(TimeoutError):
    """A client used up its time. For gunicorn its connection is reset, which is not worth an error in the log."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "timed out")

    def __str__(self) -> str:
        return "timed out"


class Connection(socket.socket):
    """A client's socket on which a thread waits for `max_seconds` in all, and longer only while bytes move."""

    max_seconds: float = 20.0  # the setting; the same for all
    waiting: ClassVar[dict[Connection, float]] = {}  # those on which a thread waits, and since when

    def __init__(self, accepted: socket.socket) -> None:
        """Take the place of an accepted socket."""
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, accepted.detach())
        super().setblocking(False)
        self.received = b""  # of a request that is gathered
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
        """Send as a socket does. Raises OutOfTime."""
        try:
            sent = self.send(data, flags)
        except BlockingIOError:
            sent = 0
        if sent < len(data):  # the client, or the way to it, is slower than the service
            left = memoryview(data)[sent:]
            while left:
                sent = self._wait_for(self.send, left, flags)
                self._earn(sent)
                left = left[sent:]

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


def is_whole(received: bytes) -> bool:
    """Return whether a thread shall have the request: it has come, or is too long to be gathered."""
    if len(received) >= MAX_GATHERED_BYTES:
        return True
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return b"\n\n" in received  # not HTTP: gunicorn says so
    header = _CONTENT_LENGTH.search(received, 0, end + 2)
    length = end + 4 + int(header[1]) if header else 0
    if len(received) >= length or length > MAX_GATHERED_BYTES:
        return True
    return _IMPATIENT.search(received, 0, end) is not None


class Worker(gthread.ThreadWorker):
    """Gunicorn's worker of threads, for clients of any speed. With TLS gunicorn's own ways are kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take gunicorn's arguments."""
        super().__init__(*args, **kwargs)
        self._deadlines: dict[gthread.TConn, float] = {}  # of the clients that must send or close soon, oldest first
        self._next_check = 0.0

    def accept(self, listener: Any) -> None:
        """Accept a connection; no thread has it before its request has come."""
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        conn = gthread.TConn(self.cfg, Connection(client), address, listener.getsockname())
        conn.data_ready = True
        conn.timeout = monotonic() + (self.cfg.keepalive or Connection.max_seconds)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        """Receive the first bytes of a connection."""
        if self.cfg.is_ssl:
            super().on_pending_socket_readable(conn, client)
            return
        self.pending_conns.remove(conn)
        self._gather(conn, client)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Receive the first bytes of a connection's next request."""
        if self.cfg.is_ssl:
            super().on_client_socket_readable(conn, client)
            return
        self.keepalived_conns.remove(conn)
        self._gather(conn, client)

    def _gather(self, conn: Any, client: Any) -> None:
        """Receive what has come of a request, and give it to a thread when it is whole."""
        try:
            received = _receive(client, MAX_GATHERED_BYTES)
        except BlockingIOError:
            self._await(conn, self._gather, Connection.max_seconds)
            return
        except OSError:
            received = b""
        if not received:  # the client closed it
            self._drop(conn)
            return
        client.received += received
        if not is_whole(client.received):
            self._await(conn, self._gather, Connection.max_seconds)
            return
        self._answer(conn)

    def _answer(self, conn: Any) -> None:
        """Give a request to a thread."""
        self._deadlines.pop(conn, None)
        self.poller.unregister(conn.sock)
        self.enqueue_req(conn)

    def _await(self, conn: Any, callback: Callable[[Any, Any], None], seconds: float) -> None:
        """Call back when a connection is readable; close it when its time is over, which began with the first call."""
        if conn in self._deadlines:
            return
        self._deadlines[conn] = monotonic() + seconds
        handle_event = partial(callback, conn)
        try:
            self.poller.modify(conn.sock, selectors.EVENT_READ, handle_event)
        except KeyError:
            self.poller.register(conn.sock, selectors.EVENT_READ, handle_event)

    def _drop(self, conn: Any) -> None:
        """Close a connection that the loop waits for."""
        self._deadlines.pop(conn, None)
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def handle(self, conn: Any) -> Any:
        """Answer a request that was gathered."""
        client = conn.sock
        if isinstance(client, Connection):
            conn.init()
            conn.parser.unreader.buf.write(client.received)
            client.received = b""
            client.begin()
        return super().handle(conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Return whether a connection can have another request: not if the rest of a body does not come soon."""
        if not isinstance(conn.sock, Connection):
            return bool(super()._keepalive_after(conn, keepalive))  # type: ignore[misc]
        body = conn.parser.mesg.body
        if not keepalive or body.failed:
            return False
        if isinstance(body.reader, LengthReader) and not body.reader.length:
            return True
        conn.sock.limit(_DRAIN_SECONDS)
        return bool(conn.parser.finish_body(max_bytes=_MAX_DRAINED_BYTES))

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Wait for a connection's next request, or for its client to close it."""
        client = conn.sock
        if not isinstance(client, Connection):
            super().finish_request(conn, fs)
            return
        try:
            if not fs.result():
                client.shutdown(socket.SHUT_WR)
                self._await(conn, self._discard, CLOSING_SECONDS)
            elif conn.parser.unreader.buf.tell():  # the client sends requests ahead
                client.received = conn.parser.unreader.take_buffered()
                if is_whole(client.received):
                    self.enqueue_req(conn)
                else:
                    self._await(conn, self._gather, Connection.max_seconds)
            else:
                self._keep(conn)
        except Exception:  # noqa: BLE001 # as gunicorn: of the future, or of a socket that is closed
            self._drop(conn)

    def _keep(self, conn: Any) -> None:
        """Wait for another request."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, monotonic() + CLOSING_SECONDS)
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def _discard(self, conn: Any, client: Any) -> None:
        """Receive what nobody reads: to close at once could take back the answer that the client still reads."""
        try:
            is_open = bool(_receive(client, MAX_GATHERED_BYTES))
        except OSError as error:
            is_open = isinstance(error, BlockingIOError)
        if not is_open:
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Close idle connections soon, since the worker stops; also those that have sent nothing yet."""
        super()._cap_keepalive(deadline)  # type: ignore[misc]
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout or deadline, deadline)

    def murder_pending(self) -> None:
        """Close the connections whose time is over, and the oldest idle ones where there is no room for others."""
        super().murder_pending()
        if (now := monotonic()) < self._next_check:
            return
        self._next_check = now + _SECONDS_PER_CHECK
        for conn in [conn for conn, deadline in self._deadlines.items() if deadline < now]:
            self._give_up(conn)
        if self.nr_conns >= self.worker_connections:
            self._make_room(self.worker_connections // 10)

    def _give_up(self, conn: Any) -> None:
        """Close a connection whose time is over; but answer a request of which only the body is not whole."""
        if b"\r\n\r\n" not in conn.sock.received:
            self._drop(conn)
            return
        conn.sock.max_seconds = 0  # the thread that answers it does not wait
        self._answer(conn)

    def _make_room(self, number: int) -> None:
        for conn in list(self._deadlines)[:number]:
            self._drop(conn)
            number -= 1
        for idle in (self.pending_conns, self.keepalived_conns):
            while idle and number > 0:
                self._drop(idle.popleft())
                number -= 1

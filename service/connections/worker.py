"""The worker: its loop gathers what clients send and sends what they read slowly, and closes those that end.

Gunicorn's own loop gives a connection to a thread when it opens, and waits itself for clients that do not close.
"""

from __future__ import annotations

import errno
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.workers import gthread

from service.connections.client import MAX_HEADER_BYTES, MIN_BYTES_PER_SECOND, Connection
from service.connections.threads import Threads

CLOSING_SECONDS = 1.0
"""The time that a client has to read the last answer, before its connection is closed."""

MAX_LONG_REQUESTS = 32
"""Requests longer than a header that are gathered at once; threads read the others."""

_READ_BYTES = 64 * 1024
_SECONDS_PER_CHECK = 0.25
_DRAIN_SECONDS = 0.05
_MAX_DRAINED_BYTES = 64 * 1024
"""Bounds of reading the rest of a body that nobody read, so that the connection can be kept."""

_receive = socket.socket.recv  # without a client's time: the loop never waits


class Worker(gthread.ThreadWorker):
    """Gunicorn's worker of threads, for clients of any speed. With TLS gunicorn's own ways are kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take gunicorn's arguments."""
        super().__init__(*args, **kwargs)
        self._deadlines: dict[gthread.TConn, float] = {}  # of the clients that must send or close soon, oldest first
        self._long_requests: set[gthread.TConn] = set()  # of those
        self._next_check = 0.0

    def get_thread_pool(self) -> Any:
        """Return what answers requests."""
        self._threads = Threads(self.cfg.threads)
        return self._threads

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
            received = _receive(client, _READ_BYTES)
        except BlockingIOError:
            self._await(conn, self._gather)
            return
        except OSError:
            self._drop(conn)
            return
        if not received:  # the client sends no more
            self._give_up(conn)
        elif client.gather(received) or not self._has_room(conn):
            self._answer(conn)
        else:
            self._await(conn, self._gather, len(received))

    def _has_room(self, conn: Any) -> bool:
        """Return whether the loop can gather the request; long ones only as far as memory is meant for them."""
        if (conn.sock.request_bytes or 0) <= MAX_HEADER_BYTES or conn in self._long_requests:
            return True
        if len(self._long_requests) == MAX_LONG_REQUESTS:
            return False
        self._long_requests.add(conn)
        return True

    def _answer(self, conn: Any) -> None:
        """Give a request to a thread."""
        self._stop_waiting(conn)
        self.enqueue_req(conn)

    def _await(
        self,
        conn: Any,
        callback: Callable[[Any, Any], None],
        moved_bytes: int = 0,
        seconds: float | None = None,
        event: int = selectors.EVENT_READ,
    ) -> None:
        """Call back when a connection is ready; close it when its time is over, which is longer while bytes move."""
        now, most = monotonic(), Connection.max_seconds if seconds is None else seconds
        deadline = self._deadlines.get(conn)
        if deadline is not None:
            self._deadlines[conn] = min(deadline + moved_bytes / MIN_BYTES_PER_SECOND, now + most)
            return
        self._deadlines[conn] = now + most
        handle_event = partial(callback, conn)
        try:
            self.poller.modify(conn.sock, event, handle_event)
        except KeyError:
            self.poller.register(conn.sock, event, handle_event)

    def _stop_waiting(self, conn: Any) -> None:
        self._deadlines.pop(conn, None)
        self._long_requests.discard(conn)
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: Any) -> None:
        """Close a connection that the loop waits for."""
        self._stop_waiting(conn)
        self.nr_conns -= 1
        conn.close()

    def handle(self, conn: Any) -> Any:
        """Answer a request that was gathered."""
        client = conn.sock
        if isinstance(client, Connection):
            conn.init()
            conn.parser.unreader.buf.write(client.take_received())
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
        self._threads.fill()
        client = conn.sock
        if not isinstance(client, Connection):
            super().finish_request(conn, fs)
            return
        try:
            is_last = not fs.result()
        except Exception:  # noqa: BLE001 # as gunicorn
            self._drop(conn)
            return
        self._go_on(is_last, conn, client)

    def _go_on(self, is_last: bool, conn: Any, client: Any) -> None:
        """Send what is left of an answer as the client reads it; then wait for its next request, or its end."""
        try:
            if client.unsent and not self._sends_all(is_last, conn, client):
                return
            if is_last:
                client.shutdown(socket.SHUT_WR)
                self._await(conn, self._discard, seconds=CLOSING_SECONDS)
            elif conn.parser.unreader.buf.tell():  # the client sends requests ahead
                is_whole = client.gather(conn.parser.unreader.take_buffered())
                self._answer(conn) if is_whole or not self._has_room(conn) else self._await(conn, self._gather)
            else:
                self._keep(conn)
        except OSError:  # the client closed it
            self._drop(conn)

    def _sends_all(self, is_last: bool, conn: Any, client: Any) -> bool:
        """Send what is left as far as the client has room for it; come back when it has more."""
        sent_bytes = client.send_rest()
        if client.unsent:
            self._await(conn, partial(self._go_on, is_last), sent_bytes, event=selectors.EVENT_WRITE)
            return False
        self._stop_waiting(conn)
        return True

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
            is_open = bool(_receive(client, _READ_BYTES))
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
        """Close a connection of which no more will come; but answer a request of which only the body is not whole."""
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

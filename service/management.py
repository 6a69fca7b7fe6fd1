"""Probes and metrics on a listener of their own: a process beside the workers, which no stuck worker stops."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from math import inf
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from service.middleware import metrics

NAME = "management"
"""The name of the process, beside gunicorn's."""

DESCRIPTOR = "_PARAMCOUNT_MANAGEMENT_FD"
"""The variable in which a master hands its listening socket to the one that replaces it (USR2)."""

MAX_CONNECTIONS = 100
CONNECTION_SECONDS = 5.0
"""The time of a connection: the request, its answer, and reading that."""

_MAX_REQUEST_BYTES = 16 * 1024
_PROBE_SECONDS = 0.15
"""The time that a probe waits for a worker's answer; then it answers by what was seen last."""

READY_SECONDS = 6.0
"""The service is ready for so long after a worker answered."""

DEAD_SECONDS = 120.0
"""The service is no more alive when no worker answered for so long: its master did not help."""

_ASK_DELAYS_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 1.8)
"""The waits between connections to the service: one of several workers may be stuck."""

_SECONDS_PER_CHECK = 10.0
_SECONDS_PER_LOOK = 0.5
_ATTEMPTS_TO_BIND = 5


class Health:
    """The workers' health: they are asked at the start and when a probe comes, and never twice at once."""

    def __init__(self, address: Any, context: ssl.SSLContext | None) -> None:
        """`address`: where the service listens, as a socket states it; `context`: of the service's TLS."""
        self._address, self._context = address, context
        self._answered_at = self._checked_at = -inf
        self._silent_since = inf
        self._check: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Return whether a worker answered of late."""
        return monotonic() < self._answered_at + READY_SECONDS

    @property
    def is_dead(self) -> bool:
        """Return whether no worker answered for long."""
        return monotonic() > self._silent_since + DEAD_SECONDS

    async def check(self) -> None:
        """Ask the workers, and wait for an answer for as long as a probe may take."""
        await asyncio.wait({self._start_check()}, timeout=_PROBE_SECONDS)

    def check_now_and_then(self) -> None:
        """Ask the workers where nobody did of late, or none answered yet; the answer is for the next probe."""
        if monotonic() > self._checked_at + _SECONDS_PER_CHECK or self._answered_at == -inf:
            self._start_check()

    def _start_check(self) -> asyncio.Task[None]:
        if self._check is None or self._check.done():
            self._checked_at = monotonic()
            self._check = asyncio.create_task(self._ask_workers())
        return self._check

    async def _ask_workers(self) -> None:
        """Ask on one connection after the other, until one is answered."""
        asks: set[asyncio.Task[bool]] = set()
        try:
            for delay in _ASK_DELAYS_SECONDS:
                asks.add(asyncio.create_task(self._ask_once()))
                done, asks = await asyncio.wait(asks, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
                if any(ask.result() for ask in done):
                    self._answered_at, self._silent_since = monotonic(), inf
                    return
                if done:
                    await asyncio.sleep(delay)
        finally:
            for ask in asks:
                ask.cancel()
        self._silent_since = min(self._silent_since, self._checked_at)

    async def _ask_once(self) -> bool:
        try:
            if isinstance(self._address, str):
                reader, writer = await asyncio.open_unix_connection(self._address)
            else:
                reader, writer = await asyncio.open_connection(*self._address[:2], ssl=self._context)
        except OSError:
            return False
        try:
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in await reader.readline()
        except (OSError, ValueError):
            return False
        finally:
            writer.transport.abort()


class _Server:
    """Answers the three paths; one request a connection."""

    def __init__(self, health: Health, master: int) -> None:
        self._health, self._master = health, master
        self._open = 0
        self._scrapes = asyncio.Lock()

    async def serve(self, opened: socket.socket) -> None:
        """Serve until the master is gone."""
        server = await asyncio.start_server(self._connect, sock=opened, limit=_MAX_REQUEST_BYTES)
        async with server:
            while os.getppid() == self._master:
                if not self._health.is_ready:
                    self._health.check_now_and_then()
                await asyncio.sleep(_SECONDS_PER_LOOK)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                async with asyncio.timeout(CONNECTION_SECONDS):
                    await self._answer(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # of a client that leaves, is slow, or sends no request
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header = await reader.readuntil(b"\r\n\r\n")
        method, _, target = header.partition(b"\r\n")[0].decode("latin-1").rpartition(" ")[0].partition(" ")
        if method in ("GET", "HEAD"):
            status, media, body = await self._respond(target.partition("?")[0])
        else:
            status, media, body = _json(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered here")
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n"
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            head += "Allow: GET, HEAD\r\n"
        writer.transport.set_write_buffer_limits(0)  # so that `drain` waits until all is sent
        writer.write(f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode())
        writer.write(b"" if method == "HEAD" else body)
        await writer.drain()
        writer.write_eof()
        await reader.read()  # until the client closes: it has all then

    async def _respond(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/livez":
            self._health.check_now_and_then()
            if self._health.is_dead:
                return _json(HTTPStatus.SERVICE_UNAVAILABLE, f"no worker answered for {DEAD_SECONDS:.0f} s")
            return _json(HTTPStatus.OK, "alive")
        if path == "/readyz":
            await self._health.check()
            if not self._health.is_ready:
                return _json(HTTPStatus.SERVICE_UNAVAILABLE, "no worker answers")
            return _json(HTTPStatus.OK, "ready")
        if path == "/metrics":
            async with self._scrapes:  # one at a time, beside the probes
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, await asyncio.to_thread(metrics.render)
        return _json(HTTPStatus.NOT_FOUND, "the paths here are /livez, /readyz and /metrics")


def _json(status: HTTPStatus, text: str) -> tuple[HTTPStatus, str, bytes]:
    return status, "application/json", orjson.dumps({"status": text})


class Listener:
    """The master's side: holds the socket, and starts the process that answers, again where it ended."""

    def __init__(self, bind: str) -> None:
        """`bind`: HOST:PORT, or PORT with the service's own host; empty for no listener."""
        self._bind = bind
        self._socket: socket.socket | None = None
        self._process = 0

    def open(self, server: Any) -> None:
        """Listen. A port that is in use stops the start where it was asked for by name, and is logged where not."""
        if not self._bind:
            return
        if descriptor := os.environ.pop(DESCRIPTOR, ""):
            self._socket = socket.socket(fileno=int(descriptor))
            return
        host, _, port = self._bind.rpartition(":")
        address = host.strip("[]") or _host(server.address[0]), int(port)
        try:
            self._socket = _listen(address)
        except OSError as error:
            is_stated = "PARAMCOUNT_MANAGEMENT_BIND" in os.environ
            log = server.log.error if is_stated else server.log.warning
            log("PARAMCOUNT_MANAGEMENT_BIND: cannot listen at %s:%s: %s", *address, error.strerror)
            if is_stated:
                sys.exit(1)

    def start(self, server: Any) -> None:
        """Start the process, and let the master's loop look after it."""
        if self._socket is None:
            return
        server.log.info("Probes and metrics at: %s:%s", *self._socket.getsockname()[:2])
        self._fork(server)
        manage_workers = server.manage_workers  # called at least once a second

        def manage_listener_too() -> None:
            if self._process and _has_ended(self._process):
                server.log.error("The listener of probes and metrics ended; it is started again")
                self._fork(server)
            manage_workers()

        server.manage_workers = manage_listener_too

    def hand_over(self, server: Any) -> None:
        """Let the process that replaces this master go on with the socket."""
        if self._socket is not None:
            self._socket.set_inheritable(True)
            server.cfg.env_orig[DESCRIPTOR] = str(self._socket.fileno())

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, 0
        if process:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)  # it has nothing to end
                os.waitpid(process, 0)

    def close(self) -> None:
        """Close the socket: a worker has no use for it."""
        if self._socket is not None:
            self._socket.close()

    def _fork(self, server: Any) -> None:
        assert self._socket is not None
        master = os.getpid()
        addresses = [listener.getsockname() for listener in server.LISTENERS]
        self._process = os.fork()
        if self._process:
            return
        with _nothing_of_the_master(server):
            context = _trusting_context() if server.cfg.is_ssl else None
            health = Health(_reachable(addresses[0]), context)
            asyncio.run(_Server(health, master).serve(self._socket))


@contextmanager
def _nothing_of_the_master(server: Any) -> Iterator[None]:
    """Turn a fork of the master into a process that only the master's end, or KILL, ends."""
    try:
        for number in (*server.SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN if number != signal.SIGCHLD else signal.SIG_DFL)
        for listener in server.LISTENERS:
            listener.close()
        for worker in server.WORKERS.values():
            worker.tmp.close()
        with suppress(OSError):
            Path("/proc/self/comm").write_text(NAME)
        gc.freeze()
        gc.enable()
        yield
    except BaseException:
        server.log.exception("The listener of probes and metrics failed")
        os._exit(1)
    finally:
        os._exit(0)


def _has_ended(process: int) -> bool:
    try:
        return os.waitpid(process, os.WNOHANG)[0] != 0
    except ChildProcessError:  # the master reaps every child
        return True


def _listen(address: tuple[str, int]) -> socket.socket:
    """Open a listening socket; one that a killed master's listener still holds is free in a moment."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    for attempt in range(_ATTEMPTS_TO_BIND):
        try:
            return socket.create_server(address, family=family, backlog=128)
        except OSError:
            if attempt == _ATTEMPTS_TO_BIND - 1:
                raise
            sleep(_SECONDS_PER_LOOK / 2)
    raise AssertionError


def _host(address: Any) -> str:
    """Return the host of an address that gunicorn binds; the loopback where it is no host's."""
    return address[0] if isinstance(address, tuple) else "127.0.0.1"


def _reachable(address: Any) -> Any:
    """Return where a socket is reached that listens at an address."""
    if isinstance(address, tuple) and address[0] in ("0.0.0.0", "::"):  # noqa: S104 # compared only
        return ("127.0.0.1" if address[0] == "0.0.0.0" else "::1", *address[1:])  # noqa: S104
    return address


def _trusting_context() -> ssl.SSLContext:
    """Return a context that checks no certificate: the service is asked by its address, on this machine."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context

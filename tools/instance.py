"""The service as it runs in production, on a port of its own: to be loaded, put behind a gateway, or hurt."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from service.management import NAME


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(url: str, seconds: float = 20) -> None:
    """Wait until an address answers well. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.02)
    raise TimeoutError(f"{url} does not answer after {seconds} s")


def children_of(process: int) -> list[int]:
    """The children of a process that runs; none of one that does not."""
    try:
        return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))
    except OSError:
        return []


class Instance:
    """One process of gunicorn with its workers."""

    def __init__(self, workers: int = 2, settings: Mapping[str, Any] | None = None, app: str = "") -> None:
        self.port = free_port()
        self.management_port = free_port()
        self.url, self.management_url = (f"http://127.0.0.1:{port}" for port in (self.port, self.management_port))
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 # closed at the instance's end
        self._workers = workers
        self._app = [app] if app else []  # another than the service's own
        self.environment = os.environ | {"PARAMCOUNT_MANAGEMENT_BIND": str(self.management_port)}
        self.environment |= {name: str(value) for name, value in (settings or {}).items()}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
        self.log.close()

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [sys.executable, "-m", "paramcount", "serve", "--bind", f"127.0.0.1:{self.port}"]
        self._process = subprocess.Popen(
            [*command, "--workers", str(self._workers), *self._app],
            env=self.environment, stdout=self.log, stderr=subprocess.STDOUT, process_group=0,  # of the tool's session:
            # Linux can give each session the same share of the cores, and then niceness counts only inside of one
        )  # fmt: skip
        wait_for(f"{self.url}/readyz")
        while len(self.workers) < self._workers:
            time.sleep(0.02)

    def stop(self, seconds: float = 60) -> int:
        """TERM, and wait for the end; its exit status."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise

    @property
    def log_text(self) -> str:
        """Its log so far."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode()

    @property
    def master(self) -> int:
        """The process of gunicorn's master."""
        assert self._process is not None
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The processes of its workers."""
        return [child for child, name in self._children() if name != NAME]

    @property
    def listeners(self) -> list[int]:
        """The process that answers probes, if one does."""
        return [child for child, name in self._children() if name == NAME]

    def _children(self) -> Iterator[tuple[int, str]]:
        for child in children_of(self.master):
            with suppress(OSError):
                yield child, Path(f"/proc/{child}/comm").read_text().strip()


@contextmanager
def program(*command: str | Path, url: str) -> Iterator[None]:
    """Another program, run while the block runs, from when `url` answers on."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(url)
            yield
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(10)

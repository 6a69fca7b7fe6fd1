"""Gunicorn's configuration in production; the command line and GUNICORN_CMD_ARGS override it."""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import logging
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramcount
from paramcount.model.errors import Problems
from paramcount.requests.settings import check_names, from_environment
from paramcount.schema.registry import FORMATS
from service.connections.client import Connection
from service.settings import Settings

gc.disable()  # imports make no garbage; workers enable it again

_shared_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 # faster than a disk

# The workers share metrics through files; prometheus_client reads this variable when it is imported.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="paramcount-", dir=_shared_memory))

from prometheus_client import multiprocess  # noqa: E402

from service.management import Listener  # noqa: E402
from service.middleware import access, tracing  # noqa: E402
from service.middleware.access import Tokens  # noqa: E402
from service.middleware.in_flight import in_flight  # noqa: E402
from service.middleware.logs import make_config  # noqa: E402
from service.middleware.metrics import WORKERS  # noqa: E402

check_names(Settings)
_settings = from_environment(Settings)
if _settings.tokens_file:
    Tokens(_settings.tokens_file)  # a file that cannot be read stops the start here, in one line
_listener = Listener(_settings.management_bind)
Connection.max_seconds, Connection.max_body_bytes = _settings.max_seconds, _settings.max_body_bytes

_ARENA_MAX, _TRIM_THRESHOLD, _MMAP_THRESHOLD = -8, -1, -3  # of glibc's malloc.h

wsgi_app = "service.app:create_app()"
bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", len(os.sched_getaffinity(0))))
worker_class = "service.connections.worker.Worker"  # threads: probes are answered while every worker counts
threads = _settings.max_concurrent + 4  # 4 for probes and for answering 503
preload_app = True  # one copy of the registries in memory, and a broken plug-in stops the start
forwarded_allow_ips = forwarder_headers = ""  # only PARAMCOUNT_TRUSTED_HOPS makes a header of a proxy trusted
sendfile = False  # it knows no time for a client that does not read
keepalive = 75  # longer than a gateway keeps an idle connection, or it meets closed ones
timeout = (
    _settings.max_seconds + 10
)  # then a worker is replaced that the watchdog cannot help: one stuck outside Python
graceful_timeout = _settings.max_seconds + 30
worker_tmp_dir = _shared_memory
control_socket_disable = True  # its socket fails on a read-only root
logconfig_dict = make_config(_settings.log_format)
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no log line has them


def on_starting(server: Any) -> None:
    """Listen for probes."""
    _listener.open(server)


def when_ready(server: Any) -> None:
    """Answer probes before the first worker runs, and whatever becomes of it; say where to look."""
    _listener.start(server)
    _count_examples()
    log_addresses(server)


def _count_examples() -> None:
    """Count the example of each format: what that loads is one copy for all workers, and no client waits for it."""
    for known in FORMATS.values():
        with suppress(Problems):
            paramcount.count(known.example)


def pre_exec(server: Any) -> None:
    """Let the master that replaces this one answer probes at the same port."""
    _listener.hand_over(server)


def pre_fork(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Share with a worker the memory in which it notes what it answers."""
    worker.in_flight = in_flight.share()


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 # gunicorn's signature
    """Set up one worker."""
    _listener.close()
    _set_malloc_options()
    sys.setswitchinterval(0.001)  # a probe waits less for the threads that count
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 5, 1_000)  # a full collection over a large model stops every thread for half a second
    WORKERS.set(1)
    tracing.start_exporter()


def post_worker_init(worker: Any) -> None:  # noqa: ARG001
    """Log where a worker is stuck when gunicorn ends it, even where no Python runs any more."""
    faulthandler.enable()


def log_addresses(server: Any) -> None:
    """Log the addresses to open in a browser."""
    scheme = "https" if server.cfg.is_ssl else "http"
    for listener in server.LISTENERS:
        if str(listener).startswith("http"):
            address = str(listener).partition("://")[2].replace("0.0.0.0", "127.0.0.1", 1)  # noqa: S104
            server.log.info("Ready: open %s://%s%s/ in a browser, or see /docs", scheme, address, _settings.base_path)


def _set_malloc_options() -> None:
    """Let glibc return freed memory: by default it keeps an arena for each thread, and the top of each for ever."""
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        for parameter, value in ((_ARENA_MAX, 1), (_TRIM_THRESHOLD, 2**20), (_MMAP_THRESHOLD, 2**18)):
            mallopt(parameter, value)


def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:  # noqa: ARG001
    """Let the next request in, now that this one's answer is sent."""
    access.release_slot(environ)


def child_exit(server: Any, worker: Any) -> None:
    """Log what a worker that ended was answering, and remove its gauges."""
    for request in worker.in_flight:
        server.log.error("Worker (pid:%s) ended while it answered request %s", worker.pid, request)
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:  # noqa: ARG001
    """Answer no more probes, and remove the workers' metrics files."""
    _listener.stop()
    shutil.rmtree(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]), ignore_errors=True)

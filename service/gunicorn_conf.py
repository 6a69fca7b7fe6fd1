"""How gunicorn runs the service in production; the command line and GUNICORN_CMD_ARGS change it."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from paramcount.requests.settings import from_environment
from service.settings import Settings

gc.disable()  # what is imported is no garbage; workers look for it

_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 # heartbeats and metrics need no disk

# The workers' metrics meet in files; prometheus_client looks for this when it is imported.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="paramcount-", dir=_memory))

from prometheus_client import multiprocess  # noqa: E402

from service.middleware import tracing  # noqa: E402
from service.middleware.logs import configuration  # noqa: E402
from service.middleware.metrics import WORKERS  # noqa: E402

_settings = from_environment(Settings)

_ARENA_MAX, _TRIM_THRESHOLD, _MMAP_THRESHOLD = -8, -1, -3  # of glibc's malloc.h

wsgi_app = "service.app:create_app()"
bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", len(os.sched_getaffinity(0))))
worker_class = "gthread"  # probes are answered while every worker counts
threads = _settings.max_concurrent + 4  # the 4 are for probes, and for turning others away
preload_app = True  # one copy of the registries in memory, and a broken plug-in stops the start
keepalive = 75  # longer than a gateway keeps an idle connection, or it meets closed ones
timeout = 60
graceful_timeout = 50  # above waiting for a turn and counting, each bounded by PARAMCOUNT_MAX_SECONDS
worker_tmp_dir = _memory
control_socket_disable = True  # it wants to write where a read-only root has no place
logconfig_dict = configuration(_settings.log_format)
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line tells of them


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 # gunicorn's signature
    """Begin what belongs to one worker."""
    _return_memory()
    sys.setswitchinterval(0.001)  # a probe waits less for the threads that count
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 5, 1_000)  # a full collection over a large model stops every thread for half a second
    WORKERS.set(1)
    tracing.start()


def _return_memory() -> None:
    """Let glibc give back what was freed: it keeps an arena for each thread, and the top of each for ever."""
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        for parameter, value in ((_ARENA_MAX, 1), (_TRIM_THRESHOLD, 2**20), (_MMAP_THRESHOLD, 2**18)):
            mallopt(parameter, value)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Forget the gauges of a worker that ended."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:  # noqa: ARG001
    """Leave nothing behind."""
    shutil.rmtree(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]), ignore_errors=True)

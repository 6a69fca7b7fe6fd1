"""How gunicorn runs the service in production; the command line and GUNICORN_CMD_ARGS change it."""

from __future__ import annotations

import os
from pathlib import Path

wsgi_app = "service.web:create_app()"
bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", len(os.sched_getaffinity(0))))
worker_class = "gthread"  # probes are answered while every worker counts
threads = 4
preload_app = True  # one copy of the registries in memory, and a broken plug-in stops the start
keepalive = 75  # longer than a gateway keeps an idle connection, or it meets closed ones
timeout = 60
graceful_timeout = 30
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # heartbeats need no disk
control_socket_disable = True  # it wants to write where a read-only root has no place

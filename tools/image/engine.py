"""buildah and podman, with a store of their own; they need no daemon and leave the machine's containers alone."""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

STORE = Path(tempfile.gettempdir()) / "paramcount-image"

_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{store}/graph"
runroot = "{store}/run"
"""
_CONTAINERS = """
[containers]
default_ulimits = ["nofile=10240:10240", "nproc=4096:4096"]
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
"""


@cache
def _environment() -> dict[str, str]:
    STORE.mkdir(mode=0o700, exist_ok=True)
    storage, containers = STORE / "storage.conf", STORE / "containers.conf"
    storage.write_text(_STORAGE.format(store=STORE))
    containers.write_text(_CONTAINERS)
    return os.environ | {"CONTAINERS_STORAGE_CONF": str(storage), "CONTAINERS_CONF": str(containers)}


def engine(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run buildah or podman; its output is kept. Raises RuntimeError, with what it said, where it fails."""
    done = subprocess.run(
        command, env=_environment(), cwd=STORE, capture_output=True, text=True, timeout=600, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done

"""A container of the image, run with every restriction that the manifests ask for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tools.image.build import IMAGE
from tools.image.engine import engine
from tools.instance import free_port

RESTRICTIONS = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,noexec,nosuid,size=16m"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "100"),
)


class Container:
    """A running container."""

    def __init__(self, name: str, port: int, management_port: int) -> None:
        self.name = name
        self.url, self.management_url = (f"http://127.0.0.1:{number}" for number in (port, management_port))

    def run(self, *command: str, check: bool = False) -> tuple[int, str]:
        """Run a command inside; its exit status and output."""
        done = engine("podman", "exec", self.name, *command, check=check)
        return done.returncode, done.stdout + done.stderr

    def python(self, program: str) -> tuple[int, str]:
        """Run a Python program inside."""
        return self.run("/opt/paramcount/bin/python3", "-c", program)

    def stop(self, seconds: int = 30) -> tuple[int, float]:
        """Stop with TERM: the exit status, and how long it took."""
        before = time.monotonic()
        engine("podman", "stop", "--time", str(seconds), self.name)
        return self.state["ExitCode"], time.monotonic() - before

    @property
    def state(self) -> dict[str, Any]:
        inspected: dict[str, Any] = json.loads(engine("podman", "inspect", self.name).stdout)[0]["State"]
        return inspected

    @property
    def peak(self) -> int:
        """The most memory that its processes ever had together, in MiB, where the machine's cgroups tell."""
        paths = (line.split(":")[2] for line in Path(f"/proc/{self.state['Pid']}/cgroup").read_text().splitlines())
        for path in paths:
            for file in (f"memory{path}/memory.max_usage_in_bytes", f"{path.lstrip('/')}/memory.peak"):
                if (limit := Path("/sys/fs/cgroup", file)).exists():
                    return int(limit.read_text()) // 2**20
        return 0

    @property
    def log(self) -> str:
        done = engine("podman", "logs", self.name)
        return done.stdout + done.stderr

    def ready(self, seconds: float = 20) -> None:
        """Wait until it answers. Raises RuntimeError, with its log, when it does not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if requests.get(f"{self.url}/readyz", timeout=1).ok:
                    return
            except requests.RequestException:
                time.sleep(0.05)
        raise RuntimeError(f"not ready after {seconds} s:\n{self.log}")


@contextmanager
def container(
    *options: str, memory: str = "512m", settings: Mapping[str, Any] | None = None, bind: bool = True
) -> Iterator[Container]:
    """A container that answers, and is gone afterwards."""
    port, management_port = free_port(), free_port()
    name = f"paramcount-{port}"
    environment = [f"--env={key}={value}" for key, value in (settings or {}).items()]
    address = ["--bind", f"127.0.0.1:{port}"] if bind else []
    if bind:
        environment.append(f"--env=PARAMCOUNT_MANAGEMENT_BIND=127.0.0.1:{management_port}")
    engine(
        *("podman", "run", "--detach", "--name", name, *RESTRICTIONS, "--memory", memory, "--memory-swap", memory),
        *(*environment, *options, IMAGE, *address),
    )
    started = Container(name, port, management_port)
    try:
        if bind:
            started.ready()
        yield started
    finally:
        engine("podman", "rm", "--force", "--time", "5", name, check=False)

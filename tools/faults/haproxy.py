"""haproxy in front of instances, which it is told to drain."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.instance import Instance, free_port, program

_CONFIGURATION = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    option http-buffer-request
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 30s
frontend front
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    balance roundrobin
    option httpchk GET /readyz
    retries 0
{servers}
"""


class Haproxy:
    """A running haproxy."""

    def __init__(self, port: int, control_socket: Path, instances: Sequence[Instance]) -> None:
        self.port, self._control_socket, self._instances = port, control_socket, instances

    def restart(self, instance: Instance, drained: float = 1.0) -> int:
        """Drain, TERM, start, back in; the exit status of what was stopped."""
        name = f"instances/i{self._instances.index(instance)}"
        self._send_command(f"set server {name} state drain")
        time.sleep(drained)
        status = instance.stop()
        instance.start()
        self._send_command(f"set server {name} state ready")
        time.sleep(0.5)
        return status

    def _send_command(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.connect(str(self._control_socket))
            opened.sendall(f"{command}\n".encode())
            answer = b""
            while part := opened.recv(4096):
                answer += part
        if answer.strip():
            raise RuntimeError(answer.decode())
        return ""


@contextmanager
def haproxy(*instances: Instance) -> Iterator[Haproxy]:
    """haproxy before the instances, while the block runs."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        control_socket, file = Path(folder, "socket"), Path(folder, "haproxy.cfg")
        servers = "\n".join(
            f"    server i{index} 127.0.0.1:{instance.port} check inter 500ms fall 2 rise 1"
            for index, instance in enumerate(instances)
        )
        file.write_text(_CONFIGURATION.format(socket=control_socket, port=port, servers=servers))
        command = ("nice", "-n", "-10", "haproxy", "-db", "-f", file)  # where allowed: it stands for another machine
        with program(*command, url=f"http://127.0.0.1:{port}/readyz"):
            yield Haproxy(port, control_socket, instances)

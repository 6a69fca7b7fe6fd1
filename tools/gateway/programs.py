"""nginx and Traefik with the examples' configurations, on ports of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.install import HOUSE
from tools.instance import Instance, free_port, program

_EXAMPLES = HOUSE / "examples/gateway"
_NGINX = """
pid {folder}/pid;
error_log stderr warn;
daemon off;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/paramcount.conf;
}}
"""


@contextmanager
def nginx(instance: Instance) -> Iterator[str]:
    """nginx before an instance; the address of the service."""
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)  # nginx' workers are another user
        _copy("nginx.conf", folder / "paramcount.conf", ("listen 8080", f"listen 127.0.0.1:{port}"), instance)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
        url = f"http://127.0.0.1:{port}/paramcount"
        with program("nginx", "-p", folder, "-c", folder / "nginx.conf", url=f"{url}/"):
            yield url


@contextmanager
def traefik(instance: Instance) -> Iterator[str]:
    """Traefik before an instance; the address of the service."""
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        route, file = folder / "traefik-paramcount.yaml", folder / "traefik.yaml"
        _copy("traefik-paramcount.yaml", route, ("", ""), instance)
        file.write_text(
            (_EXAMPLES / "traefik.yaml")
            .read_text()
            .replace(":8080", f"127.0.0.1:{port}")
            .replace("filename: traefik-paramcount.yaml", f"filename: {route}")
        )
        url = f"http://127.0.0.1:{port}/paramcount"
        with program("traefik", f"--configFile={file}", url=f"{url}/"):
            yield url


def _copy(example: str, to: Path, listen: tuple[str, str], instance: Instance) -> None:
    """An example as it is, but for the ports."""
    text = (_EXAMPLES / example).read_text()
    assert "127.0.0.1:8000" in text
    assert listen[0] in text
    to.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{instance.port}").replace(*listen))

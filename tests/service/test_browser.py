"""A browser that uploads a file: its own FormData, from a page of another origin."""

from __future__ import annotations

import json
import subprocess
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from shutil import which
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from service.app import create_app
from service.settings import Settings
from tests.builders.safetensors import header, in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")

_PAGE = """<!DOCTYPE html><script>
const form = new FormData();
form.append("file", new File([new Uint8Array(%(content)s)], "model.safetensors"));
form.append("freeze", "*");
fetch("%(url)s/v1/count", { method: "POST", body: form })
  .then((answer) => answer.text())
  .then((text) => fetch("/answer", { method: "POST", body: text }));
</script>"""


class _Page(ThreadingHTTPServer):
    """A page that uploads, and sends the answer back here."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.html, self.answers = "", Queue[Any]()


class _Handler(BaseHTTPRequestHandler):
    server: _Page

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.html.encode())

    def do_POST(self) -> None:
        self.server.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(server: Any) -> Iterator[str]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def browse(url: str, profile: Path) -> AbstractContextManager[Any]:
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    return subprocess.Popen([str(CHROMIUM), *options, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.skipif(CHROMIUM is None, reason="no browser is here")
def test_a_browser_uploads_a_file(tmp_path: Path) -> None:
    page = _Page()
    content = list(in_bytes(header(w="F32 2x3"), data=bytes(24)))
    with running(page) as origin:
        app = create_app(Settings(cors_origins=(origin,)))
        with running(make_server("127.0.0.1", 0, app, threaded=True)) as url:
            page.html = _PAGE % {"content": content, "url": url}
            with browse(origin, tmp_path) as browser:
                try:
                    report = page.answers.get(timeout=60)
                finally:
                    browser.terminate()
    assert (report["totals"]["total"], report["totals"]["trainable"]) == (6, 0)

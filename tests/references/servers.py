"""A local server of files with Range requests, which stands in for the Hub and its storage, and keeps a log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple


class Sent(NamedTuple):
    """One answer: the path, the range that was wanted for, the bytes of its body, and the token that came."""

    path: str
    range: str
    size: int
    token: str


class FileServer(ThreadingHTTPServer):
    """Serves a folder as one model of the Hub; with `storage`, files are redirected there."""

    def __init__(self, folder: Path, storage: str = "", *, has_ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.storage, self.has_ranges = folder, storage, has_ranges
        self.log: list[Sent] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def sent(self) -> int:
        """The bytes of all bodies."""
        return sum(each.size for each in self.log)


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/org/model/revision/main"):
            paths = [path.relative_to(self.server.folder).as_posix() for path in self.server.folder.rglob("*.*")]
            self.answer(200, json.dumps({"siblings": [{"rfilename": path} for path in paths]}).encode())
            return
        name = self.path.partition("?")[0].removeprefix("/org/model/resolve/main/").lstrip("/")
        path = self.server.folder / name
        if not path.is_file():
            self.answer(404, b"nothing here")
        elif self.server.storage:
            self.answer(302, b"", Location=f"{self.server.storage}/{name}?signature=secret")
        else:
            self.send_file(path)

    def send_file(self, path: Path) -> None:
        size = path.stat().st_size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if self.server.has_ranges else None
        first, last = (int(wanted[1]), min(int(wanted[2]), size - 1)) if wanted else (0, size - 1)
        if wanted and not size:
            self.answer(416, b"", **{"Content-Range": "bytes */0"})
            return
        with path.open("rb") as file:
            file.seek(first)
            body = file.read(last + 1 - first)
        if wanted:
            self.answer(206, body, **{"Content-Range": f"bytes {first}-{last}/{size}"})
        else:
            self.answer(200, body)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        token = self.headers.get("Authorization", "")
        self.server.log.append(Sent(self.path, self.headers.get("Range", ""), len(body), token))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path, storage: str = "", *, has_ranges: bool = True) -> Iterator[FileServer]:
    server = FileServer(folder, storage, has_ranges=has_ranges)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

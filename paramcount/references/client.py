"""Range requests (RFC 9110, section 14), which fetch of a file what its reader asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from errno import EIO
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener  # one name is taken
from urllib.request import Request as URLRequest

from paramcount.formats.partial_file import MAX_FILE_BYTES, PartialFile

READ_AHEAD_BYTES = 16 * 1024
"""The least bytes of one request: the headers of most files are no longer."""

MAX_WHOLE_BYTES = 512 * 1024 * 1024
"""The longest answer that is read whole: a document, or a file of a server without Range."""

_TIMEOUT_SECONDS = 30

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)", re.ASCII)


class Request(NamedTuple):
    """One request that was answered."""

    address: str  # without its query, which may hold a signature
    first: int
    received: int  # bytes


class Client:
    """Fetches parts of files, and counts what was sent."""

    def __init__(self, token: str = "", host: str = "", observe: Callable[[Request], None] = lambda _: None) -> None:
        """`token` is sent to `host` alone, never to where it redirects; `observe` is called after each request."""
        self.received, self.requests = 0, 0
        self._token, self._host, self._observe = token, host, observe
        self._opener = build_opener(_RedirectHandler())

    def open(self, address: str, name: str) -> RemoteFile:
        """Return the file at an address; nothing is fetched before it is read."""
        return RemoteFile(self, address, name)

    def fetch(self, address: str, first: int, end: int) -> Answer:
        """Return bytes at an address, from `first` up to `end` or more, and its size. Raises OSError."""
        return self._send(address, {"Range": f"bytes={first}-{end - 1}"}, lambda response: _read(response, first, end))

    def get(self, address: str) -> bytes:
        """Return all that is at an address. Raises OSError."""
        return self._send(address, {}, _read_whole).data

    def _send(self, address: str, headers: dict[str, str], read: Callable[[HTTPResponse], Answer]) -> Answer:
        _check_scheme(address)
        headers = {"Accept-Encoding": "identity", "User-Agent": "paramcount", **headers}
        request = URLRequest(address, headers=headers)  # noqa: S310 # its scheme was checked
        if self._token and urlsplit(address).netloc == self._host:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                answer = read(response)
        except HTTPError as error:
            answer = _read_error(error, address)
        except (URLError, HTTPException, TimeoutError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise OSError(EIO, f"cannot be fetched: {str(reason)[:200]}", hide_query(address)) from None
        self.requests += 1
        self.received += answer.received
        self._observe(Request(hide_query(address), answer.first, answer.received))
        return answer


class Answer(NamedTuple):
    """Bytes of a file, the position of the first, the size of the file, and the bytes that were sent."""

    first: int
    data: bytes
    size: int
    received: int


class RemoteFile(PartialFile):
    """A file at an address, of which what is read is fetched."""

    def __init__(self, client: Client, address: str, name: str) -> None:
        super().__init__(name, 0)
        self._client, self._address = client, address
        self._size: int | None = None

    @property
    def size(self) -> int:
        """The file's size, which the first answer says."""
        if self._size is None:
            self._fetch(0, READ_AHEAD_BYTES)
        return self._size or 0

    @size.setter
    def size(self, size: int) -> None:
        pass  # the server says it

    def complete(self, first: int, end: int, what: str, likely_end: int = 0) -> None:  # noqa: ARG002 # it is not told
        """Fetch bytes that are not there, and as many again where reading will likely go on. Raises OSError."""
        end = max(end, min(likely_end, 2 * end), first + READ_AHEAD_BYTES)
        self._fetch(first, self.gaps(first, min(end, self.size))[0][1])

    def complete_all(self, what: str) -> None:
        """Fetch nothing: small parts everywhere are fetched one by one."""

    def _fetch(self, first: int, end: int) -> None:
        answer = self._client.fetch(self._address, first, end)
        if self._size not in (None, answer.size) or answer.size > MAX_FILE_BYTES:
            detail = f"has {answer.size:,} bytes now, and had {self._size:,}"
            raise OSError(EIO, detail, hide_query(self._address))
        self._size = answer.size
        if not answer.data and answer.size > first:
            raise OSError(EIO, f"sends nothing of the bytes from {first:,} on", hide_query(self._address))
        self.add(answer.first, answer.data)


class _RedirectHandler(HTTPRedirectHandler):
    """Follows redirects; a token goes along to the same host only."""

    def redirect_request(  # urllib's signature
        self, req: URLRequest, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> URLRequest | None:
        _check_scheme(newurl)
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise HTTPError(newurl, code, "redirects away from https", headers, fp)
        redirected = super().redirect_request(req, fp, code, msg, headers, newurl)
        token = req.get_header("Authorization")
        if redirected and token and urlsplit(newurl).netloc == urlsplit(req.full_url).netloc:
            redirected.add_unredirected_header("Authorization", token)
        return redirected


def _check_scheme(address: str) -> None:
    if urlsplit(address).scheme not in ("http", "https"):
        raise OSError(EIO, "is not an address of http or https", hide_query(address))


def _read(response: HTTPResponse, first: int, end: int) -> Answer:
    """Return what a response holds of the bytes from `first` to `end`; a server without Range sends all of them."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status == 206 and match and match[1] is not None:  # Partial Content
        data = response.read(end - first)
        return Answer(int(match[1]), data, int(match[2]), len(data))
    length = response.headers.get("Content-Length", "")
    if end <= READ_AHEAD_BYTES and length.isdecimal():
        data = response.read(end)
        return Answer(0, data, int(length), len(data))
    return _read_whole(response)


def _read_whole(response: HTTPResponse) -> Answer:
    """Return all of a response."""
    data = response.read(MAX_WHOLE_BYTES + 1)
    if len(data) > MAX_WHOLE_BYTES:
        raise ValueError("the server does not answer Range requests: download the file, and count that")
    return Answer(0, data, len(data), len(data))


def _read_error(error: HTTPError, address: str) -> Answer:
    """Return the answer of an empty file, of which no range can be sent. Raises OSError for any other error."""
    with error:
        match = _CONTENT_RANGE.fullmatch(error.headers.get("Content-Range", "")) if error.headers else None
        if error.code == 416 and match and match[2] == "0":  # Range Not Satisfiable
            return Answer(0, b"", 0, 0)
    advice = ""
    if error.code in (401, 403):
        advice = ": a token may be needed, in HF_TOKEN" if "hf" in address or "huggingface" in address else ""
    detail = f"answers {error.code} {str(error.reason)[:200]}{advice}"
    raise OSError(EIO, detail, hide_query(address)) from None


def hide_query(address: str) -> str:
    """Return an address without its query, which may hold a signature, and without a user's name."""
    parts = urlsplit(address)
    return parts._replace(query="", fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl()

"""The rules that hold for each answer of a live service, whatever the request."""

from __future__ import annotations

import gzip
import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import brotli
import jsonschema_rs
import orjson

from paramcount.counting.formulas import MAX_COUNT
from tools.fuzz.requests import NDJSON, Request

PROBLEM = "application/problem+json"


_PLAIN: Mapping[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}


class Answer(NamedTuple):
    """An answer and the seconds that it took; where none came, `status` is 0 and `body` is the error."""

    status: int
    media: str
    body: bytes
    seconds: float


def send(port: int, payload: Request, timeout: float) -> Answer:
    """Send a request on a connection of its own."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    names = {name.lower() for name in payload.headers}
    try:
        connection.putrequest(payload.method, payload.path, "host" in names, skip_accept_encoding=True)
        for name, value in payload.headers.items():
            connection.putheader(name, value.encode("latin-1"))
        _send_body(connection, payload, names)
        answer = connection.getresponse()
        media, coding = (answer.headers.get(name, "") for name in ("Content-Type", "Content-Encoding"))
        received = answer.status, media.partition(";")[0], _PLAIN[coding](answer.read())
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, "", repr(error).encode(), time.monotonic() - began)
    finally:
        connection.close()
    return Answer(*received, time.monotonic() - began)


def _send_body(connection: http.client.HTTPConnection, payload: Request, names: set[str]) -> None:
    """The body, of stated length or in chunks; a server that has heard enough may close before it has all."""
    chunked = payload.chunked and "transfer-encoding" not in names
    length = b"chunked" if chunked else str(len(payload.body)).encode()
    if payload.body or payload.method == "POST":
        connection.putheader("Transfer-Encoding" if chunked else "Content-Length", length)
    try:
        connection.endheaders()
        for start in range(0, len(payload.body), 65536):
            part = payload.body[start : start + 65536]
            connection.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        if chunked:
            connection.send(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has answered


class Judge:
    """Holds answers against the contract as served."""

    def __init__(self, contract: Mapping[str, Any], max_seconds: float) -> None:
        self._contract, self._max_seconds = contract, max_seconds
        self._schema = lru_cache(self._compile)

    def faults(self, payload: Request, answer: Answer) -> Iterator[str]:
        """Everything that is wrong with an answer."""
        if answer.seconds > self._max_seconds:
            yield f"took {answer.seconds:.1f} s"
        if not answer.status:
            yield f"no answer: {answer.body.decode()}"
            return
        if answer.status >= 500 and answer.status not in (501, 503, 505):  # the server's own, of methods and versions
            yield f"status {answer.status}: {answer.body[:300]!r}"
        if payload.method == "HEAD" or answer.status in (204, 304):
            return
        if answer.status < 400:
            yield from self._content_faults(payload, answer)
        elif answer.media == PROBLEM:
            yield from self._component_faults("Problem", answer.body)
        elif answer.media != "text/html" or answer.status not in (400, 414, 417, 431, 501, 505):
            yield f"status {answer.status} as {answer.media}: {answer.body[:300]!r}"

    def _content_faults(self, payload: Request, answer: Answer) -> Iterator[str]:
        """Yield what is wrong with a good answer."""
        if answer.media == NDJSON:
            for line in answer.body.splitlines():
                parsed = orjson.loads(line)
                component = "Problem" if "status" in parsed else "Report"
                yield from self._component_faults(
                    component, orjson.dumps({k: v for k, v in parsed.items() if k not in ("line", "id")})
                )
        path = payload.path.partition("?")[0]
        described = self._contract["paths"].get(path, {}).get(payload.method.lower())
        if described is None:
            return
        content = described["responses"].get(str(answer.status), {}).get("content", {})
        if answer.media not in content:
            yield f"status {answer.status} as {answer.media} is not in the contract"
        elif answer.media == "application/json" and "$ref" in content[answer.media]["schema"]:
            yield from self._component_faults(content[answer.media]["schema"]["$ref"].rpartition("/")[2], answer.body)

    def _component_faults(self, component: str, body: bytes) -> Iterator[str]:
        """Yield what is wrong with JSON that claims to be a component of the contract."""
        try:
            parsed = orjson.loads(body)
        except ValueError as error:
            yield f"no JSON: {error}"
            return
        if wrong := next(self._schema(component).iter_errors(parsed), None):
            yield f"no {component}: {str(wrong)[:300]}"
        elif component == "Report":
            totals = parsed["totals"]
            if totals["total"] != totals["trainable"] + totals["frozen"] or totals["total"] > MAX_COUNT:
                yield f"totals that do not add up: {totals}"

    def _compile(self, component: str) -> Any:
        components = self._contract["components"]
        return jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{component}", "components": components})

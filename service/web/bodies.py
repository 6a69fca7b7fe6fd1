"""A request's body: read, inflated, and given a turn, each within bounds."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import brotli
from flask import Flask, Request, current_app, g

from service.settings import Settings
from service.web.problems import HTTPProblem

CODINGS = ("gzip", "deflate", "br")
AT_ONCE = 2
"""How many requests a worker computes at once; the others wait without contending for the interpreter."""


def register(app: Flask) -> None:
    """Let requests take turns."""
    app.extensions["turns"] = threading.BoundedSemaphore(AT_ONCE)

    @app.teardown_request
    def end_turn(_: BaseException | None) -> None:
        if (found := g.pop("turn", None)) is not None:
            found.__exit__(None, None, None)


@contextmanager
def turn(settings: Settings) -> Iterator[None]:
    """One's turn to compute; who waits too long for it is turned away."""
    turns: threading.BoundedSemaphore = current_app.extensions["turns"]
    if not turns.acquire(timeout=settings.max_seconds):
        detail = "The service is busy: try again."
        raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
    try:
        yield
    finally:
        turns.release()


def body(request: Request, settings: Settings) -> bytes:
    """The whole body, inflated; the caller has its turn from then on. One that is too long is a problem at once."""
    most = settings.max_body_bytes
    if (request.content_length or 0) > most:
        raise _too_long(most)
    found = request.stream.read(most + 1)
    if len(found) > most:
        raise _too_long(most)
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding != "identity":
        found = inflated(found, coding, most)
    own = turn(settings)
    own.__enter__()
    g.turn = own
    return found


def inflated(raw: bytes, coding: str, most: int) -> bytes:
    """The body without its content coding. Inflating stops at the limit, whatever is still to come."""
    if coding not in CODINGS:
        detail = f"The content coding must be {', '.join(CODINGS)} or none, not {coding[:100]}."
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": ", ".join(CODINGS)})
    try:
        found, whole = _brotli(raw, most) if coding == "br" else _zlib(raw, most)
    except (zlib.error, brotli.error) as error:
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"The body is not {coding}: {error}.") from None
    if len(found) > most:
        raise _too_long(most)
    if not whole:
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"The body is not whole {coding}.")
    return found


def _zlib(raw: bytes, most: int) -> tuple[bytes, bool]:
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # the header says whether it is gzip or zlib
    found = stream.decompress(raw, most + 1)
    return found, stream.eof and not stream.unused_data


def _brotli(raw: bytes, most: int) -> tuple[bytes, bool]:
    stream = brotli.Decompressor()
    found: bytes = stream.process(raw, output_buffer_limit=most + 1)
    return found, stream.is_finished()


def _too_long(most: int) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is longer than {most:,} bytes.")

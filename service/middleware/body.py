"""A request's body: read, inflated, and given a turn, each within bounds."""

from __future__ import annotations

import ctypes
import gc
import zlib
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic

import brotli
from flask import Flask, Request, current_app, g

from paramcount.model import budget
from paramcount.model.errors import Problems, TooLarge
from service.problems import HTTPProblem
from service.settings import Settings

CODINGS = ("gzip", "deflate", "br")
AT_ONCE = 2
"""How many requests a worker computes at once; the others wait without contending for the interpreter."""
LARGE = 256 * 1024
"""From how many bytes on a body is computed alone among its like: one takes hundreds of times that in memory."""

# glibc keeps what was freed, many times a large body, unless it is told.
_give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)


def register(app: Flask, settings: Settings) -> None:
    """Let requests take turns, and bound what is read of them."""
    app.extensions["turns"], app.extensions["large"] = _turns(AT_ONCE), _turns(1)

    @app.before_request
    def begin() -> None:
        budget.set_max_values(settings.max_values)

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        release()


def _turns(number: int) -> SimpleQueue[None]:
    """So many turns to take and to give back; a semaphore is written in Python, and takes several times as long."""
    turns: SimpleQueue[None] = SimpleQueue()
    for _ in range(number):
        turns.put(None)
    return turns


def take_turn(settings: Settings, length: int) -> None:
    """Wait for the turn to compute a body of some length, until `release` or the end of the request; who waits too long
    is turned away."""
    until = monotonic() + settings.max_seconds
    held: list[Callable[[], None]] = []
    g.held = held
    for kind in ("large", "turns") if length > LARGE else ("turns",):
        turns: SimpleQueue[None] = current_app.extensions[kind]
        try:
            turns.get(timeout=max(0, until - monotonic()))
        except Empty:
            detail = "The service is busy: try again."
            raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}) from None
        held.append(partial(turns.put, None))
    if length > LARGE:  # garbage is looked for in all that it makes, in vain: a quarter of the time
        gc.disable()
        held.append(gc.enable)
    budget.start_deadline(settings.max_seconds)


def release() -> None:
    """End the turn, if there is one."""
    for end in g.pop("held", ()):
        end()
    budget.start_deadline(inf)


def body(request: Request, settings: Settings) -> bytes:
    """The whole body, inflated; the caller has its turn from then on. One that is too long is a problem at once."""
    most = settings.max_body_bytes
    length = request.content_length  # None: it comes in chunks
    if (length or 0) > most:
        raise _too_long(most)
    found = read(request.stream.read, most + 1 if length is None else length)  # which takes as much memory at once
    if len(found) > most:
        raise _too_long(most)
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if coding != "identity":
        found = inflated(found, coding, most)
    take_turn(settings, len(found))
    if len(found) > LARGE:
        g.held.append(lambda: _give_back(0))
    if not request.mimetype.endswith("octet-stream"):
        checked(found, text=request.mimetype.startswith("text/"))
    return found


def read(take: Callable[[int], bytes], length: int) -> bytes:
    """What `take` gives of a body; one that breaks off, stalls, or is framed wrongly is the client's problem.

    The server then closes the connection, since nobody knows where the next request would begin.
    """
    try:
        return take(length)
    except Exception as error:  # noqa: BLE001 # every server has its own
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"The body cannot be read: {str(error)[:100]}.") from None


def checked(raw: bytes, *, text: bool = False) -> None:
    """Refuse a body of too many values. Raises Problems."""
    try:
        budget.check_values(raw, text=text)
    except TooLarge as error:
        raise Problems([error]) from None


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

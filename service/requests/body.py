"""A request's body: read and inflated within the limit of bytes, as what it must be."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from threading import get_native_id
from typing import Any

import brotli
from flask import Request

from paramcount.formats.source import Source
from paramcount.model import budget
from paramcount.model.errors import Problems, TooLarge
from paramcount.rendering import JSON
from paramcount.schema.registry import Format
from service.connections.threads import lower_priority
from service.middleware.slots import acquire_slot
from service.problems import HTTPProblem
from service.requests.media_types import check_media_type, is_json
from service.settings import Settings

CODINGS = ("gzip", "deflate", "br")

_PART_BYTES = 2**20
"""The least bytes that a body is inflated by at once."""

_LONG_BYTES = 4 * 2**20
"""Above these inflating takes as long as a long request may before others run first."""


def read_body(request: Request, settings: Settings) -> bytes:
    """Read the whole body, inflate it, and wait for the slot to compute it.

    Raises HTTPProblem for a body that is too long, broken or of an unknown coding; Problems for one of too many values.
    """
    max_bytes = settings.max_body_bytes
    length = request.content_length  # None: it comes in chunks
    if (length or 0) > max_bytes:
        raise _too_long(max_bytes)
    # A chunked body is read to one byte past the limit. Reading n bytes allocates n, so a stated length is used.
    raw = read_stream(request.stream.read, max_bytes + 1 if length is None else length)
    if len(raw) > max_bytes:
        raise _too_long(max_bytes)
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if coding != "identity":
        raw = inflate(raw, coding, max_bytes)
    acquire_slot(settings, len(raw))
    media = request.mimetype
    if not media.endswith(("octet-stream", "form-data")):
        _check_values(raw, text=media.startswith("text/"))
    return raw


def read_json_body(http_request: Request, settings: Settings) -> bytes:
    """Read a body that must be JSON."""
    check_media_type(http_request.mimetype, {JSON})
    return read_body(http_request, settings)


def read_document_body(http_request: Request, document_format: Format, settings: Settings) -> bytes:
    """Read a body that must be JSON or of the format's own media type."""
    media = http_request.mimetype
    if not is_json(media):
        check_media_type(media, {JSON, document_format.media})
    return read_body(http_request, settings)


def make_source(raw: bytes, media: str) -> Source:
    """Return the document that a body is: JSON, text or bytes, by its content type. Raises HTTPProblem."""
    if media.startswith("text/"):
        try:
            return Source("text", value=raw.decode())
        except UnicodeDecodeError as error:
            detail = f"The body is not UTF-8: {error.reason} at byte {error.start}."
            raise HTTPProblem(HTTPStatus.BAD_REQUEST, detail) from None
    return Source.from_json(raw) if media.endswith("json") else Source.of(raw)


def read_stream(read: Callable[[int], bytes], length: int) -> bytes:
    """Return what `read` gives. A body that breaks off, stalls or is framed wrongly is the client's problem (400).

    The server then closes the connection, since nobody knows where the next request would begin.
    """
    try:
        return read(length)
    except Exception as error:  # noqa: BLE001 # every server has its own
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"The body cannot be read: {str(error)[:100]}.") from None


def read_available(request: Request, length: int) -> bytes:
    """Return what has come of the body, at most `length` bytes, and at least one: it waits no longer; b"" at its end.

    Gunicorn's own `read` waits until it has all that was asked for. Raises HTTPProblem.
    """
    body: Any = request.environ["wsgi.input"]
    if (reader := getattr(body, "reader", None)) is None:  # another server's
        return read_stream(request.stream.read, length)
    try:
        first: bytes = read_stream(reader.read, 1)
        buffered = getattr(reader, "buf", None) or reader.unreader.buf  # of chunks, or of a body of stated length
        return first + read_stream(reader.read, min(length - 1, buffered.tell())) if first else first
    except HTTPProblem:
        body.failed = True  # so that gunicorn takes nothing after it for a request
        raise


def inflate(raw: bytes, coding: str, max_bytes: int) -> bytes:
    """Undo the content coding of a body. Inflating stops at the limit. Raises HTTPProblem."""
    if coding not in CODINGS:
        detail = f"The content coding must be {', '.join(CODINGS)} or none, not {coding[:100]}."
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": ", ".join(CODINGS)})
    parts, length = [], 0
    try:
        for part in (_inflate_brotli if coding == "br" else _inflate_zlib)(raw):
            if (length := length + len(part)) > max_bytes:
                raise _too_long(max_bytes)
            parts.append(part)
            if length > _LONG_BYTES:
                lower_priority(get_native_id())
    except EOFError:
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"The body is not whole {coding}.") from None
    except (zlib.error, brotli.error) as error:
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"The body is not {coding}: {error}.") from None
    return b"".join(parts)


def _inflate_zlib(raw: bytes) -> Iterator[bytes]:
    """Yield the parts of a body; between two of them other threads run. Raises EOFError where it is not whole."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # the header says whether it is gzip or zlib
    rest, part_bytes = raw, max(_PART_BYTES, len(raw) // 4)
    while not stream.eof:
        part = stream.decompress(rest, part_bytes)
        rest = stream.unconsumed_tail
        if not part and not stream.eof:
            raise EOFError
        yield part
    if stream.unused_data:
        raise EOFError


def _inflate_brotli(raw: bytes) -> Iterator[bytes]:
    """Yield the parts of a body in brotli. Raises EOFError where it is not whole."""
    stream = brotli.Decompressor()
    rest, part_bytes = raw, max(_PART_BYTES, len(raw) // 4)
    while not stream.is_finished():
        part: bytes = stream.process(rest, output_buffer_limit=part_bytes)
        rest = b""
        if not part and not stream.is_finished():
            raise EOFError
        yield part


def _check_values(raw: bytes, *, text: bool) -> None:
    """Refuse a body of too many values. Raises Problems."""
    try:
        budget.check_values(raw, text=text)
    except TooLarge as error:
        raise Problems([error]) from None


def _too_long(max_bytes: int) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is longer than {max_bytes:,} bytes.")

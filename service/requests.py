"""The parts of a request: its body, and the media type that it accepts."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from flask import Request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from paramcount.formats.source import Source
from paramcount.model.cache import cache_by_text
from paramcount.rendering import JSON
from paramcount.schema.registry import Format
from service.body import read_body
from service.problems import HTTPProblem
from service.settings import Settings


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


def is_json(media: str) -> bool:
    """Return whether a media type is JSON of some vocabulary: application/ld+json."""
    return media.endswith("+json")


def check_media_type(media: str, supported: set[str]) -> None:
    """Refuse a body of another content type. Raises HTTPProblem."""
    if media not in supported:
        reason = f"not {media}" if media else "and the request states none"
        detail = f"The content type must be {' or '.join(sorted(supported))}, {reason}."
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def make_source(raw: bytes, media: str) -> Source:
    """Return the document that a body is: JSON, text or bytes, by its content type. Raises HTTPProblem."""
    if media.startswith("text/"):
        try:
            return Source("text", value=raw.decode())
        except UnicodeDecodeError as error:
            detail = f"The body is not UTF-8: {error.reason} at byte {error.start}."
            raise HTTPProblem(HTTPStatus.BAD_REQUEST, detail) from None
    return Source.from_json(raw) if media.endswith("json") else Source.of(raw)


def negotiate_media_type(http_request: Request, media_types: Collection[str]) -> str:
    """Return the media type that the client prefers, the first where it does not say. Raises HTTPProblem (406)."""
    media = _best_match(http_request.environ.get("HTTP_ACCEPT", "*/*"), tuple(media_types))
    if media is None:
        detail = f"The answer can be {' or '.join(media_types)}, not {http_request.headers['Accept'][:100]}."
        raise HTTPProblem(HTTPStatus.NOT_ACCEPTABLE, detail)
    return media


def prefers(http_request: Request, media: str, other: str) -> bool:
    """Return whether the client would have `media` rather than `other`, and says so."""
    return _best_match(http_request.environ.get("HTTP_ACCEPT", "*/*"), (other, media)) == media


@cache_by_text(256)
def _best_match(accept: str, media_types: tuple[str, ...]) -> str | None:
    """Parse an Accept header and choose; clients send the same few headers."""
    return parse_accept_header(accept, MIMEAccept).best_match(media_types)

"""Media types: what a body is, and what the client accepts."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from flask import Request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from paramcount.model.cache import cache_by_text
from service.problems import HTTPProblem


def is_json(media: str) -> bool:
    """Return whether a media type is JSON of some vocabulary: application/ld+json."""
    return media.endswith("+json")


def check_media_type(media: str, supported: set[str]) -> None:
    """Refuse a body of another content type. Raises HTTPProblem."""
    if media not in supported:
        reason = f"not {media}" if media else "and the request states none"
        detail = f"The content type must be {' or '.join(sorted(supported))}, {reason}."
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


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

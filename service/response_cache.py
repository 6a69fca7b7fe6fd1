"""The cached answers: a count depends on its request alone, and dashboards send the same ones again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from flask import Flask, Request, Response

from paramcount.model.cache import Cache, Doorkeeper
from service.context import current_app
from service.middleware import metrics
from service.responses import content_type
from service.settings import Settings

MAX_KEY_BYTES = 600
"""Requests of up to this length are their own key; of longer ones the SHA-256 is."""

_ENTRY_BYTES = 500 + MAX_KEY_BYTES
"""The bytes of an entry beside the answer's body."""


class Answer(NamedTuple):
    """A rendered report, and what metrics count of it."""

    body: bytes
    media: str
    format_name: str
    rows: int


class _ResponseCache(NamedTuple):
    """The answers of one app, and the requests that it saw."""

    answers: Cache[Answer]
    doorkeeper: Doorkeeper


def register(app: Flask, settings: Settings) -> None:
    """Give the app a cache of answers, bounded in bytes."""
    answers: Cache[Answer] = Cache(settings.answers_bytes, lambda answer: len(answer.body) + _ENTRY_BYTES)
    app.extensions["response_cache"] = _ResponseCache(answers, Doorkeeper())


def get_or_compute(request: Request, raw: bytes, compute: Callable[[], Answer]) -> Response:
    """Return the cached answer to a request with the body `raw`, or a computed one.

    An answer is admitted when its request comes for the second time: most never do.
    """
    cache: _ResponseCache = current_app().extensions["response_cache"]
    prefix = _key_prefix(request.environ)
    key: bytes | None
    if len(prefix) + len(raw) <= MAX_KEY_BYTES:
        key = seen_key = prefix + raw
    else:  # hash the body only where one that begins and ends alike came before
        seen_key = b"%b%d\n%b%b" % (prefix, len(raw), raw[:MAX_KEY_BYTES], raw[-MAX_KEY_BYTES:])
        key = sha256(prefix + raw).digest() if seen_key in cache.doorkeeper else None
    answer: Answer | None = cache.answers.get(key)
    if answer is not None:
        metrics.count_rows(answer.format_name, answer.rows)
    else:
        answer = compute()
        if cache.doorkeeper.seen_before(seen_key):
            cache.answers.put(key, answer)
    return Response(answer.body, content_type=content_type(answer.media))


def _key_prefix(environ: Mapping[str, Any]) -> bytes:
    """Return what an answer depends on beside the body; only the path can hold a line break, and it comes first."""
    media, accept = environ.get("CONTENT_TYPE", ""), environ.get("HTTP_ACCEPT", "*/*")
    lines = f"{environ['PATH_INFO']}\n{environ.get('QUERY_STRING', '')}\n{media}\n{accept}\n"
    return lines.encode("latin-1")  # WSGI's encoding

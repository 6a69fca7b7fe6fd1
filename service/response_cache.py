"""Answers given before: a count follows from its request alone, and dashboards ask for the same ones again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from flask import Flask, Request, Response, current_app

from paramcount.model.cache import Cache, Doorkeeper
from service.middleware import metrics
from service.settings import Settings

_SHORT = 600
"""How long a request may be to be remembered as it is; of a longer one the digest is."""

_MORE = 500 + _SHORT
"""Bytes that an answer takes beside its body."""


class Answer(NamedTuple):
    """What was answered, and what metrics tell of it."""

    body: bytes
    media: str
    form: str
    rows: int


def register(app: Flask, settings: Settings) -> None:
    """Remember answers, so many bytes of them in a process."""
    remembered: Cache[Answer] = Cache(settings.answers_bytes, lambda answer: len(answer.body) + _MORE)
    app.extensions["answers"] = remembered, Doorkeeper()


def once(request: Request, raw: bytes, answer: Callable[[], Answer]) -> Response:
    """The answer to this request, whose body is `raw`: that which the same was given before, or a new one. It is kept
    when it is asked for a second time: most that is asked once never is again."""
    remembered, met = current_app.extensions["answers"]
    beside = _beside(request.environ)
    key: bytes | None
    if len(beside) + len(raw) <= _SHORT:
        key = asked = beside + raw
    else:  # no digest is taken unless something like it came before
        asked = b"%b%d\n%b%b" % (beside, len(raw), raw[:_SHORT], raw[-_SHORT:])
        key = sha256(beside + raw).digest() if asked in met else None
    found: Answer | None = remembered.get(key)
    if found is not None:
        metrics.counted(found.form, found.rows)
    else:
        found = answer()
        if met.seen_before(asked):
            remembered.put(key, found)
    return Response(found.body, content_type=found.media)


def _beside(sent: Mapping[str, Any]) -> bytes:
    """What an answer follows from beside the body; no value but the first has an end of line in it."""
    media, accept = sent.get("CONTENT_TYPE", ""), sent.get("HTTP_ACCEPT", "*/*")
    return f"{sent['PATH_INFO']}\n{sent.get('QUERY_STRING', '')}\n{media}\n{accept}\n".encode("latin-1")  # WSGI's

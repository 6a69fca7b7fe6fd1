"""Answers given before: a count follows from its request alone, and dashboards ask for the same ones again."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from flask import Flask, Request, Response, current_app

from service.memory import Memory, Met
from service.settings import Settings
from service.web import metrics
from service.web.observing import itself

_SHORT = 600
"""How long a request may be to be remembered as it is; of a longer one the digest is."""

_BESIDE = 500 + _SHORT
"""Bytes that an answer takes beside its body."""


class Answer(NamedTuple):
    """What was answered, and what metrics tell of it."""

    body: bytes
    media: str
    form: str
    rows: int


def register(app: Flask, settings: Settings) -> None:
    """Remember answers, so many bytes of them in a process."""
    remembered: Memory[Answer] = Memory(settings.answers_bytes, lambda answer: len(answer.body) + _BESIDE)
    app.extensions["answers"] = remembered, Met()


def once(raw: bytes, answer: Callable[[], Answer]) -> Response:
    """The answer to this request, whose body is `raw`: that which the same was given before, or a new one. It is kept
    when it is asked for a second time: most that is asked once never is again."""
    remembered, met = current_app.extensions["answers"]
    key = _key(itself(), raw, met)
    if (found := remembered.recall(key)) is None:
        found = answer()
        remembered.keep(key, found)
    else:
        metrics.COUNTED.labels(found.form).inc(found.rows)
    return Response(found.body, content_type=found.media)


def _key(asked: Request, raw: bytes, met: Met) -> bytes | None:
    """All that an answer follows from; None, and no digest is taken, where nothing came before that looks like it."""
    sent = asked.environ
    beside = repr((asked.path, asked.query_string, sent.get("CONTENT_TYPE"), sent.get("HTTP_ACCEPT"))).encode()
    if not met.again((beside, len(raw), raw[:_SHORT], raw[-_SHORT:])):
        return None
    if len(beside) + len(raw) <= _SHORT:
        return beside + raw
    found = sha256(beside)
    found.update(raw)
    return found.digest()

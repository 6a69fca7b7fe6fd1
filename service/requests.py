"""What a request asks for: its body, read within bounds, and how to count it."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from flask import Request, current_app
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from paramcount.counting.freezing import Rule
from paramcount.formats.source import Source
from paramcount.model.errors import InvalidDocument, Problems, token
from paramcount.requests.envelope import CountRequest, load_options
from paramcount.schema.registry import Format
from service.middleware.body import body
from service.problems import HTTPProblem
from service.settings import Settings

JSON = "application/json"


def settings() -> Settings:
    """The settings of the app that answers."""
    found: Settings = current_app.config["PARAMCOUNT"]
    return found


def document_body(request: Request, found: Format, ours: Settings) -> bytes:
    """The body of a request for one format."""
    media = request.mimetype
    taken = {JSON, found.media}
    if media not in taken and not (media.endswith("+json") and media.startswith("application/")):
        raise unsupported(media, taken)
    return body(request, ours)


def source(raw: bytes, media: str) -> Source:
    """The document that a body is: JSON, text or bytes, as its content type says."""
    if media.startswith("text/"):
        try:
            return Source("text", value=raw.decode())
        except UnicodeDecodeError as error:
            detail = f"The body is not UTF-8: {error.reason} at byte {error.start}."
            raise HTTPProblem(HTTPStatus.BAD_REQUEST, detail) from None
    return Source.from_json(raw) if media.endswith("json") else Source.of(raw)


def accepted(request: Request, media_types: Collection[str]) -> str:
    """Which of the media types the client wants; the first where it does not say."""
    found = _best(request.environ.get("HTTP_ACCEPT", "*/*"), tuple(media_types))
    if found is None:
        detail = f"The answer can be {' or '.join(media_types)}, not {request.headers['Accept'][:100]}."
        raise HTTPProblem(HTTPStatus.NOT_ACCEPTABLE, detail)
    return found


@lru_cache(maxsize=256)
def _best(accept: str, media_types: tuple[str, ...]) -> str | None:
    """What a header chooses; clients send the same few."""
    return parse_accept_header(accept, MIMEAccept).best_match(media_types)


def unsupported(media: str, taken: set[str]) -> HTTPProblem:
    """The problem of a content type that is not taken."""
    said = f"not {media}" if media else "and the request states none"
    return HTTPProblem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The content type must be {' or '.join(sorted(taken))}, {said}."
    )


def json_body(request: Request, ours: Settings) -> bytes:
    """The body, which must be JSON."""
    if request.mimetype != JSON:
        raise unsupported(request.mimetype, {JSON})
    return body(request, ours)


@lru_cache(maxsize=256)
def query(string: bytes) -> CountRequest:
    """Options from a query string; freeze=GLOB and train=GLOB become rules in order of appearance."""
    given: dict[str, Any] = {}
    rules = []
    for name, value in parse_qsl(string.decode("ascii", "replace"), keep_blank_values=True):
        if name in ("freeze", "train"):
            rules.append(Rule(value, name == "train"))
        elif name in given:
            raise Problems([InvalidDocument("is given twice", token(name), "duplicate_name")])
        else:
            given[name] = _value(name, value)
    return load_options(given, rules)


def _value(name: str, text: str) -> Any:
    """A value of a query as JSON would have it, where its member is no string; what it cannot be stays as it is."""
    if name == "depth" and re.fullmatch("[0-9]{1,20}", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if name == "views" else text

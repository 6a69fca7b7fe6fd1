"""POST /v1/batch: envelopes a line, answers a line, in order, however many there are."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson
from flask import Blueprint, Response, request, stream_with_context

from service import envelopes
from service.errors import Problems, TooLarge
from service.web import asking, bodies
from service.web.counts import counted_envelope
from service.web.problems import HTTPProblem, internal, members, unprocessable

batches = Blueprint("batches", __name__)

NDJSON = "application/x-ndjson"


@batches.post("/v1/batch")
def batch() -> Response:
    """A line is answered when it has come; one that is broken is one problem, and never the end."""
    if request.mimetype != NDJSON:
        raise asking.unsupported(request.mimetype, {NDJSON})
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A batch is streamed: send it without a content coding.")
    asking.accepted(request, (NDJSON,))
    if isinstance(connection := request.environ.get("gunicorn.socket"), socket.socket):
        connection.settimeout(asking.settings().max_seconds)  # a client that stops reading holds nothing
    return Response(stream_with_context(_answers()), content_type=NDJSON)


def _answers() -> Iterator[bytes]:
    most = asking.settings().max_body_bytes
    for number, line in enumerate(_lines(most), 1):
        if line is None:
            problems = Problems([TooLarge(f"is longer than {most:,} bytes")])
            yield _written({"line": number} | unprocessable(problems))
        elif line.strip():
            with bodies.turn(asking.settings()):
                answer = _written({"line": number} | _answer(line))
            yield answer


def _lines(most: int) -> Iterator[bytes | None]:
    """The lines of the body; None for one that is longer than `most`, whose rest is passed over."""
    while line := request.stream.readline(most + 1):
        if len(line) <= most or line.endswith(b"\n"):
            yield line
            continue
        yield None
        while line and not line.endswith(b"\n"):
            line = request.stream.readline(65536)


def _answer(line: bytes) -> dict[str, Any]:
    """The report or the problem of one line, under the id that the line gave."""
    named: dict[str, Any] = {}
    try:
        given = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return members(HTTPStatus.BAD_REQUEST, f"The line is not JSON: {error}.")
    if isinstance(given, dict) and "id" in given:
        named["id"] = given.pop("id")
    try:
        asked = envelopes.envelope(given)
        return named | envelopes.answered(counted_envelope(asked), asked, asking.settings())
    except Problems as problems:
        return named | unprocessable(problems)
    except Exception as error:  # noqa: BLE001 # a mistake of ours in one line is not the end of the others
        return named | internal(error)


def _written(answer: dict[str, Any]) -> bytes:
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)

"""POST /v1/batch: envelopes a line, answers a line, in order, however many there are."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http import HTTPStatus
from io import BufferedReader, RawIOBase
from typing import Any

import orjson
from flask import Blueprint, Response, request, stream_with_context

from paramcount.formats.source import NotJSON
from paramcount.model.errors import Problems
from paramcount.rendering.problem import members
from paramcount.requests.batch import answer_line, long_line_problem, read_lines
from paramcount.requests.count import to_json
from paramcount.requests.envelope import load_envelope
from service import requests as asking
from service.middleware import body as bodies
from service.problems import HTTPProblem, internal
from service.routes.count import measured_count

batching = Blueprint("batches", __name__)

NDJSON = "application/x-ndjson"
_AHEAD = 64 * 1024


@batching.post("/v1/batch")
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


class _Body(RawIOBase):
    """The body, to be buffered: of a long line, the server's own readline copies all that it has for each kilobyte."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = bodies.read(request.stream.read, len(buffer))
        buffer[: len(found)] = found
        return len(found)


def _answers() -> Iterator[bytes]:
    most, number = asking.settings().max_body_bytes, 0
    try:
        for number, line in enumerate(read_lines(BufferedReader(_Body(), _AHEAD).readline, most), 1):
            if line is None:
                yield _written({"line": number} | long_line_problem(most))
            elif line.strip():
                yield _written({"line": number} | _answer(line))
    except HTTPProblem as broken:  # the body itself: there is no next line
        yield _written({"line": number + 1} | members(broken.status, broken.detail))


def _answer(line: bytes) -> dict[str, Any]:
    """The answer of one line, when it has its turn; one that waits too long is not the end of the others."""
    try:
        bodies.take_turn(asking.settings(), len(line))
        return answer_line(line, _answer_envelope)
    except HTTPProblem as busy:
        return members(busy.status, busy.detail)
    finally:
        bodies.release()


def _answer_envelope(members: Any) -> dict[str, Any]:
    """The report of an envelope. Raises Problems or NotJSON."""
    try:
        request, settings = load_envelope(members), asking.settings()
        return to_json(measured_count(request, settings), request, settings)
    except (Problems, NotJSON):
        raise
    except Exception as error:  # noqa: BLE001 # a mistake of ours in one line is not the end of the others
        return internal(error)


def _written(answer: dict[str, Any]) -> bytes:
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)

"""POST /v1/batch: an envelope or a document a line, an answer a line, in order, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from io import BufferedReader, RawIOBase
from typing import Any

import orjson
from flask import Blueprint, Response, stream_with_context

from paramcount.formats.source import NotJSON
from paramcount.model.errors import Problems
from paramcount.rendering.problem import members
from paramcount.requests.batch import answer_line, long_line_problem, read_lines
from paramcount.requests.count import to_json
from paramcount.requests.envelope import load_envelope
from service.connections.client import Connection
from service.context import current_request, current_settings
from service.contract.operations import operation
from service.middleware.access import hold_slot
from service.middleware.slots import acquire_slot, release_after
from service.problems import HTTPProblem, log_internal_error
from service.requests.body import read_available
from service.requests.media_types import check_media_type, negotiate_media_type
from service.routes.count import measure_count

blueprint = Blueprint("batch", __name__)

NDJSON = "application/x-ndjson"
_BUFFER_BYTES = 64 * 1024


@operation(
    blueprint.post,
    "/v1/batch",
    "batch",
    summary="Count many models: one envelope or document per line (NDJSON)",
    tag="count",
    request={NDJSON: {"schema": {}}},  # any line is answered
    response={
        "description": "One line for each line of the request, a report or a problem, with `line` and `id`.",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    },
    problems=(HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
)
def post_batch() -> Response:
    """Answer each line when it has come; a broken one is one problem, and does not end the batch."""
    request = current_request()
    check_media_type(request.mimetype, {NDJSON})
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A batch is streamed: send it without a content coding.")
    negotiate_media_type(request, (NDJSON,))
    hold_slot()
    if isinstance(connection := request.environ.get("gunicorn.socket"), Connection):
        connection.is_batch = True
    return Response(stream_with_context(_answer_lines()), content_type=NDJSON)


class _Body(RawIOBase):
    """The body for a buffered reader: the server's own readline copies a long line once for each kilobyte."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = read_available(current_request(), len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _answer_lines() -> Iterator[bytes]:
    max_bytes, number = current_settings().max_body_bytes, 0
    connection = current_request().environ.get("gunicorn.socket")
    try:
        for number, line in enumerate(read_lines(BufferedReader(_Body(), _BUFFER_BYTES).readline, max_bytes), 1):
            if isinstance(connection, Connection):
                connection.renew()  # each line has the time of a request to come, and its answer to be read
            if line is None:
                yield _encode({"line": number} | long_line_problem(max_bytes))
            elif line.strip():
                yield _encode({"line": number} | _answer(line))
    except HTTPProblem as broken:  # the body itself: there is no next line
        yield _encode({"line": number + 1} | members(broken.status, broken.detail))


def _answer(line: bytes) -> dict[str, Any]:
    """Answer one line; one that finds no slot, or is ended, does not end the batch."""

    def count(envelope: Any) -> dict[str, Any]:
        settings = current_settings()
        acquire_slot(settings, len(line))
        count_request = load_envelope(envelope)
        return to_json(measure_count(count_request, settings), count_request, settings)

    def try_to_count(envelope: Any) -> dict[str, Any]:
        try:
            return release_after(partial(count, envelope))
        except HTTPProblem as busy:
            return members(busy.status, busy.detail)
        except (Problems, NotJSON):
            raise
        except Exception as error:  # noqa: BLE001 # an internal error in one line does not end the batch
            return log_internal_error(error)

    return answer_line(line, try_to_count)


def _encode(answer: dict[str, Any]) -> bytes:
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)

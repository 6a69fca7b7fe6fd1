"""Problems as RFC 9457 tells them: application/problem+json, all of a payload's errors at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from paramcount.formats.source import NotJSON
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.rendering.problem import members, payload_problem

MEDIA = "application/problem+json"

logger = logging.getLogger(__name__)


class HTTPProblem(Exception):
    """A request that is answered with `status`, and why."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def register(app: Flask) -> None:
    """Answer every error of the app with a problem, those raised before routing included."""
    app.register_error_handler(HTTPProblem, lambda error: problem(error.status, error.detail, headers=error.headers))
    app.register_error_handler(
        NotJSON, lambda error: problem(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}.")
    )
    app.register_error_handler(Problems, lambda error: _response(payload_problem(error)))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, lambda error: _response(internal(error)))


def problem(
    status: int, detail: str, errors: Iterable[ArchitectureError] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """A problem as a response."""
    return Response(orjson.dumps(members(status, detail, errors)), status, headers, content_type=MEDIA)


def sentence(detail: str) -> str:
    """A detail as a sentence."""
    return detail if detail.endswith(("?", ".")) else f"{detail}."


def internal(error: Exception) -> dict[str, Any]:
    """The members of the problem of a mistake of ours, which goes to the log."""
    logger.error("unexpected error in %s %s", request.method, request.path, exc_info=error)
    return members(HTTPStatus.INTERNAL_SERVER_ERROR, "This is our mistake, not yours; it is logged.")


def _not_json(error: NotJSON) -> Response:
    return problem(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}.")


def _http(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return Response(status=error.code)
    detail, headers = error.description or "", {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
        detail = f"{request.method} is not for {request.path}: use {headers['Allow']}."
    elif error.code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.path}: see / for what there is."
    return problem(error.code, detail, headers=headers)


def _response(found: dict[str, Any]) -> Response:
    return Response(orjson.dumps(found), found["status"], content_type=MEDIA)

"""Problems as responses (RFC 9457): application/problem+json, with all errors of a payload at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from paramcount.formats.source import NotJSON
from paramcount.model.errors import FaultyFormula, Problems
from paramcount.rendering.problem import members, payload_problem
from service.context import current_request, current_state
from service.responses import respond_json

MEDIA = "application/problem+json"

logger = logging.getLogger(__name__)


class HTTPProblem(Exception):
    """Ends a request with an HTTP status and the reason."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def register(app: Flask) -> None:
    """Answer every error with a problem, also those raised before routing."""
    app.register_error_handler(HTTPProblem, lambda error: make_problem(error.status, error.detail, error.headers))
    app.register_error_handler(
        NotJSON, lambda error: make_problem(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}.")
    )
    app.register_error_handler(Problems, lambda error: _make_response(payload_problem(error)))
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(Exception, lambda error: _make_response(log_internal_error(error)))


def make_problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem as a response."""
    response = _make_response(members(status, detail))
    response.headers.update(headers or {})
    return response


def end_sentence(detail: str) -> str:
    """Return a detail that ends as a sentence does."""
    return detail if detail.endswith(("?", ".")) else f"{detail}."


def log_internal_error(error: Exception) -> dict[str, Any]:
    """Log an unexpected error, and return the problem that tells the client nothing of it."""
    request = current_request()
    request_id = current_state().get("request_id")
    logger.error("unexpected error in %s %s, request %s", request.method, request.path, request_id, exc_info=error)
    return members(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error. The log has it under the X-Request-ID of this answer."
    )


def log_faulty_formulas(problems: Problems) -> None:
    """Log the formulas of plug-ins that are wrong, with what they raised."""
    for error in problems.problems:
        if isinstance(error, FaultyFormula):
            request_id = current_state().get("request_id")
            logger.error("%s, request %s", error.detail, request_id, exc_info=error.__cause__)


def _handle_http_exception(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return Response(status=error.code)
    request, detail, headers = current_request(), error.description or "", {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
        detail = f"{request.method} is not allowed on {request.path}: use {headers['Allow']}."
    elif error.code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.path}: see / for what there is."
    return make_problem(error.code, detail, headers)


def _make_response(problem: dict[str, Any]) -> Response:
    return respond_json(problem, problem["status"], MEDIA)

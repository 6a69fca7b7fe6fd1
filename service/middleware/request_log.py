"""The first and the last step of every request: its id, its duration, its log line and metrics."""

from __future__ import annotations

import re
from random import getrandbits
from time import perf_counter

from flask import Flask, Response

from service.context import current_request, current_state
from service.middleware import logs, metrics

_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


def register(app: Flask) -> None:
    """Give every request an id, the client's own where it is a valid one; log and measure it when it is answered."""

    @app.before_request
    def begin() -> None:
        state = current_state()
        state.began = perf_counter()
        client_id = current_request().environ.get("HTTP_X_REQUEST_ID")
        state.request_id = client_id if client_id and _REQUEST_ID.fullmatch(client_id) else f"{getrandbits(128):032x}"

    @app.after_request
    def end(response: Response) -> Response:
        request = current_request()
        state = current_state()
        seconds = perf_counter() - state.began
        response.headers.add("X-Request-ID", state.request_id)
        route = request.url_rule.rule if request.url_rule else None
        metrics.observe(request, response, route or "none", seconds)
        logs.log_request(request, response, route, seconds)
        return response

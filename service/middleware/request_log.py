"""Every request is given an id, measured, and written down when it is answered."""

from __future__ import annotations

import re
from random import getrandbits
from time import perf_counter
from typing import cast

from flask import Flask, Request, Response, g, request

from service.middleware import logs, metrics

_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


def register(app: Flask) -> None:
    """Observe from the first to the last; a client's own id is kept, if it is one."""

    @app.before_request
    def begin() -> None:
        g.began = perf_counter()
        given = itself().headers.get("X-Request-ID")
        g.request_id = given if given and _ID.fullmatch(given) else f"{getrandbits(128):032x}"

    @app.after_request
    def end(response: Response) -> Response:
        asked = itself()
        seconds = perf_counter() - g.began
        response.headers["X-Request-ID"] = g.request_id
        route = asked.url_rule.rule if asked.url_rule else None
        metrics.observe(asked, response, route or "none", seconds)
        logs.write(asked, response, route, seconds)
        return response


def itself() -> Request:
    """The request that is answered; `request` is looked up anew at every use."""
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001

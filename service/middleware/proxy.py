"""The service behind a gateway: forwarded headers, base path, CORS, compression, and caching by clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Response
from flask_compress import Compress
from flask_cors import CORS
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from service.context import current_request
from service.settings import FORWARDED_HEADERS, Settings

_COMPRESSED = [
    *("application/json", "application/problem+json", "application/yaml", "application/javascript", "image/svg+xml"),
    *("text/plain", "text/markdown", "text/csv", "text/html", "text/css", "text/javascript"),
]

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

View = TypeVar("View", bound=Callable[..., Any])

_CACHEABLE = "_is_cacheable"
"""The attribute that marks a view; what is wrapped around it has it too."""


def cacheable(view: View) -> View:
    """Let clients cache what a view answers to a GET: it changes only with a release or a plug-in."""
    setattr(view, _CACHEABLE, True)
    return view


def _protect(application: WSGIApplication) -> WSGIApplication:
    """Keep browsers from guessing a type, and from showing an answer in another site's frame."""
    protection = [("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY")]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, headers + protection, *error)

        return application(environ, start)

    return answer


def register(app: Flask, settings: Settings) -> None:
    """Compress answers, let clients cache what does not change, and allow the CORS origins."""
    app.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
    app.config["COMPRESS_MIMETYPES"] = _COMPRESSED
    Compress(app)
    if settings.cors_origins:
        exposed = ["X-Request-ID", "Retry-After"]
        CORS(app, origins=list(settings.cors_origins), expose_headers=exposed, max_age=600)

    caching = "private" if settings.tokens_file else "public"

    @app.after_request
    def allow_caching(response: Response) -> Response:
        request = current_request()
        if request.method != "GET" or response.status_code != 200:
            return response
        if getattr(app.view_functions.get(request.endpoint or ""), _CACHEABLE, False):
            response.headers["Cache-Control"] = f"{caching}, max-age=300"
            if settings.tokens_file:
                response.vary.add("Authorization")
            response.direct_passthrough = False
            response.add_etag()
            response.make_conditional(request)
        return response

    app.wsgi_app = _protect(app.wsgi_app)  # type: ignore[assignment, method-assign]
    if settings.base_path:  # at the root too: the cluster's probes ask there
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {settings.base_path: app.wsgi_app})  # type: ignore[method-assign]
    if hops := settings.trusted_hops:
        trusted = {f"x_{name}": hops * (name in settings.trusted_headers) for name in FORWARDED_HEADERS}
        app.wsgi_app = ProxyFix(app.wsgi_app, **trusted)  # type: ignore[method-assign]

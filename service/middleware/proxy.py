"""Behind a gateway: whose word about the client is taken, where the service is mounted, who may call from a browser."""

from __future__ import annotations

from flask import Flask, Response
from flask_compress import Compress
from flask_cors import CORS
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from service.middleware.request_log import itself
from service.settings import Settings

CONSTANT = frozenset(("/openapi.json", "/openapi.yaml", "/docs", "/v1/layers", "/v1/formats", "/v1/limits"))
"""Routes whose answer changes only with a release or a plug-in."""


def register(app: Flask, settings: Settings) -> None:
    """Compress what is worth it, let clients keep what is constant, and let named origins in."""
    app.config["COMPRESS_ALGORITHM"] = ["br", "gzip"]
    app.config["COMPRESS_MIMETYPES"] = ["application/json", "application/yaml", "text/*", "image/svg+xml"]
    Compress(app)
    if settings.cors_origins:
        exposed = ["X-Request-ID", "Retry-After"]
        CORS(app, origins=list(settings.cors_origins), expose_headers=exposed, max_age=600)

    @app.after_request
    def constant(response: Response) -> Response:
        request = itself()
        if request.method != "GET" or response.status_code != 200:
            return response
        if request.path in CONSTANT or request.path.startswith(("/v1/layers/", "/docs/")):
            response.headers["Cache-Control"] = "public, max-age=300"
            response.direct_passthrough = False
            response.add_etag()
            response.make_conditional(request)
        return response

    if settings.base_path:  # the probes stay at the root too, where nothing but the cluster asks
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {settings.base_path: app.wsgi_app})  # type: ignore[method-assign]
    if hops := settings.trusted_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops, hops, hops)  # type: ignore[method-assign]

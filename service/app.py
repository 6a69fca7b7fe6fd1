"""The WSGI application: middleware and routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request

from paramcount.requests.settings import from_environment
from paramcount.schema.registry import load_plugins
from service import problems, response_cache
from service.contract.operations import declared_operations
from service.middleware import access, proxy, request_log, slots, tracing
from service.routes import batch, codes, compare, count, documents, export, formats, layers, models, pages, service
from service.settings import Settings

ROUTES = (count, export, compare, batch, documents, layers, models, formats, codes, pages, service)
"""The modules of routes, in the contract's order."""


class _Request(Request):
    """Flask's request, without a header parsed that every route asks for."""

    @property
    def mimetype(self) -> str:
        """The media type of the body, without its parameters."""
        content_type: str = self.environ.get("CONTENT_TYPE", "")
        return content_type.partition(";")[0].strip().lower()


class _Service(Flask):
    """Flask with a bound on what a request computes."""

    request_class = _Request

    def dispatch_request(self) -> Any:
        """Answer the request; what it computes is bounded in time and memory."""
        return slots.release_after(super().dispatch_request)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No function is a coroutine: Flask would ask of each of nine, at every request."""
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """Load the plug-ins and build the app. Raises RegistrationError or InvalidSetting rather than start without one."""
    load_plugins()
    return build_app(settings or from_environment(Settings))


def build_app(settings: Settings) -> Flask:
    """Build the app over the layers and formats that are registered."""
    app = _Service("service", static_folder=None)
    app.config["PARAMCOUNT"] = settings
    for module in ROUTES:
        app.register_blueprint(module.blueprint)
    probe_paths = frozenset(operation.path for operation in declared_operations(app) if operation.probe)
    problems.register(app)
    request_log.register(app)
    tracing.register(app)
    access.register(app, settings, probe_paths)
    slots.register(app, settings)
    response_cache.register(app, settings)
    proxy.register(app, settings)
    return app

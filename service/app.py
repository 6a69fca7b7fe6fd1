"""The service over HTTP; the only place that knows Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from paramcount.requests.settings import from_environment
from paramcount.schema.registry import load_plugins
from service import problems
from service import response_cache as answers
from service.middleware import access, tracing
from service.middleware import body as bodies
from service.middleware import proxy as gateway
from service.middleware import request_log as observing
from service.routes.batch import batching
from service.routes.count import counts
from service.routes.models import models
from service.routes.service import views
from service.settings import Settings


class _Service(Flask):
    """Flask for plain functions: it would look at each of the nine that a request calls, whether it is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, plug-ins loaded. Raises RegistrationError or InvalidSetting rather than start half."""
    load_plugins()
    ours = settings or from_environment(Settings)
    app = _Service("service", static_folder=None)
    app.config["PARAMCOUNT"] = ours
    problems.register(app)
    observing.register(app)
    tracing.register(app)
    access.register(app, ours)
    bodies.register(app, ours)
    answers.register(app, ours)
    for routes in (counts, batching, models, views):
        app.register_blueprint(routes)
    gateway.register(app, ours)
    return app

"""The service over HTTP; the only place that knows Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from service.registry import load_plugins
from service.settings import Settings
from service.web import access, answers, bodies, gateway, observing, problems, tracing
from service.web.batch import batching
from service.web.counts import counts
from service.web.models import models
from service.web.views import views


class _Service(Flask):
    """Flask for plain functions: it would look at each of the nine that a request calls, whether it is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, plug-ins loaded. Raises RegistrationError or InvalidSetting rather than start half."""
    load_plugins()
    ours = settings or Settings.from_environment()
    app = _Service("service.web", static_folder=None)
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

"""The service over HTTP; the only place that knows Flask."""

from __future__ import annotations

from flask import Flask

from service.registry import load_plugins
from service.settings import Settings
from service.web import problems
from service.web.views import views


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, plug-ins loaded. Raises RegistrationError or InvalidSetting rather than start half."""
    load_plugins()
    app = Flask("service.web", static_folder=None)
    app.config["PARAMCOUNT"] = settings or Settings.from_environment()
    problems.register(app)
    app.register_blueprint(views)
    return app

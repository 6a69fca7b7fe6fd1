"""The current app, request, state and settings: the objects behind Flask's proxies, which look them up at every use."""

from __future__ import annotations

from collections.abc import Callable

import flask
from flask import Flask, Request
from flask.ctx import _AppCtxGlobals

from service.settings import Settings

current_app: Callable[[], Flask] = flask.current_app._get_current_object  # type: ignore[attr-defined] # noqa: SLF001
"""Return the app that answers the current request."""

current_request: Callable[[], Request] = flask.request._get_current_object  # type: ignore[attr-defined] # noqa: SLF001
"""Return the current request."""

current_state: Callable[[], _AppCtxGlobals] = flask.g._get_current_object  # noqa: SLF001
"""Return the object (Flask's `g`) on which middleware keeps what belongs to the current request."""


def current_settings() -> Settings:
    """Return the settings of the current app."""
    settings: Settings = current_app().config["PARAMCOUNT"]
    return settings

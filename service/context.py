"""The current app, request, state and settings: the objects behind Flask's proxies, which look them up at every use."""

from __future__ import annotations

from typing import cast

import flask
from flask import Flask, Request
from flask.ctx import _AppCtxGlobals

from service.settings import Settings


def current_app() -> Flask:
    """Return the app that answers the current request."""
    return cast("Flask", flask.current_app._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001


def current_request() -> Request:
    """Return the current request."""
    return cast("Request", flask.request._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001


def current_state() -> _AppCtxGlobals:
    """Return the object (Flask's `g`) on which middleware keeps what belongs to the current request."""
    return cast("_AppCtxGlobals", flask.g._get_current_object())  # noqa: SLF001


def current_settings() -> Settings:
    """Return the settings of the current app."""
    settings: Settings = current_app().config["PARAMCOUNT"]
    return settings

"""The service in process."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings


def serve(**settings: Any) -> FlaskClient:
    """Return a client of a new app with these settings."""
    return create_app(Settings(**settings)).test_client()


@pytest.fixture(scope="session")
def client() -> FlaskClient:
    return create_app().test_client()

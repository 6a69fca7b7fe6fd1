"""GET /v1/layers and /v1/formats: what is registered."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.service.contract import assert_conforms


@pytest.mark.parametrize(
    ("path", "component"),
    [
        ("/v1/layers", "LayerList"),
        ("/v1/layers/keras.Dense", "LayerDetail"),
        ("/v1/layers/Dense", "LayerDetail"),
        ("/v1/formats", "FormatList"),
    ],
)
def test_registered_names(client: FlaskClient, path: str, component: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert_conforms(component, answer.json)

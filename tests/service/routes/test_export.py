"""POST /v1/export/{registry}: what each registry takes."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from paramcount.rendering.exports import EXPORTS
from tests.service.contract import MODEL, assert_problem


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_exports(client: FlaskClient, name: str) -> None:
    answer = client.post(f"/v1/export/{name}", json={"architecture": MODEL})
    assert answer.status_code == 200
    assert "28" in answer.text or name == "modelpack"  # whose smallest unit is a thousand


def test_an_unknown_export(client: FlaskClient) -> None:
    answer = client.post("/v1/export/mlflo", json={"architecture": MODEL})
    assert answer.status_code == 404
    assert 'did you mean "mlflow"?' in answer.json["detail"]


def test_an_export_is_json(client: FlaskClient) -> None:
    answer = client.post("/v1/export/mlflow", json={"architecture": MODEL}, headers={"Accept": "text/csv"})
    assert_problem(answer, 406)
    assert client.post("/v1/export/mlflow", data=b"{", headers={"Accept": "application/*"}).status_code == 415

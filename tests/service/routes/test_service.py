"""The routes of the service itself: index, probes, limits, docs."""

from __future__ import annotations

from flask.testing import FlaskClient

from service.settings import Settings
from tests.service.conftest import serve
from tests.service.contract import MODEL, assert_conforms


def test_probes_and_the_index(client: FlaskClient) -> None:
    assert client.get("/livez").json == {"status": "alive"}
    assert client.get("/readyz").json["status"] == "ready"
    door = client.get("/").json
    assert {client.get(door[to], buffered=True).status_code for to in ("docs", "openapi", "formats", "layers")} == {200}


def test_the_docs_ask_no_other_address(client: FlaskClient) -> None:
    page = client.get("/docs", buffered=True)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert client.get(f"/docs/{asset}", buffered=True).status_code == 200


def test_limits_are_served_and_kept(client: FlaskClient) -> None:
    assert client.get("/v1/limits").json == Settings().by_name
    for setting, at_most in (
        ({"max_rows": 3}, 1),
        ({"max_tensors": 3}, 1),
        ({"max_layers": 3}, 1),
        ({"max_depth": 1}, 1),
    ):
        answer = serve(**setting).post("/v1/count/native", json=MODEL)
        assert answer.status_code == 422
        assert len(answer.json["errors"]) == at_most
        assert answer.json["errors"][0]["code"] == "too_large"
        assert_conforms("Problem", answer.json)
    assert serve(max_rows=3).post("/v1/count/native?detail=totals", json=MODEL).status_code == 200

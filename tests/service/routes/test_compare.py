"""POST /v1/compare: what differs, and the problems of both sides."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.builders.adapters import LLAMA
from tests.service.contract import ADAPTER, ADAPTER_SIZE, assert_conforms, dense


def test_a_comparison(client: FlaskClient) -> None:
    envelopes = {
        "before": {"architecture": dense(4, name="a")},
        "after": {"architecture": dense(5, name="a", trainable=False)},
    }
    answer = client.post("/v1/compare", json=envelopes)
    assert answer.status_code == 200, answer.text
    assert_conforms("ComparisonReport", answer.json)
    assert answer.json["difference"]["total"] == 4  # 3·5 + 5 against 3·4 + 4
    assert [change["path"] for change in answer.json["changes"]] == ["a"]
    text = client.post("/v1/compare", json=envelopes, headers={"Accept": "text/markdown"}).text
    assert text.startswith("## Parameters: ")
    text = client.post("/v1/compare", json=envelopes, headers={"Accept": "text/plain"}).text
    assert "+4" in text


def test_the_problems_of_both_sides_at_once(client: FlaskClient) -> None:
    envelopes = {"before": {"architecture": dense(0)}, "after": {"architecture": dense(4, unit=1)}}
    answer = client.post("/v1/compare", json=envelopes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "/before/architecture/layers/0/units",
        "/after/architecture/layers/0/unit",
    ]
    assert client.post("/v1/compare", json={"before": {}}).status_code == 422


def test_an_adapter(client: FlaskClient) -> None:
    sides = {"before": {"architecture": LLAMA}, "after": {"architecture": LLAMA, "adapter": ADAPTER}}
    report = client.post("/v1/compare", json=sides).json
    assert report["difference"]["total"] == ADAPTER_SIZE
    assert report["summary"].keys() == {"frozen", "resized"}
    assert report["summary"]["resized"]["elements"] == ADAPTER_SIZE


@pytest.mark.parametrize(
    "body", [{"architecture": {}}, {}, {"before": {"architecture": {}}}, [], 3, {"before": [], "after": 3}]
)
def test_no_comparison(client: FlaskClient, body: object) -> None:
    answer = client.post("/v1/compare", json=body)
    assert answer.status_code == 422
    assert answer.json["errors"]

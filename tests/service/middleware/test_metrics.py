"""Metrics: what is counted, and that labels are bounded."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.service.contract import MODEL


def test_metrics(client: FlaskClient) -> None:
    before = client.get("/metrics").text
    client.post("/v1/count", json={"architecture": MODEL})
    client.post("/v1/count", json={"architecture": {"layers": [{"type": "Mystery"}, {"type": "a\nb{}"}]}})
    client.get("/no/such/route")
    text = client.get("/metrics").text
    assert text != before
    assert 'paramcount_requests_total{method="POST",route="/v1/count",status="200"}' in text
    assert 'paramcount_requests_total{method="GET",route="none",status="404"}' in text
    assert 'paramcount_unknown_layers_total{type="Mystery"}' in text
    assert 'paramcount_unknown_layers_total{type="other"}' in text
    assert "paramcount_counted_layers_total" in text
    assert "/no/such" not in text


def test_methods_that_a_client_invents_share_a_label(client: FlaskClient) -> None:
    client.open("/no/such/route", method="XSERIES1")
    text = client.get("/metrics").text
    assert 'method="other",route="none"' in text
    assert "XSERIES1" not in text

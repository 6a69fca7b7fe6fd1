"""Request ids, and the log line of a request."""

from __future__ import annotations

import json
import logging

import pytest
from flask.testing import FlaskClient

from service.middleware.logs import JSONFormatter
from tests.service.contract import MODEL


def test_the_log_line_of_a_request(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-ID": "ticket-7", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    with caplog.at_level(logging.INFO, "paramcount.request"):
        assert (
            client.post("/v1/count", json={"architecture": MODEL}, headers=headers).headers["X-Request-ID"]
            == "ticket-7"
        )
    (record,) = caplog.records
    line = json.loads(JSONFormatter().format(record))
    assert (line["request_id"], line["trace_id"], line["route"], line["status"]) == (
        "ticket-7",
        trace,
        "/v1/count",
        200,
    )
    assert "hidden" not in json.dumps(line)  # nothing of the payload


@pytest.mark.parametrize("client_id", ["", "a b", "x" * 200, "a;b", "é"])
def test_an_id_that_is_none_is_replaced(client: FlaskClient, client_id: str) -> None:
    request_id = client.get("/livez", headers={"X-Request-ID": client_id}).headers["X-Request-ID"]
    assert request_id != client_id
    assert len(request_id) == 32

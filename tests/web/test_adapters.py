"""Adapters over HTTP: in an envelope, in a comparison, in a batch; and where their problems are."""

from __future__ import annotations

import json

from flask.testing import FlaskClient

from tests.adapters.models import LLAMA

ADAPTER = {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}
TRAINED = 4 * 2 * (64 + 64)


def test_an_envelope(client: FlaskClient) -> None:
    answer = client.post("/v1/count", json={"architecture": LLAMA, "adapter": ADAPTER, "detail": "tensors"})
    report = answer.json
    assert report["totals"]["trainable"] == TRAINED
    assert report["frozen_by"] == [{"by": "adapter", "count": report["totals"]["frozen"]}]
    (adapted,) = (row for row in report["layers"][0]["children"][1]["children"][0]["children"][0]["children"][:1])
    assert adapted["type"] == "lora.Linear"
    assert [tensor["name"] for tensor in adapted["tensors"]] == [
        "weight", "lora_A.default.weight", "lora_B.default.weight",
    ]  # fmt: skip


def test_what_an_adapter_changes(client: FlaskClient) -> None:
    sides = {"before": {"architecture": LLAMA}, "after": {"architecture": LLAMA, "adapter": ADAPTER}}
    report = client.post("/v1/compare", json=sides).json
    assert report["difference"]["total"] == TRAINED
    assert report["summary"].keys() == {"frozen", "resized"}
    assert report["summary"]["resized"]["elements"] == TRAINED


def test_a_batch(client: FlaskClient) -> None:
    lines = [{"architecture": LLAMA, "adapter": one} for one in (ADAPTER, {"peft_type": "?"})]
    body = "\n".join(map(json.dumps, lines))
    answer = client.post("/v1/batch", data=body, content_type="application/x-ndjson")
    good, bad = map(json.loads, answer.text.splitlines())
    assert good["totals"]["trainable"] == TRAINED
    assert bad["errors"][0]["pointer"] == "/adapter/peft_type"


def test_problems_of_the_document_and_of_the_adapter(client: FlaskClient) -> None:
    broken = {**LLAMA, "hidden_size": "64"}
    answer = client.post("/v1/count", json={"architecture": broken, "adapter": ADAPTER})
    assert answer.json["errors"][0]["pointer"] == "/architecture/hidden_size"
    for adapter, pointer in ((3, ""), (None, ""), ({}, "/peft_type"), ({**ADAPTER, "r": 0}, "/r")):
        answer = client.post("/v1/count", json={"architecture": LLAMA, "adapter": adapter})
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == f"/adapter{pointer}"

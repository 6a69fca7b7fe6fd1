"""The routes as clients know them: what is answered is what the OpenAPI document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from paramcount.rendering.exports import EXPORTS
from paramcount.schema.registry import FORMATS
from paramcount.schema.validator import Validator
from service import openapi

MODEL: dict[str, Any] = {
    "framework": "keras",
    "input_shape": [3],
    "layers": [
        {"type": "Normalization", "name": "normalise"},
        {"type": "Dense", "name": "hidden", "units": 4},
        {"type": "Dense", "name": "answer", "units": 1},
    ],
}


def conforms(component: str, answer: Any) -> None:
    """Fail unless `answer` is what the contract says of `component`."""
    schema = {"$ref": f"#/components/schemas/{component}", "components": openapi.document()["components"]}
    assert [(error.pointer, error.detail) for error in Validator(schema).problems(answer)] == []


def test_the_contract_is_valid_openapi(client: FlaskClient) -> None:
    served = client.get("/openapi.json").json
    assert served is not None
    validate(served)
    assert served["openapi"].startswith("3.1")
    assert yaml.safe_load(client.get("/openapi.yaml").text) == served


def test_every_route_is_in_the_contract(client: FlaskClient) -> None:
    routes = {
        str(rule).replace("<kind>", "{type}").replace("models/<name>", "models/{name}")
        for rule in client.application.url_map.iter_rules()
    }
    routes -= {"/v1/count/<name>", "/v1/export/<registry>", "/docs/<path:name>"}
    routes |= {f"/v1/count/{name}" for name in FORMATS} | {f"/v1/export/{name}" for name in EXPORTS}
    assert routes == set(openapi.document()["paths"])


def test_plugins_are_in_the_contract(client: FlaskClient) -> None:
    assert "rank" in openapi.document()["components"]["schemas"]["lowrank.LowRankDense"]["properties"]
    listed = {found["type"]: found for found in client.get("/v1/layers").json["layers"]}
    assert listed["lowrank.LowRankDense"]["source"] == "lowrank"
    assert listed["keras.Dense"]["source"] == "built-in"
    layers = [{"type": "LowRankDense", "units": 8, "rank": 2}]
    report = client.post("/v1/count", json={"architecture": {"input_shape": [6], "layers": layers}}).json
    assert report["totals"]["total"] == 36  # 6·2 + 2·8 + 8
    refused = client.post("/v1/count", json={"architecture": {"input_shape": [6], "layers": [layers[0] | {"rank": 7}]}})
    assert refused.json["errors"] == [
        {
            "pointer": "/architecture/layers/0/rank",
            "code": "invalid_config",
            "detail": "must be at most 6 to save anything",
        }
    ]


def test_a_report(client: FlaskClient) -> None:
    answer = client.post("/v1/count", json={"architecture": MODEL})
    assert answer.status_code == 200
    report = answer.json
    conforms("Report", report)
    assert report["format"] == "native"
    assert report["totals"] == {"total": 28, "trainable": 21, "frozen": 7, "buffers": 7, "bytes": 112}
    normalise, hidden, answer_row = report["layers"]
    assert normalise["totals"]["frozen"] == 7  # mean 3 + variance 3 + count 1
    assert hidden["explanation"] == "kernel 3×4 + bias 4"
    assert hidden["output_shape"] == [None, 4]
    assert answer_row["totals"]["trainable"] == 5


@pytest.mark.parametrize(
    ("options", "totals"),
    [
        ({"trainable": [{"match": "hidden", "trainable": False}]}, (28, 5, 23)),
        ({"trainable": [{"match": "*", "trainable": False}, {"match": "*.bias", "trainable": True}]}, (28, 5, 23)),
        ({"convention": "torch"}, (21, 21, 0)),
        ({"convention": "stored"}, (28, 21, 7)),
    ],
)
def test_options(client: FlaskClient, options: dict[str, Any], totals: tuple[int, int, int]) -> None:
    report = client.post("/v1/count", json={"architecture": MODEL, **options}).json
    assert tuple(report["totals"][column] for column in ("total", "trainable", "frozen")) == totals


def test_query_rules_hold_in_order_of_appearance(client: FlaskClient) -> None:
    for query, trainable in (("freeze=*&train=answer", 5), ("train=answer&freeze=*", 0), ("freeze=hidden.bias", 17)):
        assert client.post(f"/v1/count/native?{query}", json=MODEL).json["totals"]["trainable"] == trainable


def test_detail_and_depth(client: FlaskClient) -> None:
    nested = {"layers": [{"type": "Block", "name": "a", "layers": MODEL["layers"]}], "input_shape": [3]}
    assert client.post("/v1/count/native?detail=totals", json=nested).json["layers"] == []
    assert client.post("/v1/count/native?depth=1", json=nested).json["layers"][0]["children"] == []
    report = client.post("/v1/count/native?detail=tensors", json=nested).json
    conforms("Report", report)
    (kernel, _) = report["layers"][0]["children"][1]["tensors"]
    assert kernel == {
        "name": "kernel",
        "shape": [3, 4],
        "dtype": "F32",
        "size": 12,
        "trainable": True,
        "role": "weight",
    }


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_counts_its_example(client: FlaskClient, name: str) -> None:
    found = FORMATS[name]
    body = {"data": found.example, "content_type": found.media} if isinstance(found.example, bytes | str) else {}
    answer = client.post(f"/v1/count/{name}?detail=tensors", **(body or {"json": found.example}))
    assert answer.status_code == 200, answer.text
    conforms("Report", answer.json)
    assert answer.json["totals"]["total"] > 0
    if not isinstance(found.example, bytes):
        recognised = client.post("/v1/count", json={"architecture": found.example}).json
        assert (recognised["format"], recognised["totals"]) == (name, answer.json["totals"])


def with_decimals(payload: Any) -> Iterator[Any]:
    """The payload, with one integer after the other written with a decimal point."""
    if isinstance(payload, dict):
        for name, value in payload.items():
            yield from ({**payload, name: changed} for changed in with_decimals(value))
    elif isinstance(payload, list):
        for index, value in enumerate(payload):
            yield from ([*payload[:index], changed, *payload[index + 1 :]] for changed in with_decimals(value))
    elif type(payload) is int:
        yield float(payload)


@pytest.mark.parametrize("name", sorted(name for name, found in FORMATS.items() if isinstance(found.example, dict)))
def test_what_is_counted_is_never_a_decimal(client: FlaskClient, name: str) -> None:
    example = FORMATS[name].example
    right = client.post(f"/v1/count/{name}", json=example).data
    changed = [example | {"layers": [{"type": "Dense", "units": 2, "repeat": 2.0}]}] if name == "native" else []
    for payload in (*with_decimals(example), *changed):
        answer = client.post(f"/v1/count/{name}", json=payload)
        assert answer.status_code == 422 or answer.data == right, payload


@pytest.mark.parametrize(
    ("path", "component"),
    [
        ("/v1/layers", "LayerList"),
        ("/v1/layers/keras.Dense", "LayerDetail"),
        ("/v1/layers/Dense", "LayerDetail"),
        ("/v1/formats", "FormatList"),
    ],
)
def test_what_is_registered(client: FlaskClient, path: str, component: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    conforms(component, answer.json)


def test_probes_and_the_door(client: FlaskClient) -> None:
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

"""The contract: it is valid OpenAPI, and has every route and every plug-in."""

from __future__ import annotations

import re

import jsonschema_rs
import yaml
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from paramcount.rendering.exports import EXPORTS
from paramcount.schema.registry import FORMATS, LAYERS
from tests.service.contract import CONTRACT


def test_the_contract_is_valid_openapi(client: FlaskClient) -> None:
    served = client.get("/openapi.json").json
    assert served is not None
    schemas = served["components"]["schemas"]
    layers = {name: schema for name, schema in schemas.items() if name in LAYERS}
    for schema in layers.values():  # by the hundred: openapi_spec_validator would take most of its time for them
        jsonschema_rs.meta.validate(schema)
        for field in schema["properties"].values():
            assert "default" not in field or jsonschema_rs.is_valid(field, field["default"])
    others = {name: {} if name in layers else schema for name, schema in schemas.items()}
    validate({**served, "components": {**served["components"], "schemas": others}})
    assert served["openapi"].startswith("3.1")
    assert yaml.load(client.get("/openapi.yaml").text, yaml.CSafeLoader) == served


def test_every_route_is_in_the_contract(client: FlaskClient) -> None:
    rules = {str(rule) for rule in client.application.url_map.iter_rules()}
    rules -= {"/v1/count/<name>", "/v1/export/<registry>", "/docs/<path:name>", "/page/<path:name>"}
    routes = {re.sub(r"<(\w+)>", r"{\1}", rule).replace("{kind}", "{type}") for rule in rules}
    routes |= {f"/v1/count/{name}" for name in FORMATS} | {f"/v1/export/{name}" for name in EXPORTS}
    assert routes == set(CONTRACT["paths"])


def test_plugins_are_in_the_contract(client: FlaskClient) -> None:
    assert "rank" in CONTRACT["components"]["schemas"]["lowrank.LowRankDense"]["properties"]
    listed = {layer["type"]: layer for layer in client.get("/v1/layers").json["layers"]}
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
            "type": "/problems/invalid_config",
            "detail": "must be at most 6 to save anything",
        }
    ]

"""Bad requests: each is answered with a problem that has a pointer and a detail, none with 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramcount.rendering import JSON
from paramcount.schema.registry import FORMATS
from tests.service.contract import assert_problem, dense


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nothing", 404, "/nothing"),
        ("GET", "/v1/count", 405, "POST"),
        ("DELETE", "/v1/layers", 405, "GET"),
        ("POST", "/v1/count/", 404, "/v1/count/"),
        ("POST", "/v1/count/kears", 404, 'did you mean "keras"?'),
        ("GET", "/v1/layers/Dens", 404, 'did you mean "Dense"?'),
        ("GET", "/v1/layers/LSTM", 422, "keras.LSTM or torch.LSTM"),
        ("GET", "/docs/../views.py", 404, "nothing"),
        ("GET", "/docs/%2e%2e/views.py", 404, ""),
        ("GET", "/docs/absent.js", 404, ""),
        ("POST", "/v1/count/native", 415, "states none"),
    ],
)
def test_requests_that_lead_nowhere(client: FlaskClient, method: str, path: str, status: int, detail: str) -> None:
    answer = client.open(path, method=method)
    assert detail in assert_problem(answer, status)["detail"]
    assert (answer.headers.get("Allow") is not None) == (status == 405)


DEEP: dict[str, Any] = {"type": "Block", "layers": []}
for _ in range(120):
    DEEP = {"type": "Block", "layers": [DEEP]}


@pytest.mark.parametrize(
    ("envelope", "errors"),
    [
        ([], [("", "type"), ("", "unknown_format")]),
        (3, [("", "type"), ("", "unknown_format")]),
        (None, [("", "type"), ("", "unknown_format")]),
        ("a cat", [("", "type"), ("", "unknown_format")]),
        ({}, [("", "unknown_format"), ("/architecture", "required")]),
        (
            {"architectur": dense(), "detail": "all", "mine": 1},
            [
                ("", "unknown_format"),
                ("/architectur", "unknown_member"),
                ("/architecture", "required"),
                ("/detail", "enum"),
            ],
        ),
        ({**dense(), "detail": "totals"}, [("/detail", "unknown_member")]),
        ({"architecture": {}}, [("/architecture", "unknown_format")]),
        ({"architecture": None}, [("/architecture", "unknown_format")]),
        ({"architecture": [[[]]]}, [("/architecture", "unknown_format")]),
        ({"architecture": dense(), "format": "nativ"}, [("/format", "unknown_format")]),
        ({"architecture": dense(), "format": "keras"}, [("/architecture", "unknown_format")]),
        ({"architecture": dense(), "detial": "totals"}, [("/detial", "unknown_member")]),
        (
            {"architecture": dense(), "detail": "all", "depth": 0, "convention": "jax"},
            [("/convention", "enum"), ("/depth", "minimum"), ("/detail", "enum")],
        ),
        ({"architecture": dense(), "depth": 1.0}, [("/depth", "type")]),
        ({"architecture": dense(), "depth": 2**70}, [("/depth", "maximum"), ("/depth", "type")]),
        ({"architecture": dense(), "dtype": "F33"}, [("/dtype", "enum")]),
        ({"architecture": dense(), "trainable": [{"match": "*"}]}, [("/trainable/0/trainable", "required")]),
        (
            {"architecture": dense(), "trainable": [{"match": "", "trainable": 1}]},
            [("/trainable/0/match", "minLength"), ("/trainable/0/trainable", "type")],
        ),
        ({"architecture": dense(units=0)}, [("/architecture/layers/0/units", "minimum")]),
        ({"architecture": dense(units=-1)}, [("/architecture/layers/0/units", "minimum")]),
        ({"architecture": dense(units=2**60)}, [("/architecture/layers/0/units", "maximum")]),
        ({"architecture": dense(units=2**63)}, [("/architecture/layers/0/units", "maximum")]),
        ({"architecture": dense(units=4.0)}, [("/architecture/layers/0/units", "type")]),
        ({"architecture": dense(units="4")}, [("/architecture/layers/0/units", "type")]),
        ({"architecture": dense(units=None)}, [("/architecture/layers/0/units", "type")]),
        ({"architecture": dense(units=True)}, [("/architecture/layers/0/units", "type")]),
        ({"architecture": dense(use_bias="yes")}, [("/architecture/layers/0/use_bias", "type")]),
        ({"architecture": dense(dtype="F33")}, [("/architecture/layers/0/dtype", "enum")]),
        (
            {"architecture": {"input_shape": [3, 2], "layers": [{"type": "TimeDistributed", "layer": {}}]}},
            [("/architecture/layers/0/layer/type", "required")],
        ),
        ({"architecture": dense(unit=3)}, [("/architecture/layers/0/unit", "unknown_member")]),
        ({"architecture": dense(repeat=10**12)}, [("/architecture/layers/0", "shape_mismatch")]),
        ({"architecture": dense(repeat=2.0)}, [("/architecture/layers/0/repeat", "type")]),
        ({"architecture": dense(units=2.0)}, [("/architecture/layers/0/units", "type")]),
        ({"architecture": {**dense(), "input_shape": [3.0]}}, [("/architecture/input_shape", "anyOf")]),
        ({"architecture": dense(type="Conv9D")}, [("/architecture/layers/0/type", "unknown_layer")]),
        ({"architecture": {"layers": []}}, [("/architecture/layers", "minItems")]),
        ({"architecture": {"layers": [{}]}}, [("/architecture/layers/0/type", "required")]),
        ({"architecture": {"layers": [3]}}, [("/architecture/layers/0", "type")]),
        ({"architecture": {"layers": "Dense"}}, [("/architecture/layers", "type")]),
        ({"architecture": {"layers": [DEEP]}}, [("/architecture" + "/layers/0" * 100, "too_large")]),
    ],
)  # fmt: skip
def test_envelopes_that_break_the_contract(client: FlaskClient, envelope: Any, errors: list[tuple[str, str]]) -> None:
    problems = assert_problem(client.post("/v1/count", data=json.dumps(envelope), content_type=JSON), 422)["errors"]
    assert sorted((error["pointer"], error["code"]) for error in problems) == errors


@pytest.mark.parametrize("depth", [130, 254, 255, 256, 300, 1000])
@pytest.mark.parametrize("path", ["/v1/count", "/v1/compare", *(f"/v1/count/{name}" for name in sorted(FORMATS))])
def test_nesting_that_a_validator_refuses(client: FlaskClient, path: str, depth: int) -> None:
    """jsonschema-rs finds out early or late, by what it must look at."""
    answer = client.post(path, data=b'{"layers":' * depth + b"1" + b"}" * depth, content_type=JSON)
    assert_problem(answer, 422)


def test_a_number_too_large_for_json_readers(client: FlaskClient) -> None:
    block = {
        "type": "Block",
        "repeat": 10**12,
        "layers": [{"type": "Dense", "units": 2**20}, {"type": "Dense", "units": 3}],
    }
    model = {"framework": "keras", "input_shape": [3], "layers": [block]}
    (error,) = assert_problem(client.post("/v1/count/native", json=model), 422)["errors"]
    assert error["code"] == "count_too_large"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200),
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from([JSON, "text/plain", "application/octet-stream"]),
)
def test_any_bytes_are_answered(client: FlaskClient, body: bytes, name: str, content_type: str) -> None:
    answer = client.post(f"/v1/count/{name}", data=body, content_type=content_type)
    assert answer.status_code in (200, 400, 415, 422)


# fmt: off
MEMBERS = [
    "type", "layers", "class_name", "config", "name", "inbound_nodes", "input_layers", "output_layers", "units", "args",
    "kwargs", "inputs", "repeat", "shares", "trainable", "input_shape", "batch_shape", "layer", "cell", "dtype",
    "parameters", "buffers", "tied", "shape", "index", "shards",
]
# fmt: on


# fmt: on
scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**63) | st.floats(allow_nan=False, allow_infinity=False)


json_values = st.recursive(
    scalars | st.text(max_size=8) | st.sampled_from(["Dense", "Functional", "Sequential", "F32", "float32"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values, st.sampled_from(sorted(FORMATS)))
def test_any_json_is_answered(client: FlaskClient, payload: Any, name: str) -> None:
    assert client.post(f"/v1/count/{name}", json=payload).status_code in (200, 415, 422)
    assert client.post("/v1/count", json={"architecture": payload, "unknown": "report"}).status_code in (200, 422)

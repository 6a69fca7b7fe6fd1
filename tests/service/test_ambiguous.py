"""JSON that two readers would read in two ways is refused on each route."""

from __future__ import annotations

import orjson
import pytest
from flask.testing import FlaskClient

NATIVE = '{"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": 4, "units": 400}]}'
KERAS = '{"class_name": "Sequential", "config": {"name": "s", "layers": [], "layers": []}}'
HEADER = '{"w": {"dtype": "F32", "shape": [2], "shape": [2], "data_offsets": [0, 8]}}'


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/count/native", NATIVE, "/layers/0/units"),
        ("/v1/count", NATIVE, "/layers/0/units"),
        ("/v1/count", f'{{"architecture": {NATIVE}}}', "/architecture/layers/0/units"),
        ("/v1/count", f'{{"architecture": 1, "architecture": {NATIVE}}}', "/architecture"),
        ("/v1/count/safetensors", HEADER, "/w/shape"),
        ("/v1/compare", f'{{"before": {{"architecture": {NATIVE}}}, "after": {{"architecture": {NATIVE}}}}}',
         "/before/architecture/layers/0/units"),
        ("/v1/export/mlflow", f'{{"architecture": {NATIVE}}}', "/architecture/layers/0/units"),
    ],
)  # fmt: skip
def test_a_name_twice(client: FlaskClient, path: str, body: str, pointer: str) -> None:
    answer = client.post(path, data=body, content_type="application/json")
    assert answer.status_code == 422, answer.text
    assert (pointer, "duplicate_name") in {(each["pointer"], each["code"]) for each in answer.get_json()["errors"]}


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (NATIVE, "/layers/0/units"),
        (f'{{"id": 1, "architecture": {NATIVE}}}', "/architecture/layers/0/units"),
        (f'{{"id": 1, "id": 2, "architecture": {NATIVE}}}', "/id"),
        (f'{{"id": {{"a": 1, "a": 2}}, "architecture": {NATIVE}}}', "/id/a"),
        (NATIVE.replace('"framework"', '"layers": [], "framework"'), "/layers"),
    ],
)
def test_a_name_twice_in_a_line(client: FlaskClient, line: str, pointer: str) -> None:
    answer = client.post("/v1/batch", data=line + "\n", content_type="application/x-ndjson")
    (problem,) = map(orjson.loads, answer.data.splitlines())
    assert pointer in {each["pointer"] for each in problem["errors"]}


def test_a_name_twice_in_a_model_of_keras(client: FlaskClient) -> None:
    answer = client.post("/v1/count/keras", data=KERAS, content_type="application/json")
    assert answer.status_code == 422

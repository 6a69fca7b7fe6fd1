"""The lists of models, layers and formats: filters, and answers that clients need not fetch again."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.service.contract import assert_problem


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/LlamaForCausalLM", "/v1/layers", "/v1/formats", "/problems"]
)
def test_a_list_that_did_not_change(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("path", "member", "key", "expected"),
    [
        ("/v1/models?name=llamafor*lm", "models", "name", ["LlamaForCausalLM"]),
        ("/v1/models?name=Llama?odel", "models", "name", ["LlamaModel"]),
        ("/v1/models?name=nothing*", "models", "name", []),
        ("/v1/layers?type=keras.dense", "layers", "type", ["keras.Dense"]),
        ("/v1/layers?type=embedding*", "layers", "type", ["keras.Embedding", "torch.Embedding", "torch.EmbeddingBag"]),
        ("/v1/layers?type=embedding&framework=torch", "layers", "type", ["torch.Embedding"]),
        ("/v1/layers?framework=nothing", "layers", "type", []),
        ("/v1/formats?media_type=text/plain", "formats", "format", ["torch"]),
    ],
)
def test_filters(client: FlaskClient, path: str, member: str, key: str, expected: list[str]) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert sorted(entry[key] for entry in answer.json[member]) == expected


def test_models_of_one_type(client: FlaskClient) -> None:
    answer = client.get("/v1/models?model_type=llama").json
    assert {"LlamaForCausalLM", "LlamaModel"} <= {model["name"] for model in answer["models"]}
    assert all("llama" in model["model_types"] for model in answer["models"])
    assert answer["refused"] == []


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/models?nam=x", "/nam"),
        ("/v1/models?name=a&name=b", "/name"),
        ("/v1/models?name=", "/name"),
        ("/v1/layers?model_type=x", "/model_type"),
        ("/v1/formats?format=x", "/format"),
        ("/v1/models/LlamaForCausalLM?name=x", "/name"),
        ("/problems?code=x", "/code"),
    ],
)
def test_parameters_that_are_refused(client: FlaskClient, path: str, pointer: str) -> None:
    problem = assert_problem(client.get(path), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]

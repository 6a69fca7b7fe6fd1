"""GET /v1/models: the list of transformers' classes, and the search of all libraries."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.service.contract import assert_conforms, assert_problem


def test_without_a_query_the_classes_of_transformers_are_listed(client: FlaskClient) -> None:
    answer = client.get("/v1/models")
    assert_conforms("ModelList", answer.json)
    assert {model["library"] for model in answer.json["models"]} == {"transformers"}
    llama = next(model for model in answer.json["models"] if model["name"] == "LlamaForCausalLM")
    assert "llama" in llama["model_types"]
    assert {library["name"] for library in answer.json["libraries"]} > {"timm", "diffusers", "open_clip"}


@pytest.mark.parametrize(
    ("query", "name", "library"),
    [
        ("q=resnet18&library=timm", "resnet18", "timm"),
        ("q=resnet18&library=torchvision", "resnet18", "torchvision"),
        ("q=vit+b+32&library=open_clip", "ViT-B-32", "open_clip"),
        ("library=sentence_transformers", "Dense", "sentence_transformers"),
        ("library=diffusers", "UNet2DConditionModel", "diffusers"),
        ("q=autoencoderkl", "AutoencoderKL", "diffusers"),
        ("q=LLAMAFORCAUSAL", "LlamaForCausalLM", "transformers"),
    ],
)
def test_search(client: FlaskClient, query: str, name: str, library: str) -> None:
    answer = client.get(f"/v1/models?{query}")
    assert_conforms("ModelList", answer.json)
    assert (name, library) in [(model["name"], model["library"]) for model in answer.json["models"]]


@pytest.mark.parametrize(
    ("name", "verified"),
    [
        ("LlamaForCausalLM", "any"),
        ("UNet2DConditionModel", "any"),
        ("resnet18", "any"),
        ("LTX2VideoTransformer3DModel", "pinned"),
        ("RFD4ProteinaTransformer", "defaults"),
    ],
)
def test_configs_that_were_verified(client: FlaskClient, name: str, verified: str) -> None:
    models = client.get(f"/v1/models?q={name}").json["models"]
    assert {model["verified"] for model in models if model["name"] == name} == {verified}


def test_limit(client: FlaskClient) -> None:
    answer = client.get("/v1/models?q=resnet&limit=3")
    assert (answer.status_code, len(answer.json["models"])) == (200, 3)


@pytest.mark.parametrize("query", ["library=tim", "limit=0", "limit=x", "q=" + "a" * 201, "names=resnet"])
def test_refused(client: FlaskClient, query: str) -> None:
    assert_problem(client.get(f"/v1/models?{query}"), 422)

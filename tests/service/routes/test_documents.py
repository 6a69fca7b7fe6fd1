"""POST /v1/count/{format}: documents as they are, options in the query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from paramcount.schema.registry import FORMATS
from tests.service.contract import MODEL, assert_conforms, assert_problem, dense


def test_query_rules_hold_in_order_of_appearance(client: FlaskClient) -> None:
    for query, trainable in (("freeze=*&train=answer", 5), ("train=answer&freeze=*", 0), ("freeze=hidden.bias", 17)):
        assert client.post(f"/v1/count/native?{query}", json=MODEL).json["totals"]["trainable"] == trainable


def test_detail_and_depth(client: FlaskClient) -> None:
    nested = {"layers": [{"type": "Block", "name": "a", "layers": MODEL["layers"]}], "input_shape": [3]}
    assert client.post("/v1/count/native?detail=totals", json=nested).json["layers"] == []
    assert client.post("/v1/count/native?depth=1", json=nested).json["layers"][0]["children"] == []
    report = client.post("/v1/count/native?detail=tensors", json=nested).json
    assert_conforms("Report", report)
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
    document_format = FORMATS[name]
    body = (
        {"data": document_format.example, "content_type": document_format.media}
        if isinstance(document_format.example, bytes | str)
        else {}
    )
    answer = client.post(f"/v1/count/{name}?detail=tensors", **(body or {"json": document_format.example}))
    assert answer.status_code == 200, answer.text
    assert_conforms("Report", answer.json)
    assert answer.json["totals"]["total"] > 0
    if not isinstance(document_format.example, bytes):
        recognised = client.post("/v1/count", json={"architecture": document_format.example}).json
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


@pytest.mark.parametrize(
    "name", sorted(name for name, document_format in FORMATS.items() if isinstance(document_format.example, dict))
)
def test_decimals_are_refused_or_change_no_count(client: FlaskClient, name: str) -> None:
    example = FORMATS[name].example
    right = client.post(f"/v1/count/{name}", json=example).data
    changed = [example | {"layers": [{"type": "Dense", "units": 2, "repeat": 2.0}]}] if name == "native" else []
    for payload in (*with_decimals(example), *changed):
        answer = client.post(f"/v1/count/{name}", json=payload)
        assert answer.status_code == 422 or answer.data == right, payload


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("depht=1", [("/depht", "unknown_member")]),
        ("depth=x", [("/depth", "type")]),
        ("depth=-1", [("/depth", "type")]),
        ("depth=" + "9" * 5_000, [("/depth", "type")]),
        ("depth=" + "9" * 20, [("/depth", "maximum")]),
        ("depth=1&depth=2", [("/depth", "duplicate_name")]),
        ("detail=all&convention=jax", [("/convention", "enum"), ("/detail", "enum")]),
        ("freeze=" + "&freeze=x" * 1_001, [("/trainable", "too_large")]),
    ],
)
def test_queries_that_break_the_contract(client: FlaskClient, query: str, errors: list[tuple[str, str]]) -> None:
    problems = assert_problem(client.post(f"/v1/count/native?{query}", json=dense()), 422)["errors"]
    assert sorted((error["pointer"], error["code"]) for error in problems) == errors


def test_a_document_is_no_option(client: FlaskClient) -> None:
    answer = client.post("/v1/count/native?architecture=1", json=MODEL)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/architecture"

"""POST /v1/count: reports, their options, their media types, and adapters."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient

from paramcount.rendering import LINE, MEDIA_TYPES
from tests.builders.adapters import LLAMA
from tests.builders.safetensors import in_bytes
from tests.service.contract import ADAPTER, ADAPTER_SIZE, MODEL, assert_conforms, assert_problem, dense


def test_a_report(client: FlaskClient) -> None:
    answer = client.post("/v1/count", json={"architecture": MODEL})
    assert answer.status_code == 200
    report = answer.json
    assert_conforms("Report", report)
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


@pytest.mark.parametrize("media", sorted(MEDIA_TYPES))
def test_a_report_in_every_form(client: FlaskClient, media: str) -> None:
    answer = client.post("/v1/count/native", json=MODEL, headers={"Accept": media})
    assert answer.status_code == 200
    assert answer.content_type.partition("; charset")[0] == media
    assert ("hidden" in answer.text) == (media != LINE)
    if media == "image/svg+xml":
        assert ET.fromstring(answer.text).tag.endswith("svg")


@pytest.mark.parametrize(
    ("accept", "is_line"),
    [
        ("text/plain; profile=line", True),
        ("text/plain;profile=line", True),
        ('Text/Plain; Profile="line"', True),
        ("text/plain;profile=line, */*;q=0.1", True),
        ("text/plain;q=0.5, text/plain;profile=line", True),
        ("text/plain", False),
        ("text/*", False),
        ("text/plain, text/plain;profile=line;q=0.5", False),
    ],
)
def test_one_line(client: FlaskClient, accept: str, is_line: bool) -> None:
    answer = client.post("/v1/count/native?detail=totals", json=MODEL, headers={"Accept": accept})
    assert answer.mimetype == "text/plain"
    # 3·4 + 4 + 4 + 1, and 3 + 3 + 1 statistics, all of 4 bytes
    line = "Model: 28 parameters, 21 trainable (75 %), 112 B as F32, I32 (assumed)\n"
    assert (answer.text == line) == is_line


@pytest.mark.parametrize("accept", ["text/plain; profile=other", "application/json; profile=line"])
def test_no_other_profile(client: FlaskClient, accept: str) -> None:
    assert_problem(client.post("/v1/count/native", json=MODEL, headers={"Accept": accept}), 406)


def test_a_media_type_that_is_not_rendered(client: FlaskClient) -> None:
    answer = client.post("/v1/count/native", json=MODEL, headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert_conforms("Problem", answer.json)


def test_training_cost(client: FlaskClient) -> None:
    report = client.post("/v1/count/native?optimizer=adamw&precision=mixed&freeze=answer", json=MODEL).json
    assert_conforms("Report", report)
    items = {item["name"]: item["bytes"] for item in report["training"]["items"]}
    assert items["gradients"] == 2 * 16  # bfloat16, of the 16 that train
    assert items["master weights"] == 4 * 16
    assert report["training"]["total"] == sum(items.values())
    assert report["training"]["not_included"]


def test_views(client: FlaskClient) -> None:
    report = client.post("/v1/count/native?views=true", json=MODEL).json
    assert_conforms("Report", report)
    assert report["views"]["totals"]["keras"] == report["totals"]["total"]
    assert "views" not in client.post("/v1/count/native?views=false", json=MODEL).text
    envelope = {"architecture": MODEL, "views": True, "optimizer": "adam"}
    text = client.post("/v1/count", json=envelope, headers={"Accept": "text/plain"}).text
    assert "Counted as" in text
    assert "optimizer: exp_avg" in text
    assert "## Views" in client.post("/v1/count", json=envelope, headers={"Accept": "text/markdown"}).text


@pytest.mark.parametrize("value", ["yes", "1", "True", ""])
def test_views_must_be_true_or_false(client: FlaskClient, value: str) -> None:
    answer = client.post(f"/v1/count/native?views={value}", json=MODEL)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/views"


@pytest.mark.parametrize(
    ("rule", "trains"),
    [("type:Dense", 0), ("first:2", 5), ("last:1", 16), ("all-but-last:1", 5), ("all-but-first:2", 16)],
)
def test_rules_by_type_and_position_say_why(client: FlaskClient, rule: str, trains: int) -> None:
    report = client.post(f"/v1/count/native?freeze={rule}", json=MODEL).json
    assert report["totals"]["trainable"] == trains
    for row in report["layers"]:
        assert sum(reason["count"] for reason in row["frozen_by"]) == row["totals"]["frozen"]
    assert {r["by"] for row in report["layers"] for r in row["frozen_by"]} <= {"rule", "design"}


@pytest.mark.parametrize("rule", ["first:", "last:x", "all-but-last:"])
def test_rules_that_are_none(client: FlaskClient, rule: str) -> None:
    answer = client.post("/v1/count", json={"architecture": MODEL, "trainable": [{"match": rule, "trainable": False}]})
    assert [(e["pointer"], e["code"]) for e in answer.json["errors"]] == [("/trainable/0/match", "invalid_rule")]


def test_an_envelope(client: FlaskClient) -> None:
    answer = client.post("/v1/count", json={"architecture": LLAMA, "adapter": ADAPTER, "detail": "tensors"})
    report = answer.json
    assert report["totals"]["trainable"] == ADAPTER_SIZE
    assert report["frozen_by"] == [{"by": "adapter", "count": report["totals"]["frozen"]}]
    (adapted,) = (row for row in report["layers"][0]["children"][1]["children"][0]["children"][0]["children"][:1])
    assert adapted["type"] == "lora.Linear"
    assert [tensor["name"] for tensor in adapted["tensors"]] == [
        "weight", "lora_A.default.weight", "lora_B.default.weight",
    ]  # fmt: skip


def test_problems_of_the_document_and_of_the_adapter(client: FlaskClient) -> None:
    broken = {**LLAMA, "hidden_size": "64"}
    answer = client.post("/v1/count", json={"architecture": broken, "adapter": ADAPTER})
    assert answer.json["errors"][0]["pointer"] == "/architecture/hidden_size"
    for adapter, pointer in ((3, ""), (None, ""), ({}, "/peft_type"), ({**ADAPTER, "r": 0}, "/r")):
        answer = client.post("/v1/count", json={"architecture": LLAMA, "adapter": adapter})
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == f"/adapter{pointer}"


@pytest.mark.parametrize("padding", [0, 5000])
def test_a_member_whose_name_is_no_utf8(client: FlaskClient, padding: int) -> None:
    raw = b'{"architecture": {"class_name": "Dense", "config": {"units": 4},' + b" " * padding + b'"\xff": 1}}'
    assert client.post("/v1/count", data=raw, content_type="application/json").status_code == 400


KERAS = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 784]}},
            {"class_name": "Dense", "config": {"name": "d", "units": 10}},
        ],
    },
}
CONFIG = {"architectures": ["LlamaForCausalLM"], **LLAMA}


@pytest.mark.parametrize(
    ("document", "query", "document_format", "totals"),
    [
        (KERAS, "", "keras", (7850, 7850)),  # 784·10 + 10
        (KERAS, "freeze=d", "keras", (7850, 0)),
        (KERAS, "freeze=d&train=*.bias&detail=totals", "keras", (7850, 10)),
        (KERAS, "format=keras", "keras", (7850, 7850)),
        (MODEL, "convention=torch", "native", (21, 21)),
        ("Linear(in_features=3, out_features=4, bias=True)", "", "torch", (16, 16)),
        ({"parameters": {"w": {"shape": [2, 3]}}, "buffers": {}}, "", "tensors", (6, 6)),
    ],
)
def test_a_document_without_an_envelope(
    client: FlaskClient, document: Any, query: str, document_format: str, totals: tuple[int, int]
) -> None:
    report = client.post(f"/v1/count?{query}", json=document).json
    assert_conforms("Report", report)
    assert report["format"] == document_format
    assert (report["totals"]["total"], report["totals"]["trainable"]) == totals
    if "convention" not in query:
        in_envelope = client.post(f"/v1/count?{query}", json={"architecture": document}).json
        assert in_envelope == report


def test_a_config_without_an_envelope(client: FlaskClient) -> None:
    bare = client.post("/v1/count", json=CONFIG)
    assert bare.json == client.post("/v1/count/huggingface", json=CONFIG).json
    assert bare.json["totals"]["total"] > 0


@pytest.mark.parametrize(
    ("document", "query", "errors"),
    [
        (KERAS | {"config": {}}, "", [("/config/layers", "type")]),
        (dense(units=0), "", [("/layers/0/units", "minimum")]),
        (dense(), "format=kears", [("/format", "unknown_format")]),
        (dense(), "format=keras", [("", "unknown_format")]),
        ({"architecture": dense(), "detail": "layers"}, "detail=totals", [("/detail", "contradiction")]),
        ({"architecture": dense(), "format": "native"}, "format=keras", [("/format", "contradiction")]),
        ({"architecture": dense(), "depth": 1, "views": True}, "depth=2&views=false",
         [("/depth", "contradiction"), ("/views", "contradiction")]),
    ],
)  # fmt: skip
def test_documents_and_options_that_are_refused(
    client: FlaskClient, document: Any, query: str, errors: list[tuple[str, str]]
) -> None:
    problems = assert_problem(client.post(f"/v1/count?{query}", json=document), 422)["errors"]
    assert sorted((error["pointer"], error["code"]) for error in problems) == errors


@pytest.mark.parametrize(
    ("members", "query", "trainable"),
    [
        ({}, "freeze=*", 0),
        ({}, "freeze=*&train=answer", 5),  # 4 + 1
        ({"trainable": [{"match": "*", "trainable": False}]}, "train=answer", 5),
        ({"trainable": [{"match": "answer", "trainable": True}]}, "freeze=*", 0),  # a query's rules come last
        ({"detail": "totals", "views": True}, "detail=totals&freeze=hidden", 5),
    ],
)
def test_options_of_an_envelope_and_of_a_query(
    client: FlaskClient, members: dict[str, Any], query: str, trainable: int
) -> None:
    report: Any = client.post(f"/v1/count?{query}", json={"architecture": MODEL, **members}).json
    assert report["totals"]["trainable"] == trainable
    assert bool(report["layers"]) == ("detail" not in members)
    assert ("views" in report) == ("views" in members)


def test_a_digest(client: FlaskClient) -> None:
    body = json.dumps(MODEL).encode()
    expected = {"sha256": sha256(body).hexdigest()}
    plain = client.post("/v1/count/native", data=body, content_type="application/json").json
    assert "digest" not in plain["counted_by"]
    for path, data in (
        ("/v1/count/native?digest=true", body),
        ("/v1/count?digest=true", body),
        ("/v1/count", b'{"architecture": %b, "digest": true}' % body),
    ):
        answer = client.post(path, data=data, content_type="application/json").json
        assert_conforms("Report", answer)
        assert answer["counted_by"]["digest"] == expected
    header = in_bytes({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    answer = client.post("/v1/count/safetensors?digest=true", data=header, content_type="application/octet-stream").json
    assert_conforms("Report", answer)
    assert answer["counted_by"]["digest"]["ranges"] == [[0, len(header)]]

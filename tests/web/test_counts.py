"""Comparison, batches, and a report's other forms, over HTTP."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from paramcount.rendering import RENDERERS
from paramcount.rendering.exports import EXPORTS
from service.app import create_app
from service.settings import Settings
from tests.web.test_contract import MODEL, conforms

NDJSON = "application/x-ndjson"


def model(units: int, **layer: Any) -> dict[str, Any]:
    return {
        "framework": "keras",
        "input_shape": [3],
        "layers": [{"type": "Dense", "name": "a", "units": units, **layer}],
    }


def test_a_comparison(client: FlaskClient) -> None:
    envelopes = {"before": {"architecture": model(4)}, "after": {"architecture": model(5, trainable=False)}}
    answer = client.post("/v1/compare", json=envelopes)
    assert answer.status_code == 200, answer.text
    conforms("ComparisonReport", answer.json)
    assert answer.json["difference"]["total"] == 4  # 3·5 + 5 against 3·4 + 4
    assert [change["path"] for change in answer.json["changes"]] == ["a"]
    text = client.post("/v1/compare", json=envelopes, headers={"Accept": "text/markdown"}).text
    assert text.startswith("## Parameters: ")
    text = client.post("/v1/compare", json=envelopes, headers={"Accept": "text/plain"}).text
    assert "+4" in text


def test_both_sides_of_a_comparison_are_told_at_once(client: FlaskClient) -> None:
    envelopes = {"before": {"architecture": model(0)}, "after": {"architecture": model(4, unit=1)}}
    answer = client.post("/v1/compare", json=envelopes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "/before/architecture/layers/0/units",
        "/after/architecture/layers/0/unit",
    ]
    assert client.post("/v1/compare", json={"before": {}}).status_code == 422


def test_a_batch(client: FlaskClient) -> None:
    lines = [
        orjson.dumps({"id": "one", "architecture": MODEL}),
        b"",
        b"{broken",
        orjson.dumps({"id": 7, "architecture": model(0)}),
        orjson.dumps([1]),
        orjson.dumps({"architecture": MODEL, "detail": "totals"}),
    ]
    answer = client.post("/v1/batch", data=b"\n".join(lines), content_type=NDJSON)
    assert answer.content_type == NDJSON
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["line"], line.get("id"), line.get("status")) for line in told] == [
        (1, "one", None), (3, None, 400), (4, 7, 422), (5, None, 422), (6, None, None),
    ]  # fmt: skip
    assert told[0]["totals"]["total"] == 28
    conforms("Report", {name: value for name, value in told[0].items() if name not in ("line", "id")})
    conforms("Problem", {name: value for name, value in told[2].items() if name not in ("line", "id")})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": NDJSON, "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": NDJSON, "Accept": "text/html"}, 406),
    ],
)
def test_batches_that_are_refused(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/v1/batch", data=b"{}", headers=headers).status_code == status


def test_a_line_that_is_too_long_is_one_problem() -> None:
    small = create_app(Settings(max_body_bytes=1_000)).test_client()
    good = orjson.dumps({"architecture": MODEL, "detail": "totals"})
    answer = small.post("/v1/batch", data=b"\n".join([good, b"x" * 200_000, good]), content_type=NDJSON)
    assert [json.loads(line).get("status") for line in answer.text.splitlines()] == [None, 422, None]


def test_every_broken_line_is_one_problem_in_its_place(client: FlaskClient) -> None:
    good = orjson.dumps({"architecture": MODEL, "detail": "totals"})
    broken = [b"{", b"null", b'"text"', b'{"architecture": 1}', orjson.dumps({"architecture": model(0)})]
    lines = [broken[number // 7 % len(broken)] if number % 7 == 0 else good for number in range(1, 701)]
    answer = client.post("/v1/batch", data=b"\n".join(lines), content_type=NDJSON)
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["line"] for line in told] == list(range(1, 701))
    assert [line["line"] for line in told if "status" in line] == list(range(7, 701, 7))


class Endless:
    """A body of many lines that nobody holds."""

    def __init__(self, line: bytes, count: int) -> None:
        self.line, self.left = line + b"\n", count

    def readline(self, _size: int = -1) -> bytes:
        self.left -= 1
        return self.line if self.left >= 0 else b""

    def read(self, _size: int = -1) -> bytes:
        return self.readline()


def test_a_batch_needs_no_more_memory_when_it_is_longer(client: FlaskClient) -> None:
    line = orjson.dumps({"architecture": MODEL, "detail": "totals"})

    def peak(count: int) -> int:
        body: Any = Endless(line, count)
        environ = EnvironBuilder("/v1/batch", method="POST", content_type=NDJSON).get_environ()
        environ |= {"wsgi.input": body, "wsgi.input_terminated": True}
        tracemalloc.start()
        chunks: Iterator[bytes] = iter(client.application.wsgi_app(environ, lambda *_: None))  # type: ignore[arg-type]
        assert sum(1 for _ in chunks) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(1_000) < peak(100) + 500_000


@pytest.mark.parametrize("media", sorted(RENDERERS))
def test_a_report_in_every_form(client: FlaskClient, media: str) -> None:
    answer = client.post("/v1/count/native", json=MODEL, headers={"Accept": media})
    assert answer.status_code == 200
    assert answer.mimetype == media
    assert "hidden" in answer.text
    if media == "image/svg+xml":
        assert ET.fromstring(answer.text).tag.endswith("svg")


def test_a_form_that_nobody_renders(client: FlaskClient) -> None:
    answer = client.post("/v1/count/native", json=MODEL, headers={"Accept": "image/png"})
    assert answer.status_code == 406
    conforms("Problem", answer.json)


def test_training_cost(client: FlaskClient) -> None:
    report = client.post("/v1/count/native?optimizer=adamw&precision=mixed&freeze=answer", json=MODEL).json
    conforms("Report", report)
    items = {item["name"]: item["bytes"] for item in report["training"]["items"]}
    assert items["gradients"] == 2 * 16  # bfloat16, of the 16 that train
    assert items["master weights"] == 4 * 16
    assert report["training"]["total"] == sum(items.values())
    assert report["training"]["not_included"]


def test_views(client: FlaskClient) -> None:
    report = client.post("/v1/count/native?views=true", json=MODEL).json
    conforms("Report", report)
    assert report["views"]["totals"]["keras"] == report["totals"]["total"]
    assert "views" not in client.post("/v1/count/native?views=false", json=MODEL).text
    asked = {"architecture": MODEL, "views": True, "optimizer": "adam"}
    text = client.post("/v1/count", json=asked, headers={"Accept": "text/plain"}).text
    assert "Counted as" in text
    assert "optimizer: exp_avg" in text
    assert "## Views" in client.post("/v1/count", json=asked, headers={"Accept": "text/markdown"}).text


@pytest.mark.parametrize("said", ["yes", "1", "True", ""])
def test_views_are_asked_for_by_true(client: FlaskClient, said: str) -> None:
    answer = client.post(f"/v1/count/native?views={said}", json=MODEL)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/views"


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_exports(client: FlaskClient, name: str) -> None:
    answer = client.post(f"/v1/export/{name}", json={"architecture": MODEL})
    assert answer.status_code == 200
    assert "28" in answer.text


def test_an_export_that_nobody_takes(client: FlaskClient) -> None:
    answer = client.post("/v1/export/mlflo", json={"architecture": MODEL})
    assert answer.status_code == 404
    assert 'did you mean "mlflow"?' in answer.json["detail"]


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

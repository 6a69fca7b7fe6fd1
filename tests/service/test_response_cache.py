"""Cached answers: the same request gets the same answer, any other its own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from paramcount.requests import count as count_module
from tests.service.conftest import serve

DENSE = {"framework": "keras", "input_shape": [4], "layers": [{"type": "Dense", "name": "d", "units": 3}]}


REQUEST: dict[str, Any] = {"path": "/v1/count", "json": {"architecture": DENSE}}


SPACED = json.dumps(REQUEST["json"], indent=1)


OTHERS: dict[str, dict[str, Any]] = {
    "another body": {"json": {"architecture": {**DENSE, "input_shape": [5]}}},
    "other spaces in the body": {"json": None, "data": SPACED, "content_type": "application/json"},
    "another path": {"path": "/v1/count/native", "json": DENSE},
    "a query": {"path": "/v1/count/native?freeze=d", "json": DENSE},
    "another form of answer": {"headers": {"Accept": "text/plain"}},
    "another content type": {"content_type": "application/json; charset=utf-8"},
}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that were counted, not taken from the cache."""
    done: list[str] = []
    real = count_module.count  # type: ignore[attr-defined]

    def count(document: Any, *args: Any) -> Any:
        done.append(document.format)
        return real(document, *args)

    monkeypatch.setattr(count_module, "count", count)
    return done


def test_the_same_request_is_counted_twice(counted: list[str]) -> None:
    client = serve()
    answers = [client.post(**REQUEST) for _ in range(4)]
    assert counted == ["native"] * 2  # the first of many may be the only one, and is not kept
    assert {answer.data for answer in answers} == {answers[0].data}
    assert {answer.content_type for answer in answers} == {"application/json"}
    assert answers[0].json is not None
    assert answers[0].json["totals"]["total"] == 15  # 4·3 + 3
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 4


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_any_other_request_is_counted(counted: list[str], other: dict[str, Any]) -> None:
    client = serve()
    first, _ = client.post(**REQUEST), client.post(**REQUEST)
    for times in (3, 4, 4):
        client.post(**REQUEST | other)
        assert len(counted) == times
    assert client.post(**REQUEST).data == first.data
    assert len(counted) == 4


def test_problems_are_not_cached(counted: list[str]) -> None:
    client = serve()
    broken = {**DENSE, "layers": [{"type": "Dense", "name": "d", "units": 0}]}
    answers = [client.post("/v1/count", json={"architecture": broken}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422] * 3
    assert len(counted) == 3


def test_long_requests_that_differ_in_the_middle(counted: list[str]) -> None:
    client = serve()
    names = "x" * 2000, "x" * 999 + "y" + "x" * 1000
    bodies = [{"architecture": {**DENSE, "name": name}} for name in names]
    for body in bodies * 3:
        answer = client.post("/v1/count", json=body)
        assert answer.json is not None
        assert answer.json["name"] == body["architecture"]["name"]
    assert len(counted) == 3  # the second looks like the first, and so as if it came again


def test_a_cached_answer_is_counted_by_metrics() -> None:
    client = serve()
    rows = _rows(client)
    for _ in range(3):
        client.post(**REQUEST)
    assert _rows(client) == rows + 6  # the model and its layer, thrice


def _rows(client: FlaskClient) -> float:
    line = r'^paramcount_counted_layers_total\{format="native"\} (.*)$'
    match = re.search(line, client.get("/metrics").text, re.MULTILINE)
    return float(match[1]) if match else 0


def test_an_answer_that_is_too_large_is_not_kept(counted: list[str]) -> None:
    client = serve(answers_bytes=1)
    for _ in range(3):
        assert client.post(**REQUEST).status_code == 200
    assert len(counted) == 3


def test_a_cached_answer_needs_a_token(tmp_path: Any) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("me:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n")  # of "secret"
    client = serve(tokens_file=str(tokens))
    assert client.post(**REQUEST, headers={"Authorization": "Bearer secret"}).status_code == 200
    assert client.post(**REQUEST).status_code == 401

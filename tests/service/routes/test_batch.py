"""POST /v1/batch: answers in order, one problem for a broken line, memory that does not grow."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from tests.builders.adapters import LLAMA
from tests.service.conftest import serve
from tests.service.contract import ADAPTER, ADAPTER_SIZE, MODEL, assert_conforms, dense

NDJSON = "application/x-ndjson"


def test_a_batch(client: FlaskClient) -> None:
    lines = [
        orjson.dumps({"id": "one", "architecture": MODEL}),
        b"",
        b"{broken",
        orjson.dumps({"id": 7, "architecture": dense(0)}),
        orjson.dumps([1]),
        orjson.dumps({"architecture": MODEL, "detail": "totals"}),
        orjson.dumps(MODEL),
        orjson.dumps(dense() | {"id": "last"}),
    ]
    answer = client.post("/v1/batch", data=b"\n".join(lines), content_type=NDJSON)
    assert answer.content_type == NDJSON
    answers = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["line"], line.get("id"), line.get("status")) for line in answers] == [
        (1, "one", None), (3, None, 400), (4, 7, 422), (5, None, 422), (6, None, None),
        (7, None, None), (8, "last", None),
    ]  # fmt: skip
    assert answers[0]["totals"]["total"] == 28
    assert [line["totals"]["total"] for line in answers[-2:]] == [28, 16]
    assert_conforms("Report", {name: value for name, value in answers[0].items() if name not in ("line", "id")})
    assert_conforms("Problem", {name: value for name, value in answers[2].items() if name not in ("line", "id")})


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
    small = serve(max_body_bytes=1_000)
    good = orjson.dumps({"architecture": MODEL, "detail": "totals"})
    answer = small.post("/v1/batch", data=b"\n".join([good, b"x" * 200_000, good]), content_type=NDJSON)
    assert [json.loads(line).get("status") for line in answer.text.splitlines()] == [None, 422, None]


def test_every_broken_line_is_one_problem(client: FlaskClient) -> None:
    good = orjson.dumps({"architecture": MODEL, "detail": "totals"})
    broken = [b"{", b"null", b'"text"', b'{"architecture": 1}', orjson.dumps({"architecture": dense(0)})]
    lines = [broken[number // 7 % len(broken)] if number % 7 == 0 else good for number in range(1, 701)]
    answer = client.post("/v1/batch", data=b"\n".join(lines), content_type=NDJSON)
    answers = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["line"] for line in answers] == list(range(1, 701))
    assert [line["line"] for line in answers if "status" in line] == list(range(7, 701, 7))


class Endless:
    """A body of many lines that is streamed."""

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


def test_adapters(client: FlaskClient) -> None:
    lines = [{"architecture": LLAMA, "adapter": one} for one in (ADAPTER, {"peft_type": "?"})]
    body = "\n".join(map(json.dumps, lines))
    answer = client.post("/v1/batch", data=body, content_type="application/x-ndjson")
    good, bad = map(json.loads, answer.text.splitlines())
    assert good["totals"]["trainable"] == ADAPTER_SIZE
    assert bad["errors"][0]["pointer"] == "/adapter/peft_type"


def test_an_id_that_no_answer_can_hold_is_one_problem(client: FlaskClient) -> None:
    lines = b'{"id": ' + b"[" * 300 + b"]" * 300 + b', "architecture": 5}\n{"id": 1, "architecture": 5}'
    answer = client.post("/v1/batch", data=lines, content_type=NDJSON)
    answers = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["line"], line.get("id"), line["status"]) for line in answers] == [(1, None, 422), (2, 1, 422)]
    assert answers[0]["errors"][0]["pointer"] == "/id"

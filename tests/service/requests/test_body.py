"""Bodies: limits, content codings, and connections that break off."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable
from threading import get_native_id

import brotli
import pytest
from flask.testing import FlaskClient

from paramcount.rendering import JSON
from service.requests import body as bodies
from tests.service.conftest import serve
from tests.service.contract import MODEL, assert_conforms, assert_problem


@pytest.mark.parametrize(("megabytes", "is_lowered"), [(3, False), (6, True)])
@pytest.mark.parametrize("compress", [gzip.compress, brotli.compress], ids=["gzip", "br"])
def test_others_run_before_what_inflates_for_long(
    monkeypatch: pytest.MonkeyPatch, compress: Callable[[bytes], bytes], megabytes: int, is_lowered: bool
) -> None:
    lowered: list[int] = []
    monkeypatch.setattr(bodies, "lower_priority", lowered.append)
    coding = "gzip" if compress is gzip.compress else "br"
    assert bodies.inflate(compress(bytes(megabytes * 2**20)), coding, 2**24) == bytes(megabytes * 2**20)
    assert set(lowered) == ({get_native_id()} if is_lowered else set())


@pytest.mark.parametrize(
    ("body", "content_type", "status", "detail"),
    [
        (b"", JSON, 400, "not JSON"),
        (b"{", JSON, 400, "not JSON"),
        (b'{"a": NaN}', JSON, 400, "not JSON"),
        (b'{"a": 1e400}', JSON, 400, "not JSON"),
        (b"\xff\xfe", JSON, 400, "not JSON"),
        (b'"\\ud800"', JSON, 400, "not JSON"),
        (b"[" * 1_000_000, JSON, 400, "not JSON"),
        (b"[" * 5_000_000, JSON, 422, "one problem"),
        (b"{}", None, 415, "states none"),
        (b"{}", "text/html", 415, "not text/html"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "must be application/json"),
    ],
)
def test_bodies_that_are_no_json(
    client: FlaskClient, body: bytes, content_type: str | None, status: int, detail: str
) -> None:
    assert detail in assert_problem(client.post("/v1/count", data=body, content_type=content_type), status)["detail"]


def test_a_body_that_is_too_long() -> None:
    small = serve(max_body_bytes=100)
    assert small.post("/v1/count", data=b"{}" + b" " * 98, content_type=JSON).status_code == 422
    assert (
        "100 bytes" in assert_problem(small.post("/v1/count", data=b"{}" + b" " * 99, content_type=JSON), 413)["detail"]
    )


TEXT = "Sequential(\n" + "  (0): ReLU()\n" * 20 + ")"


HEADER = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'


@pytest.mark.parametrize(
    ("path", "body", "media"),
    [
        ("/v1/count/native", b"[" + b"[]," * 30 + b"1]", JSON),
        ("/v1/count/native", b"[" * 100, JSON),
        ("/v1/count/torch", TEXT.encode(), "text/plain"),
        ("/v1/count/torch", json.dumps(TEXT).encode(), JSON),
        ("/v1/count", json.dumps({"architecture": TEXT.replace("(", "")}).encode(), JSON),
        ("/v1/count", b'{"architecture": "' + b"\\u000A" * 30 + b'"}', JSON),
        ("/v1/count/safetensors", len(HEADER).to_bytes(8, "little") + HEADER, "application/octet-stream"),
        ("/v1/count/keras", b'{"a": [1, 2, 3, 4, 5, 6, 7, 8, 9]}', "application/octet-stream"),
        ("/v1/compare", json.dumps({"before": {"architecture": MODEL}}).encode(), JSON),
        ("/v1/export/mlflow", json.dumps({"architecture": MODEL}).encode(), JSON),
    ],
)
def test_too_many_values(path: str, body: bytes, media: str) -> None:
    answer = serve(max_values=6).post(path, data=body, content_type=media)
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "too_large")
    assert "more than 6 values" in answer.json["errors"][0]["detail"]
    assert serve().post(path, data=body, content_type=media).status_code != 500


class Broken(io.BytesIO):
    """A body that breaks off, as a server reports it."""

    def read(self, size: int | None = -1) -> bytes:
        if chunk := super().read(size):
            return chunk
        raise OSError("no more data")

    readline = read


def test_a_body_that_breaks_off(client: FlaskClient) -> None:
    chunked = {"wsgi.input_terminated": True}
    for path, media in (("/v1/count", JSON), ("/v1/batch", "application/x-ndjson")):
        answer = client.post(path, input_stream=Broken(), content_type=media, environ_overrides=chunked)
        problem = answer.json if media == JSON else json.loads(answer.data)
        assert (problem["status"], problem["detail"]) == (400, "The body cannot be read: no more data.")


BODY = json.dumps({"architecture": MODEL}).encode()


@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("br", brotli.compress(BODY)),
        ("identity", BODY),
    ],
)
def test_compressed_bodies(client: FlaskClient, coding: str, encoded: bytes) -> None:
    answer = client.post("/v1/count", data=encoded, content_type=JSON, headers={"Content-Encoding": coding})
    assert answer.json["totals"]["total"] == 28


BOMB = b" " * 10_000_000


@pytest.mark.parametrize(
    ("coding", "encoded", "status"),
    [
        ("gzip", gzip.compress(BOMB), 413),
        ("br", brotli.compress(BOMB), 413),
        ("deflate", zlib.compress(BOMB), 413),
        ("gzip", gzip.compress(BODY)[:-9], 400),
        ("br", brotli.compress(BODY)[:-9], 400),
        ("gzip", gzip.compress(BODY) + b"more", 400),
        ("gzip", BODY, 400),
        ("br", BODY, 400),
        ("zstd", BODY, 415),
        ("gzip, gzip", BODY, 415),
    ],
)
def test_compressed_bodies_that_are_refused(coding: str, encoded: bytes, status: int) -> None:
    small = serve(max_body_bytes=1_000_000)
    answer = small.post("/v1/count", data=encoded, content_type=JSON, headers={"Content-Encoding": coding})
    assert answer.status_code == status
    assert_conforms("Problem", answer.json)

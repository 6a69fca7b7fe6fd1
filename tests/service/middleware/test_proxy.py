"""Compression, caching by clients, CORS, forwarded headers, base path."""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from pathlib import Path

import brotli
import pytest
from flask.testing import FlaskClient

from tests.service.conftest import serve
from tests.service.contract import MODEL


def test_answers_are_compressed_for_those_who_ask(client: FlaskClient) -> None:
    answer = client.get("/v1/layers", headers={"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert json.loads(brotli.decompress(answer.data)) == client.get("/v1/layers").json


def test_constant_documents_are_revalidated_by_etag(client: FlaskClient) -> None:
    for path in (
        "/openapi.json",
        "/openapi.yaml",
        "/docs",
        "/docs/start.js",
        "/v1/layers",
        "/v1/layers/Dense",
        "/v1/formats",
        "/v1/limits",
    ):
        first = client.get(path, buffered=True)
        assert "max-age" in first.headers["Cache-Control"]
        assert client.get(path, headers={"If-None-Match": first.headers["ETag"]}, buffered=True).status_code == 304


def test_browsers_of_named_origins_may_call() -> None:
    client = serve(cors_origins=("https://dashboard.example",))
    for origin, let in (("https://dashboard.example", True), ("https://evil.example", False), ("null", False)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = client.options("/v1/count", headers=headers)
        assert (preflight.headers.get("Access-Control-Allow-Origin") == origin) is let
        answer = client.post("/v1/count", json={"architecture": MODEL}, headers={"Origin": origin})
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is let
    assert "Access-Control-Allow-Origin" not in serve().get("/", headers={"Origin": origin}).headers


def test_forwarded_headers_only_from_trusted_hops(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 10.0.0.9", "X-Forwarded-Prefix": "/count"}
    for hops, client in ((0, "127.0.0.1"), (1, "10.0.0.9"), (2, "6.6.6.6")):
        caplog.clear()
        with caplog.at_level(logging.INFO, "paramcount.request"):
            assert serve(trusted_hops=hops).get("/v1/formats", headers=headers).status_code == 200
        assert caplog.records[0].args["client"] == client  # type: ignore[call-overload]


def test_a_forwarded_prefix_is_trusted_by_its_setting() -> None:
    headers = {"X-Forwarded-Prefix": "/count", "X-Forwarded-Host": "other.example"}
    for trusted, prefix in ((("for", "proto"), "/"), (("for", "proto", "prefix"), "/count")):
        client = serve(trusted_hops=1, trusted_headers=trusted)
        assert client.get("/openapi.json", headers=headers).json["servers"] == [{"url": prefix}]


def test_with_tokens_no_shared_cache_keeps_an_answer(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"dashboard:{sha256(b'secret').hexdigest()}")
    client = serve(tokens_file=str(tmp_path / "tokens"))
    answer = client.get("/v1/layers", headers={"Authorization": "Bearer secret"})
    assert answer.headers["Cache-Control"] == "private, max-age=300"
    assert "Authorization" in answer.headers["Vary"]
    assert "public" in serve().get("/v1/layers").headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/nothing", "/docs"])
def test_browsers_neither_guess_nor_frame(client: FlaskClient, path: str) -> None:
    answer = client.get(path, buffered=True)
    assert (answer.headers["X-Content-Type-Options"], answer.headers["X-Frame-Options"]) == ("nosniff", "DENY")


@pytest.mark.parametrize("media", ["text/plain", "text/csv", "text/markdown", "image/svg+xml", "application/json"])
def test_reports_are_compressed(client: FlaskClient, media: str) -> None:
    headers = {"Accept": media, "Accept-Encoding": "br"}
    layers = [{"type": "Linear", "in_features": 3, "out_features": 3}] * 50
    answer = client.post("/v1/count/native", json={"framework": "torch", "layers": layers}, headers=headers)
    assert answer.headers["Content-Encoding"] == "br"


def test_a_base_path() -> None:
    client = serve(base_path="/tools/count")
    assert client.get("/tools/count/v1/formats").status_code == 200
    assert client.get("/tools/count/docs", buffered=True).status_code == 200
    assert client.get("/tools/count/openapi.json").json["servers"] == [{"url": "/tools/count"}]
    assert client.get("/livez").status_code == 200

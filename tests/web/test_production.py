"""What a platform needs of the service: limits, turns, tokens, ids, metrics, gateways, compressed bodies."""

from __future__ import annotations

import gc
import gzip
import hashlib
import io
import json
import logging
import os
import zlib
from itertools import count
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask.testing import FlaskClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from paramcount.counting import count as counting
from paramcount.model import budget
from paramcount.requests.settings import InvalidSetting, from_environment
from service.app import create_app
from service.middleware import body as bodies
from service.middleware.logs import JSONFormatter
from service.settings import Settings
from tests.web.test_contract import MODEL, conforms

JSON = "application/json"
BODY = json.dumps({"architecture": MODEL}).encode()


def served(**settings: Any) -> FlaskClient:
    return create_app(Settings(**settings)).test_client()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PARAMCOUNT_MAX_DEPTH": "0"}, "PARAMCOUNT_MAX_DEPTH must be an integer of at least 1"),
        ({"PARAMCOUNT_MAX_DEPTH": "-1"}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_MAX_DEPTH": "1.5"}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_MAX_DEPTH": "٣"}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_MAX_DEPTH": ""}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_LOG_FORMAT": "xml"}, "PARAMCOUNT_LOG_FORMAT: Invalid enum value 'xml'"),
        ({"PARAMCOUNT_BASE_PATH": "count"}, "PARAMCOUNT_BASE_PATH"),
        ({"PARAMCOUNT_BASE_PATH": "/count/"}, "PARAMCOUNT_BASE_PATH"),
    ],
)
def test_settings_that_stop_the_start(environment: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSetting, match=says):
        from_environment(Settings, environment)


def test_settings() -> None:
    environment = {"PARAMCOUNT_MAX_DEPTH": "7", "PARAMCOUNT_CORS_ORIGINS": "https://a.example, https://b.example"}
    found = from_environment(Settings, {**environment, "PARAMCOUNT_TRUSTED_HOPS": "0", "HOME": "/"})
    assert found == Settings(max_depth=7, cors_origins=("https://a.example", "https://b.example"))


def test_limits_are_told_and_kept(client: FlaskClient) -> None:
    assert client.get("/v1/limits").json == Settings().by_name
    for setting, at_most in (
        ({"max_rows": 3}, 1),
        ({"max_tensors": 3}, 1),
        ({"max_layers": 3}, 1),
        ({"max_depth": 1}, 1),
    ):
        answer = served(**setting).post("/v1/count/native", json=MODEL)
        assert answer.status_code == 422
        assert len(answer.json["errors"]) == at_most
        assert answer.json["errors"][0]["code"] == "too_large"
        conforms("Problem", answer.json)
    assert served(max_rows=3).post("/v1/count/native?detail=totals", json=MODEL).status_code == 200


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
    answer = served(max_values=6).post(path, data=body, content_type=media)
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "too_large")
    assert "more than 6 values" in answer.json["errors"][0]["detail"]
    assert served().post(path, data=body, content_type=media).status_code != 500


def test_one_request_has_one_time(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read, and both sides of a comparison, are of the same seconds."""
    clock = count(0, 6)  # each look at it is 6 seconds later
    for module in (budget, counting):
        monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    envelope = {"architecture": {"input_shape": [3], "layers": [{"type": "keras.ReLU"} for _ in range(70)]}}
    answer = client.post("/v1/compare", json={"before": envelope, "after": envelope})
    (error,) = answer.json["errors"]
    assert (error["pointer"], error["code"]) == ("/after/architecture/layers/62", "too_large")
    assert "time ran out" in error["detail"]


class Broken(io.BytesIO):
    """A body that breaks off, as a server tells it."""

    def read(self, size: int | None = -1) -> bytes:
        if found := super().read(size):
            return found
        raise OSError("no more data")

    readline = read


@pytest.mark.parametrize("layers", [[{"type": "ReLU"}], [1]], ids=["counted", "refused"])
def test_after_a_large_body_garbage_is_looked_for_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, layers: list[Any]
) -> None:
    looked = []
    monkeypatch.setattr(budget, "check_values", lambda *_, **__: looked.append(gc.isenabled()))
    document = {"framework": "torch", "name": "x" * bodies.LARGE, "layers": layers}
    for small in (document | {"name": "x"}, document):
        client.post("/v1/count/native", json=small)
        assert gc.isenabled()
    assert looked == [True, False]


def test_a_body_that_breaks_off(client: FlaskClient) -> None:
    chunked = {"wsgi.input_terminated": True}
    for path, media in (("/v1/count", JSON), ("/v1/batch", "application/x-ndjson")):
        answer = client.post(path, input_stream=Broken(), content_type=media, environ_overrides=chunked)
        told = answer.json if media == JSON else json.loads(answer.data)
        assert (told["status"], told["detail"]) == (400, "The body cannot be read: no more data.")


def test_a_request_too_many_is_turned_away_and_probes_are_not() -> None:
    app = create_app(Settings(max_concurrent=1))
    with app.test_request_context("/v1/formats"):
        assert app.preprocess_request() is None  # one is being answered
        busy = app.test_client().get("/v1/formats")
        assert busy.status_code == 503
        assert busy.headers["Retry-After"] == "1"
        assert app.test_client().get("/livez").status_code == 200
    assert app.test_client().get("/v1/formats").status_code == 200


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
    small = served(max_body_bytes=1_000_000)
    answer = small.post("/v1/count", data=encoded, content_type=JSON, headers={"Content-Encoding": coding})
    assert answer.status_code == status
    conforms("Problem", answer.json)


def test_answers_are_compressed_for_those_who_ask(client: FlaskClient) -> None:
    answer = client.get("/v1/layers", headers={"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert json.loads(brotli.decompress(answer.data)) == client.get("/v1/layers").json


def test_what_is_constant_need_not_be_sent_twice(client: FlaskClient) -> None:
    for path in (
        "/openapi.json",
        "/openapi.yaml",
        "/docs",
        "/docs/start.js",
        "/v1/layers",
        "/v1/layers/Dense",
        "/v1/formats",
    ):
        first = client.get(path, buffered=True)
        assert "max-age" in first.headers["Cache-Control"]
        assert client.get(path, headers={"If-None-Match": first.headers["ETag"]}, buffered=True).status_code == 304


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"# who: what\ndashboard:{hashlib.sha256(b'secret').hexdigest()}\n")
    return file


def test_every_route_but_the_probes_asks_for_a_token(tokens: Path) -> None:
    client = served(tokens_file=str(tokens))
    for rule in client.application.url_map.iter_rules():
        path = (
            str(rule)
            .replace("<name>", "native")
            .replace("<kind>", "Dense")
            .replace("<registry>", "mlflow")
            .replace("<path:name>", "start.js")
        )
        (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        status = client.open(path, method=method, buffered=True).status_code
        assert (status == 200) if path in ("/livez", "/readyz") else (status == 401), path
    assert client.get("/nothing").status_code == 401


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic secret", "secret", "Bearer \udcff"])
def test_a_wrong_token(tokens: Path, given: str) -> None:
    answer = served(tokens_file=str(tokens)).get("/v1/formats", headers={"Authorization": given})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    conforms("Problem", answer.json)


def test_a_token_and_its_rotation(tokens: Path) -> None:
    client = served(tokens_file=str(tokens))

    def ask(token: str) -> int:
        return client.get("/v1/formats", headers={"Authorization": f"Bearer {token}"}).status_code

    assert (ask("secret"), ask("newer")) == (200, 401)
    tokens.write_text(f"dashboard: {hashlib.sha256(b'newer').hexdigest()}\n")
    os.utime(tokens, ns=(1, 1))
    assert (ask("secret"), ask("newer")) == (401, 200)
    tokens.unlink()
    assert ask("newer") == 200  # a moment without the file locks nobody out


@pytest.mark.parametrize("text", ["dashboard:secret\n", "dashboard\n", ":\n"])
def test_a_tokens_file_that_stops_the_start(tokens: Path, text: str) -> None:
    tokens.write_text(text)
    with pytest.raises(InvalidSetting, match="line 1"):
        served(tokens_file=str(tokens))
    with pytest.raises(InvalidSetting, match="cannot be read"):
        served(tokens_file="/absent")


def test_request_ids_and_the_line_that_tells_them(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-ID": "ticket-7", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    with caplog.at_level(logging.INFO, "paramcount.request"):
        assert (
            client.post("/v1/count", json={"architecture": MODEL}, headers=headers).headers["X-Request-ID"]
            == "ticket-7"
        )
    (record,) = caplog.records
    line = json.loads(JSONFormatter().format(record))
    assert (line["request_id"], line["trace_id"], line["route"], line["status"]) == (
        "ticket-7",
        trace,
        "/v1/count",
        200,
    )
    assert "hidden" not in json.dumps(line)  # nothing of the payload


@pytest.mark.parametrize("given", ["", "a b", "x" * 200, "a;b", "é"])
def test_an_id_that_is_none_is_replaced(client: FlaskClient, given: str) -> None:
    found = client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert found != given
    assert len(found) == 32


def test_metrics(client: FlaskClient) -> None:
    before = client.get("/metrics").text
    client.post("/v1/count", json={"architecture": MODEL})
    client.post("/v1/count", json={"architecture": {"layers": [{"type": "Mystery"}, {"type": "a\nb{}"}]}})
    client.get("/no/such/route")
    text = client.get("/metrics").text
    assert text != before
    assert 'paramcount_requests_total{method="POST",route="/v1/count",status="200"}' in text
    assert 'paramcount_requests_total{method="GET",route="none",status="404"}' in text
    assert 'paramcount_unknown_layers_total{type="Mystery"}' in text
    assert 'paramcount_unknown_layers_total{type="other"}' in text
    assert "paramcount_counted_layers_total" in text
    assert "/no/such" not in text


def test_browsers_of_named_origins_may_call() -> None:
    client = served(cors_origins=("https://dashboard.example",))
    for origin, let in (("https://dashboard.example", True), ("https://evil.example", False), ("null", False)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = client.options("/v1/count", headers=asked)
        assert (preflight.headers.get("Access-Control-Allow-Origin") == origin) is let
        answer = client.post("/v1/count", json={"architecture": MODEL}, headers={"Origin": origin})
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is let
    assert "Access-Control-Allow-Origin" not in served().get("/", headers={"Origin": origin}).headers


def test_forwarded_headers_only_from_trusted_hops(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 10.0.0.9", "X-Forwarded-Prefix": "/count"}
    for hops, client in ((0, "127.0.0.1"), (1, "10.0.0.9"), (2, "6.6.6.6")):
        caplog.clear()
        with caplog.at_level(logging.INFO, "paramcount.request"):
            assert served(trusted_hops=hops).get("/v1/formats", headers=headers).status_code == 200
        assert caplog.records[0].args["client"] == client  # type: ignore[call-overload]


def test_a_base_path() -> None:
    client = served(base_path="/tools/count")
    assert client.get("/tools/count/v1/formats").status_code == 200
    assert client.get("/tools/count/docs", buffered=True).status_code == 200
    assert client.get("/tools/count/openapi.json").json["servers"] == [{"url": "/tools/count"}]
    assert client.get("/livez").status_code == 200


def test_spans_continue_the_callers_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    client = served()
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    caller = "0af7651916cd43dd8448eb211c80319c"
    client.post("/v1/count", json={"architecture": MODEL}, headers={"traceparent": f"00-{caller}-b7ad6b7169203331-01"})
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["read", "count", "render", "POST /v1/count"]
    assert {f"{span.context.trace_id:032x}" for span in spans} == {caller}

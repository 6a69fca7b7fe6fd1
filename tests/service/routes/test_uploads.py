"""POST /v1/count with anything: bytes, texts, forms as clients send them, ranges of files."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from shutil import which
from struct import pack
from threading import Thread
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from service.app import create_app
from service.requests.uploads import MAX_PARTS
from tests.builders.adapters import LLAMA
from tests.builders.gguf import Writer
from tests.builders.onnx import init, model
from tests.builders.repositories import BERT, BERT_SIZE, bert
from tests.builders.safetensors import header, in_bytes
from tests.service.contract import ADAPTER, ADAPTER_SIZE, MODEL, assert_conforms, assert_problem, dense

WEIGHTS = in_bytes(header(w="F32 2x3"), data=bytes(24))
TEXT = "Sequential(\n  (0): Linear(in_features=3, out_features=4, bias=True)\n)\n"
OCTETS, FORM = "application/octet-stream", "multipart/form-data; boundary=B"

BODIES: list[tuple[str, str, bytes, str, int]] = [
    ("safetensors", OCTETS, WEIGHTS, "safetensors", 6),
    ("gguf", OCTETS, Writer().tensor("w", (7,)).bytes(), "gguf", 7),
    ("onnx", OCTETS, model(init("w", 5)), "onnx", 5),
    ("json as bytes", OCTETS, json.dumps(MODEL).encode(), "native", 28),
    ("an envelope as bytes", OCTETS, json.dumps({"architecture": MODEL}).encode(), "native", 28),
    ("a text as bytes", OCTETS, TEXT.encode(), "torch", 16),
    ("a text", "text/plain; charset=utf-8", TEXT.encode(), "torch", 16),
    ("json as a text", "text/plain", json.dumps(BERT).encode(), "huggingface", BERT_SIZE),
    ("a document", "application/json", json.dumps(BERT).encode(), "huggingface", BERT_SIZE),
    ("a vocabulary of json", "application/vnd.x+json", json.dumps(MODEL).encode(), "native", 28),
    (
        "a repository",
        "application/json",
        json.dumps({"files": {"config.json": BERT}}).encode(),
        "repository",
        BERT_SIZE,
    ),
]


@pytest.mark.parametrize(
    ("media", "body", "name", "total"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
def test_any_body(client: FlaskClient, media: str, body: bytes, name: str, total: int) -> None:
    answer = client.post("/v1/count", data=body, content_type=media)
    assert answer.status_code == 200, answer.text
    assert_conforms("Report", answer.json)
    assert (answer.json["format"], answer.json["totals"]["total"]) == (name, total)


@pytest.mark.parametrize(
    ("members", "trainable"),
    [
        ({"freeze": ["*"]}, 0),
        ({"freeze": ["*"], "train": ["hidden"]}, 16),
        ({"trainable": [{"match": "*", "trainable": False}], "train": ["answer"]}, 5),
    ],
)
def test_globs_in_an_envelope(client: FlaskClient, members: dict[str, Any], trainable: int) -> None:
    answer = client.post("/v1/count", json={"architecture": MODEL, **members})
    assert answer.json["totals"]["trainable"] == trainable


@pytest.mark.parametrize("dtype", ["BF16", "bfloat16"])
def test_dtypes_by_the_names_of_frameworks(client: FlaskClient, dtype: str) -> None:
    answer = client.post(f"/v1/count?dtype={dtype}", json={"architecture": dense()})
    assert answer.json["totals"]["bytes"] == 2 * 16


def send(client: FlaskClient, body: bytes, content_type: str, query: str = "") -> Any:
    return client.post(f"/v1/count{query}", data=body, content_type=content_type)


def form(*parts: tuple[str, bytes, str]) -> bytes:
    """Return a form of files: path, bytes, and the value of Content-Range or ''."""
    body = b""
    for path, data, content_range in parts:
        ranged = f"Content-Range: {content_range}\r\n" if content_range else ""
        head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{path}"\r\n{ranged}\r\n'
        body += head.encode() + data + b"\r\n"
    return body + b"--B--\r\n"


BROWSER = (  # as Chromium sends a FormData of a file, and of a text
    b"------WebKitFormBoundaryA1b2C3d4E5f6G7h8\r\n"
    b'Content-Disposition: form-data; name="file"; filename="model.safetensors"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n%b\r\n"
    b"------WebKitFormBoundaryA1b2C3d4E5f6G7h8\r\n"
    b'Content-Disposition: form-data; name="freeze"\r\n\r\n*\r\n'
    b"------WebKitFormBoundaryA1b2C3d4E5f6G7h8--\r\n"
)


def test_a_browser(client: FlaskClient) -> None:
    media = "multipart/form-data; boundary=----WebKitFormBoundaryA1b2C3d4E5f6G7h8"
    report = send(client, BROWSER % WEIGHTS, media).json
    assert (report["totals"]["total"], report["totals"]["trainable"]) == (6, 0)


@pytest.mark.parametrize(
    ("files", "data", "total"),
    [
        ({"file": ("m.safetensors", WEIGHTS)}, {}, 6),
        ({"file": ("m.json", json.dumps(MODEL))}, {"detail": "totals", "convention": "torch"}, 21),
        (
            {"config.json": ("config.json", json.dumps(BERT)), "m": ("model.safetensors", in_bytes(bert()))},
            {},
            BERT_SIZE,
        ),
        ({"a/b.safetensors": ("b.safetensors", WEIGHTS), "a/x.json": ("x.json", "{}")}, {}, 6),
        ({"architecture": (None, json.dumps(MODEL))}, {"freeze": ["*"]}, 28),
        ({"architecture": (None, TEXT)}, {}, 16),
    ],
)
def test_requests(client: FlaskClient, files: Any, data: dict[str, Any], total: int) -> None:
    prepared = requests.Request("POST", "http://x/v1/count", files=files, data=data).prepare()
    assert isinstance(prepared.body, bytes)
    answer = send(client, prepared.body, prepared.headers["Content-Type"])
    assert answer.status_code == 200, answer.text
    assert answer.json["totals"]["total"] == total


@pytest.fixture
def url() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/count"
    server.shutdown()
    thread.join()


@pytest.mark.skipif(which("curl") is None, reason="curl is not here")
def test_curl(url: str, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(WEIGHTS)
    (tmp_path / "config.json").write_text(json.dumps(BERT))
    for arguments, total in [
        (["-F", "file=@m.safetensors"], 6),
        (["-F", "file=@config.json", "-F", "detail=totals"], BERT_SIZE),
        (["--data-binary", "@m.safetensors", "-H", "Content-Type: application/octet-stream"], 6),
        (["--json", "@config.json"], BERT_SIZE),
    ]:
        ran = subprocess.run(["curl", "-s", *arguments, url], cwd=tmp_path, capture_output=True, check=True)
        assert json.loads(ran.stdout)["totals"]["total"] == total


def test_an_adapter_in_a_form(client: FlaskClient) -> None:
    data = {"file": (BytesIO(json.dumps(LLAMA).encode()), "config.json"), "adapter": json.dumps(ADAPTER)}
    report = client.post("/v1/count", data=data).json
    assert report["totals"]["trainable"] == ADAPTER_SIZE


REFUSED: list[tuple[str, bytes, str, str, int, str]] = [
    ("nothing", b"--B--\r\n", FORM, "", 422, ""),
    ("no boundary", b"x", "multipart/form-data", "", 400, ""),
    ("no form", b"x", FORM, "", 400, ""),
    ("a part that does not end", b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', FORM, "", 400, ""),
    ("a long header of a part", b"--B\r\n" + b"a: b\r\n" * 5_000 + b"\r\nx\r\n--B--\r\n", FORM, "", 400, ""),
    ("a part without a name", b"--B\r\nX: y\r\n\r\nx\r\n--B--\r\n", FORM, "", 400, ""),
    ("a file twice", form(("m", WEIGHTS, ""), ("m", WEIGHTS, "")), FORM, "", 422, "/m/Content-Range"),
    ("no range", form(("m", WEIGHTS, "0-3")), FORM, "", 422, "/m/Content-Range"),
    ("a range of another length", form(("m", WEIGHTS, "bytes 0-3/99")), FORM, "", 422, "/m/Content-Range"),
    ("two sizes", form(("m", b"a", "bytes 0-0/9"), ("m", b"b", "bytes 1-1/8")), FORM, "", 422, "/m/Content-Range"),
    ("past the end", form(("m", b"a", "bytes 9-9/9")), FORM, "", 422, "/m"),
    ("an option twice", form(("m", WEIGHTS, "")), FORM, "?detail=a&detail=b", 422, "/detail"),
    ("an address", b"https://huggingface.co/a/b", "text/plain", "", 422, ""),
    ("a model's name", b"meta-llama/Llama-3.1-8B", "text/plain", "", 422, ""),
    ("another type", b"x", "image/png", "", 415, ""),
]


@pytest.mark.parametrize(
    ("body", "media", "query", "status", "pointer"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(client: FlaskClient, body: bytes, media: str, query: str, status: int, pointer: str) -> None:
    problem = assert_problem(send(client, body, media, query), status)
    assert pointer in [error["pointer"] for error in problem["errors"]] or status != 422


@pytest.mark.parametrize(
    ("fields", "query", "pointer"),
    [
        ({"detail": "totals"}, "?detail=layers", "/detail"),
        ({"detial": "totals"}, "", "/detial"),
        ({"adapter": "{"}, "", "/adapter"),
        ({"architecture": "{}"}, "", "/architecture"),
        ({"dtype": "float"}, "", "/dtype"),
    ],
)
def test_fields_that_are_refused(client: FlaskClient, fields: dict[str, str], query: str, pointer: str) -> None:
    data = {"file": (BytesIO(WEIGHTS), "m.safetensors"), **fields}
    problem = assert_problem(client.post(f"/v1/count{query}", data=data), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_too_many_parts(client: FlaskClient) -> None:
    assert_problem(send(client, form(*[("m", b"", "")] * (MAX_PARTS + 1)), FORM), 413)


def count_in_ranges(client: FlaskClient, files: dict[str, bytes]) -> tuple[Any, int]:
    """Send what is asked for until there is no need; return the answer, and the number of requests."""
    parts = [(path, b"", f"bytes */{len(data)}") for path, data in files.items()]
    for requests_sent in range(1, 9):
        answer = send(client, form(*parts), FORM)
        needs = [error["needs"] for error in (answer.json.get("errors") or ()) if "needs" in error]
        if not needs:
            return answer, requests_sent
        for need in needs:
            data, span = files[need["file"]], slice(need["first"], need["last"] + 1)
            parts.append((need["file"], data[span], f"bytes {need['first']}-{need['last']}/{len(data)}"))
    raise AssertionError(needs)


LONG_HEADER = in_bytes(header(**{f"w{number}": "F32 1" for number in range(2_000)}), data=bytes(8_000))
TOKENS = pack("<IQ", 8, 20_000) + b"".join(Writer().string(f"token {number}") for number in range(20_000))
VOCABULARY = Writer().pair("tokenizer.ggml.tokens", 9, TOKENS).tensor("w", (7,)).bytes()
SHARDS = {f"m-{n:05}-of-00003.safetensors": in_bytes(header(**{f"w{n}": "F32 2"}), data=bytes(8)) for n in (1, 2, 3)}
CONFIGURED = {
    "config.json": json.dumps(BERT).encode(),
    "model.safetensors": in_bytes(bert(), data=bytes(4 * BERT_SIZE)),
}

RANGED: list[tuple[str, dict[str, bytes], int]] = [
    ("safetensors", {"m.safetensors": WEIGHTS}, 6),
    ("a long header", {"m.safetensors": LONG_HEADER}, 2_000),
    ("gguf", {"m.gguf": VOCABULARY + bytes(-len(VOCABULARY) % 32 + 32)}, 7),
    ("onnx", {"m.onnx": model(init("w", 5))}, 5),
    ("a config", {"config.json": json.dumps(BERT).encode()}, BERT_SIZE),
    ("shards", SHARDS, 6),
    ("config and weights", CONFIGURED, BERT_SIZE),
]


@pytest.mark.parametrize(("files", "total"), [row[1:] for row in RANGED], ids=[row[0] for row in RANGED])
def test_three_round_trips(client: FlaskClient, files: dict[str, bytes], total: int) -> None:
    answer, requests_sent = count_in_ranges(client, files)
    assert answer.status_code == 200, answer.text
    assert answer.json["totals"]["total"] == total
    assert requests_sent <= 1 + 3


def test_base64_in_an_envelope(client: FlaskClient) -> None:
    files = {"m.safetensors": {"base64": b64encode(WEIGHTS).decode()}}
    report = client.post("/v1/count", json={"architecture": {"files": files}, "freeze": ["w"]}).json
    assert (report["format"], report["totals"]["total"], report["totals"]["trainable"]) == ("repository", 6, 0)

"""Addresses and references to the Hub: only what is needed is fetched, and the token stays with the Hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import paramcount
from paramcount.model.errors import InvalidDocument, Problems
from paramcount.references.client import hide_query
from paramcount.references.hub import Reference, parse_reference
from tests.builders.repositories import BERT, BERT_SIZE, bert
from tests.builders.safetensors import header, in_bytes
from tests.references.servers import serve

W6 = in_bytes(header(w="F32 2x3"), data=bytes(24))
SHARDS = 8
ROWS, COLUMNS = 125_000, 10_000
SHARD_SIZE = ROWS * COLUMNS


def write_sparse(folder: Path) -> None:
    """Write a checkpoint of 8 files of 5 GB each, of which only the headers take space."""
    names = {f"layers.{n}.weight": f"model-{n + 1:05}-of-{SHARDS:05}.safetensors" for n in range(SHARDS)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    for name, file in names.items():
        head = in_bytes(header(**{name.replace(".", "__"): f"F32 {ROWS}x{COLUMNS}"}))
        with (folder / file).open("wb") as stream:
            stream.write(head)
            stream.truncate(len(head) + 4 * SHARD_SIZE)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is served as hf://org/model, from a storage on another host."""
    monkeypatch.setenv("HF_TOKEN", "secret-token")
    return tmp_path


def test_40_gigabytes(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sparse(hub)
    with serve(hub) as storage, serve(hub, storage.url) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        report = paramcount.count("hf://org/model")
    assert report.totals["total"] == SHARDS * SHARD_SIZE
    assert report.exact
    assert storage.sent + server.sent < 1_000_000
    assert len(storage.log) == 1 + SHARDS  # the index, and the first bytes of each file
    assert all(each.range == "bytes=0-16383" for each in storage.log)
    assert {each.token for each in server.log} == {"Bearer secret-token"}
    assert {each.token for each in storage.log} == {""}


@pytest.mark.parametrize(
    ("reference", "total"),
    [
        ("hf://org/model", BERT_SIZE),
        ("hf://org/model@main", BERT_SIZE),
        ("hf://org/model/config.json", BERT_SIZE),
        ("hf://org/model/model.safetensors", BERT_SIZE),
        ("hf://org/model/sub", 6),
        ("{url}/org/model", BERT_SIZE),
        ("{url}/org/model/tree/main/sub", 6),
        ("{url}/org/model/blob/main/sub/m.safetensors", 6),
        ("{storage}/sub/m.safetensors?signature=x", 6),
        ("{storage}/config.json", BERT_SIZE),
    ],
)
@pytest.mark.parametrize("has_ranges", [True, False])
def test_references(hub: Path, monkeypatch: pytest.MonkeyPatch, reference: str, total: int, has_ranges: bool) -> None:
    (hub / "config.json").write_text(json.dumps(BERT))
    (hub / "model.safetensors").write_bytes(in_bytes(bert(), data=bytes(4 * BERT_SIZE)))
    (hub / "sub").mkdir()
    (hub / "sub/m.safetensors").write_bytes(W6)
    with serve(hub, has_ranges=has_ranges) as storage, serve(hub, storage.url) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        report = paramcount.count(reference.format(url=server.url, storage=storage.url))
    assert report.totals["total"] == total


def test_an_index_at_an_address(tmp_path: Path) -> None:
    write_sparse(tmp_path)
    with serve(tmp_path) as server:
        report = paramcount.count(f"{server.url}/model.safetensors.index.json")
    assert report.totals["total"] == SHARDS * SHARD_SIZE


def test_a_model_that_is_not_there(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hub / "README.md").write_text("hello")
    with serve(hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with pytest.raises(Problems) as refused:
            paramcount.count("hf://org/model")
    assert "holds no model" in refused.value.problems[0].detail


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("hf://org/model", ("org/model", "main", "")),
        ("hf://gpt2", ("gpt2", "main", "")),
        ("hf://org/model@v1.0/unet/config.json", ("org/model", "v1.0", "unet/config.json")),
        ("hf://org/model@refs/pr/3/x.json", ("org/model", "refs/pr/3", "x.json")),
        ("hf://models/org/model", ("org/model", "main", "")),
        ("https://huggingface.co/org/model", ("org/model", "main", "")),
        ("https://huggingface.co/org/model/resolve/v1/a/b.bin", ("org/model", "v1", "a/b.bin")),
        ("https://huggingface.co/datasets/org/data", None),
        ("https://example.org/org/model", None),
    ],
)
def test_parse_reference(text: str, reference: tuple[str, str, str] | None) -> None:
    parsed = parse_reference(text)
    assert parsed == (Reference(*reference) if reference else None)


@pytest.mark.parametrize("text", ["hf://", "hf:///model", "hf://org/model@"])
def test_no_references(text: str) -> None:
    with pytest.raises(InvalidDocument):
        parse_reference(text)


def test_a_signature_is_not_shown() -> None:
    assert hide_query("https://user:key@host/path?signature=x#y") == "https://host/path"

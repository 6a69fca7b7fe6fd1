"""Digests: as sha256sum has them, of what was sent or read."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from paramcount.formats.digests import digest
from paramcount.formats.files import open_source
from paramcount.formats.partial_file import PartialFile
from paramcount.formats.source import Source
from tests.builders.safetensors import header, in_bytes

HEADER = in_bytes(header(w="F32 2x3"))


def hash_of(*parts: bytes) -> str:
    return sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize(
    ("source", "content"),
    [
        (Source.from_json(b'{"a": 1}'), b'{"a": 1}'),  # as it was sent
        (Source.of({"a": 1}), b'{"a":1}'),
        (Source("text", value="Linear(é)"), "Linear(é)".encode()),
        (Source.from_json(b'"Linear()"'), b"Linear()"),
        (Source.of({"files": {}}), b'{"files":{}}'),
    ],
)
def test_a_document(source: Source, content: bytes) -> None:
    assert digest(source) == {"sha256": hash_of(content)}


def test_a_decoded_document_is_what_was_sent() -> None:
    source = Source.from_json(b'{"a":  1}')
    assert source.value == {"a": 1}
    assert digest(source) == {"sha256": hash_of(b'{"a":  1}')}


@pytest.mark.parametrize("content", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_a_file(content: Any) -> None:
    assert digest(Source.of(content)) == {"sha256": hash_of(b"abc"), "size": 3, "ranges": [(0, 3)]}


def test_an_empty_file() -> None:
    assert digest(Source.of(b"")) == {"sha256": hash_of(), "size": 0, "ranges": []}


@pytest.mark.parametrize(
    ("parts", "ranges", "content"),
    [
        ([], [], b""),
        ([(0, b"ab")], [(0, 2)], b"ab"),
        ([(2, b"cd"), (7, b"hij")], [(2, 4), (7, 10)], b"cdhij"),
        ([(0, b"abcdefghij")], [(0, 10)], b"abcdefghij"),
    ],
)
def test_parts_of_a_file(parts: list[tuple[int, bytes]], ranges: list[Any], content: bytes) -> None:
    expected = {"sha256": hash_of(content), "size": 10, "ranges": ranges}
    assert digest(Source.of(PartialFile("model.bin", 10, parts))) == expected


def test_a_mapped_file_is_as_long_as_its_header(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(HEADER + b"\1" * 24)
    expected = {"sha256": hash_of(HEADER), "size": len(HEADER) + 24, "ranges": [(0, len(HEADER))]}
    assert digest(open_source(str(path))) == expected


def test_several_files_are_listed_as_sha256sum_lists_them() -> None:
    files = {"b.bin": b"bb", "a/config.json": b"{}"}
    shown = digest(Source.of({"files": files}))
    listed = f"{hash_of(b'{}')}  a/config.json\n{hash_of(b'bb')}  b.bin\n"
    assert shown["sha256"] == hash_of(listed.encode())
    assert [each["name"] for each in shown["files"]] == ["a/config.json", "b.bin"]
    beside = digest(Source.of({"shards": {"x": b"xx"}, "config": {"a": 1}}))
    assert [(each["name"], each["sha256"]) for each in beside["files"]] == [
        ("config", hash_of(b'{"a":1}')),
        ("x", hash_of(b"xx")),
    ]
    json.dumps(beside)

"""Files, folders and globs as documents, and files that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.files import open_source
from paramcount.formats.keras.archive import read_config
from paramcount.formats.source import recognize
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from tests.builders.gguf import Writer
from tests.builders.onnx import init, model
from tests.builders.pickles import archive as saved
from tests.builders.pickles import legacy as before_1_6
from tests.builders.pickles import tensor, zip_files
from tests.builders.safetensors import header, in_bytes

KERAS = {"class_name": "Sequential", "config": {"name": "s", "layers": []}}


def count_file(path: Path) -> Report:
    source = open_source(str(path))
    return count(read(source, detect(source)))


def write(folder: Path, **files: Any) -> None:
    """Each file by its name, with _ for . before its kind; what is no bytes as JSON."""
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / name.replace("__", "-").replace("_", ".")).write_bytes(raw)


def shard(**tensors: str) -> bytes:
    entries = header(**tensors)
    return in_bytes(entries, data=bytes(max(entry["data_offsets"][1] for entry in entries.values())))


def gguf(name: str, **numbers: int) -> bytes:
    writer = Writer().tensor(name, (7,))
    for key, value in numbers.items():
        writer.number(key.replace("_", "."), value)
    raw = writer.bytes()
    return raw + bytes(-len(raw) % 32 + 32)


@pytest.mark.parametrize(
    ("files", "opened", "total", "exact"),
    [
        ({"m_safetensors": shard(w="F32 2x3")}, "m.safetensors", 6, True),
        ({"m_safetensors": shard(w="F32 2x3")}, "", 6, True),
        ({"m_safetensors": shard(w="F32 2x3"), "config_json": {"model_type": "x"}}, "", 6, True),
        ({"m_gguf": gguf("w")}, "m.gguf", 7, True),
        ({"m_gguf": gguf("w")}, "", 7, True),
        ({"m_onnx": model(init("w", 5))}, "m.onnx", 5, True),
        ({"m_json": {"parameters": {"w": {"shape": [4]}}}}, "m.json", 4, True),
        (
            {"m__00001__of__00002_safetensors": shard(w="F32 2"), "m__00002__of__00002_safetensors": shard(v="F32 3")},
            "",
            5,
            True,
        ),
        (
            {"m__00001__of__00002_safetensors": shard(w="F32 2"), "m__00002__of__00002_safetensors": shard(v="F32 3")},
            "*.safetensors",
            5,
            True,
        ),
        ({"m__00001__of__00002_safetensors": shard(w="F32 2")}, "m-00001-of-00002.safetensors", 2, False),
        (
            {
                "a_safetensors": shard(w="F32 2"),
                "b_safetensors": shard(v="F32 3"),
                "other_safetensors": shard(v="F32 100"),
                "m_safetensors_index_json": {"weight_map": {"w": "a.safetensors", "v": "b.safetensors"}},
            },
            "",
            5,
            True,
        ),
        (
            {
                "a_safetensors": shard(w="F32 2"),
                "m_safetensors_index_json": {"weight_map": {"w": "a.safetensors", "v": "../b.safetensors"}},
            },
            "m.safetensors.index.json",
            2,
            False,
        ),
        (
            {
                "m__00001__of__00002_gguf": gguf("w", split_count=2),
                "m__00002__of__00002_gguf": gguf("v", split_count=2),
            },
            "",
            14,
            True,
        ),
        ({"m_pt": saved({"w": tensor("0", 3)})}, "m.pt", 3, True),
        ({"m_bin": saved({"w": tensor("0", 3)}), "optimizer_bin": b"\x80\2N."}, "", 3, True),
        ({"m_bin": before_1_6({"w": tensor("0", 3)})}, "", 3, True),
        ({"m__00001__of__00002_bin": saved({"w": tensor("0", 3)})}, "m-00001-of-00002.bin", 3, False),
        (
            {
                "a_bin": saved({"w": tensor("0", 3)}),
                "b_bin": saved({"v": tensor("0", 4)}),
                "m_bin_index_json": {"weight_map": {"w": "a.bin", "v": "b.bin"}},
            },
            "",
            7,
            True,
        ),
    ],
)
def test_counted(tmp_path: Path, files: dict[str, Any], opened: str, total: int, exact: bool) -> None:
    write(tmp_path, **files)
    report = count_file(tmp_path / opened)
    assert (report.root.totals.trainable, report.exact) == (total, exact)


def archive(name: str) -> Callable[[Path], None]:
    def made(path: Path) -> None:
        with ZipFile(path, "w") as file:
            file.writestr(name, json.dumps(KERAS | {"momentum": float("nan")}))

    return made


def test_a_keras_archive_is_its_config(tmp_path: Path) -> None:
    archive("config.json")(tmp_path / "m.keras")
    assert json.loads(read_config(open_source(str(tmp_path / "m.keras")).raw)) == KERAS | {"momentum": None}


@pytest.mark.parametrize(
    ("files", "opened", "detail"),
    [
        ({"m_safetensors": shard(w="F32 2x3")[:-1]}, "m.safetensors", "the file is not complete"),
        ({"m_safetensors": shard(w="F32 2x3")[:20]}, "m.safetensors", "at least the first"),
        ({"m_safetensors": shard(w="F32 2x3") + b"x"}, "m.safetensors", "1 bytes after"),
        ({"m__1__of__2_safetensors": shard(w="F32 2x3")[:-1]}, "", "the file is not complete"),
        ({"m_gguf": gguf("w")[:-32]}, "m.gguf", "the file is not complete"),
        ({"m_gguf": gguf("w")[:40]}, "m.gguf", "at least the first"),
        ({"m_onnx": model(init("w", 5))[:-1]}, "m.onnx", "ends after"),
        ({"m_keras": zip_files({"config.json": b"{}"})[:-1]}, "m.keras", "the file is not complete"),
        ({"m_safetensors_index_json": []}, "", "no index"),
        ({"a_safetensors": shard(w="F32 2"), "b_safetensors": shard(w="F32 2")}, "", "several models"),
        ({"m_pt": saved({"w": tensor("0", 3)})[:-1]}, "m.pt", "the file is not complete"),
        ({"m_bin": before_1_6({"w": tensor("0", 3)})[:-1]}, "", "the file is not complete"),
        ({"README": b"text"}, "", "holds no"),
    ],
)
def test_refused(tmp_path: Path, files: dict[str, Any], opened: str, detail: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(Problems) as refused:
        count_file(tmp_path / opened)
    assert any(detail in problem.detail for problem in refused.value.problems), refused.value.problems


@pytest.mark.parametrize("name", ["none.json", "none*.json"])
def test_missing_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        open_source(str(tmp_path / name))


def test_of_a_large_file_only_the_header_is_read(tmp_path: Path) -> None:
    large = header(w="F32 1000000x100000")
    with (tmp_path / "m.safetensors").open("wb") as file:
        file.write(in_bytes(large))
        file.truncate(len(in_bytes(large)) + 4 * 10**11)
    assert count_file(tmp_path / "m.safetensors").root.totals.trainable == 10**11


@pytest.mark.parametrize(
    ("raw", "value"), [(b'{"a": 1}', {"a": 1}), (b"Linear()", "Linear()"), (b"GGUF\xff", b"GGUF\xff")]
)
def test_recognize(raw: bytes, value: object) -> None:
    assert recognize(raw).value == value

"""The command line: what it prints, and with which status it ends."""

from __future__ import annotations

import io
import json
import struct
import sys
from pathlib import Path

import pytest

from service.cli import main

ROOT = Path(__file__).parents[1]
RESNET = str(ROOT / "examples/resnet50-keras.json")


def shard(path: Path, name: str) -> str:
    header = json.dumps({name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(24))
    return str(path)


def test_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", RESNET, "--freeze", "*", "--train", "predictions"]) == 0
    told = capsys.readouterr().out
    assert "25,636,712" in told
    assert "2,049,000" in told


def test_count_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", str(ROOT / "examples/resnet50-torch.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["total"] == 25_557_032


def test_count_of_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    document = b'{"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(document)))
    assert main(["count", "-"]) == 0
    assert "kernel 3×4 + bias 4" in capsys.readouterr().out


def test_the_files_of_a_checkpoint_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards = [shard(tmp_path / f"model-0000{n}-of-00002.safetensors", f"layers.{n}.weight") for n in (1, 2)]
    for given in (shards, [str(tmp_path)], [str(tmp_path / "*.safetensors")]):
        assert main(["count", *given, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["total"] == 12


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            '{"input_shape": [3], "layers": [{"type": "Dens"}]}',
            '/layers/0/type: "Dens" is no known layer; did you mean',
        ),
        ("just words", "in no format"),
        ("{}", "in no format"),
        ("", "in no format"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str) -> None:
    (tmp_path / "model").write_text(content)
    assert main(["count", str(tmp_path / "model")]) == 1
    told = capsys.readouterr()
    assert says in told.err
    assert not told.out


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", "/absent"]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_rule_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", RESNET, "--freeze", "first:"]) == 1
    assert "needs a number of layers" in capsys.readouterr().err


def test_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers"]) == 0
    told = capsys.readouterr().out
    assert "keras.Dense" in told
    assert "torch.Linear" in told
    assert "lowrank.LowRankDense" in told

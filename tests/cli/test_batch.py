"""paramcount batch."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, header

GOOD = {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "name": "d", "units": 4}]}
BAD = {**GOOD, "layers": [{"type": "Dens"}]}
LINES = [
    json.dumps({"id": "one", "architecture": GOOD, "detail": "totals"}),
    "{broken",
    "",
    json.dumps({"id": 3, "architecture": BAD}),
    json.dumps({"architecture": GOOD, "trainable": [{"match": "*.bias", "trainable": False}]}),
]


@pytest.fixture
def lines(tmp_path: Path) -> str:
    path = tmp_path / "models.ndjson"
    path.write_text("\n".join(LINES))
    return str(path)


def test_a_line_a_model(run: Run, lines: str, model: str) -> None:
    ran = run("batch", lines, model, "/absent")
    results = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.status == 2
    assert not ran.err
    assert [(line["file"], line.get("line"), line.get("id"), line.get("status")) for line in results] == [
        (lines, 1, "one", None), (lines, 2, None, 400), (lines, 4, 3, 422), (lines, 5, None, None),
        (model, None, None, None), ("/absent", None, None, 422),
    ]  # fmt: skip
    assert results[0]["totals"]["total"] == 16
    assert results[2]["errors"][0]["pointer"] == "/architecture/layers/0/type"
    assert results[5]["errors"][0]["detail"] == "No such file or directory"


def test_options_are_defaults_of_the_envelopes(run: Run, lines: str, model: str) -> None:
    ran = run("batch", lines, model, "--freeze", "*", "--detail", "layers")
    results = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["totals"]["frozen"] for line in results if "totals" in line] == [16, 4, 21]
    assert [len(line["layers"]) for line in results if "totals" in line] == [0, 1, 2]


def test_standard_input(run: Run) -> None:
    ran = run("batch", "-", "--as", "text", stdin=LINES[0].encode())
    assert ran.status == 0
    assert ran.out.splitlines()[1].split() == ["16", "16", "0", "-:1"]


def test_documents_without_an_envelope(run: Run) -> None:
    lines = "\n".join(json.dumps(line) for line in (GOOD, GOOD | {"id": "named"}, BAD, {"id": 4}))
    ran = run("batch", "-", "--freeze", "*.bias", "--detail", "totals", stdin=lines.encode())
    first, second, *refused = map(json.loads, ran.out.splitlines())
    assert (first["totals"]["total"], first["totals"]["frozen"], first["layers"]) == (16, 4, [])
    assert (second["id"], second["totals"]) == ("named", first["totals"])
    assert [[error["pointer"] for error in line["errors"]] for line in refused] == [
        ["/layers/0/type"],
        ["/architecture", ""],
    ]


def test_text_and_csv(run: Run, lines: str, tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(header("w"))
    ran = run("batch", "--as", "text", lines, str(weights))
    assert ran.status == 2
    assert len(ran.out.splitlines()) == 4
    assert f'{lines}:4#/architecture/layers/0/type: "Dens" is an unknown layer type' in ran.err
    rows = list(csv.DictReader(io.StringIO(run("batch", "--as", "csv", lines, str(weights)).out)))
    assert [row["total"] for row in rows] == ["16", "", "", "16", "6"]
    assert "not JSON" in rows[1]["problem"]


def test_checks(run: Run, model: str) -> None:
    ran = run("batch", model, "-", "--max-total", "20", "--detail", "totals", stdin=LINES[0].encode())
    assert ran.status == 1
    assert ran.err == f"paramcount: {model}: 21 parameters are there, more than the 20 of --max-total\n"
    assert len(ran.out.splitlines()) == 2


def test_a_wrong_option_is_reported_once(run: Run, lines: str) -> None:
    ran = run("batch", lines, "--depth", "0")
    assert ran.status == 2
    assert ran.err == "paramcount: --depth: must be at least 1\n"
    assert not ran.out


def test_a_line_that_is_too_long(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMCOUNT_MAX_BODY_BYTES", "1000")
    lines = f"{LINES[0]}\n{'x' * 200_000}\n{LINES[0]}".encode()
    results = [json.loads(line) for line in run("batch", "-", stdin=lines).out.splitlines()]
    assert [line.get("status") for line in results] == [None, 422, None]


def test_a_pipe_is_not_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "models.ndjson"
    os.mkfifo(pipe)
    terminal, stderr = pty.openpty()  # a bar is shown, and what it counts must not consume the pipe
    command = [sys.executable, "-m", "paramcount", "batch", "--as", "text", str(pipe)]
    batch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    pipe.write_text(LINES[0])
    out, _ = batch.communicate(timeout=60)
    os.close(stderr)
    os.close(terminal)
    assert batch.returncode == 0
    assert out.splitlines()[1].split() == ["16", "16", "0", f"{pipe}:1"]

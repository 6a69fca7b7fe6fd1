"""The command line, run in this process, and the files that it reads."""

from __future__ import annotations

import io
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from paramcount.cli import main


class Ran(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command, as typed; `stdin` is its standard input."""

    monkeypatch.setenv("COLUMNS", "120")

    def ran(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            status = main(arguments)
        except SystemExit as end:  # of argparse
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return ran


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A file: 3·4 + 4 in `hidden`, 4·1 + 1 in `answer`."""
    layers = [{"type": "Dense", "name": "hidden", "units": 4}, {"type": "Dense", "name": "answer", "units": 1}]
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"framework": "keras", "input_shape": [3], "layers": layers}))
    return str(path)


def header(name: str) -> bytes:
    """A safetensors file with one tensor of 6 elements."""
    text = json.dumps({name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(24)

"""paramcount count of addresses: what was fetched, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.safetensors import header, in_bytes
from tests.cli.conftest import Run
from tests.references.servers import serve

W6 = in_bytes(header(w="F32 2x3"), data=bytes(24))


def test_verbose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    (tmp_path / "m.safetensors").write_bytes(W6)
    with serve(tmp_path) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        ran = run("count", "hf://org/model/m.safetensors", "--verbose")
    assert ran.status == 0
    assert f"{len(W6)} bytes were fetched in 1 requests" in ran.err


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("{url}/none.safetensors", "answers 404"),
        ("hf://org/other", "answers 404"),
        ("http://127.0.0.1:9/m.safetensors", "cannot be fetched"),
    ],
)
def test_what_cannot_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, address: str, detail: str
) -> None:
    with serve(tmp_path) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        ran = run("count", address.format(url=server.url))
    assert ran.status == 2
    assert detail in ran.err
    assert "signature" not in ran.err

"""Whatever the bytes of a file are, there is a report or there are problems."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS
from tests.builders.gguf import full
from tests.builders.onnx import IF, init, model, node
from tests.builders.safetensors import header, in_bytes
from tools.fuzz.alterations import altered_bytes

FILES = {
    "gguf": full().bytes(),
    "onnx": model(IF, node("Reshape", "x", "s"), init("s", 2), init("h.0.w", 3, 4)),
    "safetensors": in_bytes(header(h__0__w="F32 2", h__1__w="F32 2", s="I64 ")),
}


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(max_examples=60)
def test_an_altered_file(name: str, data: st.DataObject) -> None:
    raw = data.draw(altered_bytes(FILES[name]))
    try:
        root = count(read(raw, FORMATS[name])).root
    except Problems as refused:
        details = [problem.detail for problem in refused.problems]
    else:
        sizes = sum(copies * tensor.size for row, copies in root.walk() for tensor in row.tensors)
        assert sizes == root.totals.trainable + root.totals.frozen + root.totals.buffers
        return
    assert details
    assert all(details)


@pytest.mark.parametrize("name", FILES)
def test_an_unaltered_file(name: str) -> None:
    assert count(read(FILES[name], FORMATS[name])).root.totals.trainable > 0

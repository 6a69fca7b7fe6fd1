"""Whatever the bytes of a file are, there is a report or there are problems."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS
from tests.formats.test_gguf import full
from tests.formats.test_onnx import IF, init, model, node
from tests.formats.test_safetensors import header, in_bytes

FILES = {
    "gguf": full().bytes(),
    "onnx": model(IF, node("Reshape", "x", "s"), init("s", 2), init("h.0.w", 3, 4)),
    "safetensors": in_bytes(header(h__0__w="F32 2", h__1__w="F32 2", s="I64 ")),
}


@pytest.mark.parametrize("name", FILES)
@given(changes=st.lists(st.tuples(st.integers(0, 500), st.binary(max_size=3)), max_size=4), end=st.integers(0, 600))
@settings(max_examples=60)
def test_a_broken_file(name: str, changes: list[tuple[int, bytes]], end: int) -> None:
    raw = bytearray(FILES[name])
    for at, new in changes:
        raw[at : at + len(new)] = new
    try:
        count(read(bytes(raw[:end]), FORMATS[name]))
    except Problems as refused:
        told = refused.problems
    else:
        return
    assert all(problem.detail for problem in told)

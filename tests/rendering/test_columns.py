"""Clipping text to columns: narrow, wide and joining letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import width

from paramcount.rendering.columns import clip, column_width, wrap
from paramcount.rendering.fields import printable

letters = st.text(st.sampled_from("ab漢字é\u0301👨✊🏽❤\u200dक्षกำ"), max_size=60) | st.text(max_size=60).map(printable)


@pytest.mark.parametrize(
    ("text", "columns", "tail", "clipped"),
    [
        ("abcdef", 6, 3, "abcdef"),
        ("abcdefg", 6, 3, "ab…efg"),
        ("abcdefg", 6, 2, "abc…fg"),
        ("abcdefg", 6, 0, "abcde…"),
        ("漢字かな交", 10, 5, "漢字かな交"),
        ("漢字かな交じ", 10, 5, "漢字…交じ"),  # 4 + 1 + 4: a wide letter that half fits is left out
        ("漢字かな交じ", 9, 0, "漢字かな…"),
        ("e\u0301e\u0301e\u0301e\u0301", 3, 1, "e\u0301…e\u0301"),
        ("漢漢", 1, 0, "…"),
    ],
)
def test_clip(text: str, columns: int, tail: int, clipped: str) -> None:
    assert clip(text, columns, tail) == clipped


@given(letters, st.integers(1, 40), st.data())
def test_it_fits(text: str, columns: int, data: st.DataObject) -> None:
    clipped = clip(text, columns, data.draw(st.integers(0, columns // 2)))
    assert clipped == text or "…" in clipped
    assert clipped == text if width(text) <= columns else column_width(clipped) <= columns


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("abcdef", 6, ["abcdef"]),
        ("BatchNormalization", 13, ["Batch", "Normalization"]),
        ("conv5_block3_3_bn", 10, ["conv5_", "block3_3_", "bn"]),
        ("kernel 3×3×64 + bias 64", 14, ["kernel 3×3×64", "+ bias 64"]),
        ("kernel 300×300×64×128", 12, ["kernel 300×", "300×64×128"]),
        ("(None, 26, 26, 32)", 11, ["(None, 26,", "26, 32)"]),
        ("abcdefghijkl", 5, ["abcde", "fghij", "kl"]),
        ("漢字かな交じり", 5, ["漢字…", "交じ", "り"]),
        ("_x漢❤漢\u200d❤🏿1a❤", 8, ["_x漢❤漢\u200d", "❤🏿1a❤"]),  # letters that join are wider together
    ],
)
def test_wrap(text: str, columns: int, lines: list[str]) -> None:
    assert wrap(text, columns, 3) == lines


@given(letters, st.integers(1, 40), st.integers(1, 4), st.booleans())
def test_wrapped_lines_fit(text: str, columns: int, max_lines: int, keep_end: bool) -> None:
    lines = wrap(text, columns, max_lines, keep_end=keep_end)
    assert len(lines) <= max_lines
    assert max(map(column_width, lines)) <= columns

"""Whatever a layer is called, every form stays what it is."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import width

from paramcount.model.report import Report
from paramcount.rendering import RENDERERS
from paramcount.rendering.fields import printable, total_fields
from paramcount.rendering.svg import as_svg
from paramcount.rendering.text import as_text
from tools.cases.reports import report

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text("`|\\.<&>\"'=+-@ \n\r\t", max_size=9)
models = st.dictionaries(names, st.tuples(st.lists(st.integers(0, 50), max_size=3), st.booleans()), max_size=12)


def count_tensors(model: dict[str, Any]) -> Report:
    return report({"parameters": {name: {"shape": s, "requires_grad": flag} for name, (s, flag) in model.items()}})


@settings(max_examples=60)
@given(models)
def test_a_picture_is_xml(model: Any) -> None:
    shown = count_tensors(model)
    root = ET.fromstring(as_svg(shown))
    heights = [
        (float(rect.get("x", 0)), float(rect.get("y", 0)), float(rect.get("height", 0)))
        for rect in root.iter("{http://www.w3.org/2000/svg}rect")
        if rect.get("class") == "edge"
    ]
    if shown.root.totals.trainable + shown.root.totals.frozen:
        left = min(x for x, _, _ in heights)
        whole = float(root.get("height", 0)) - 72 - 16
        assert abs(sum(height for x, _, height in heights if x == left) - whole) < 0.01 * len(heights) + 0.01


@settings(max_examples=60)
@given(models, st.integers(40, 160))
def test_a_table_is_straight(model: Any, columns: int) -> None:
    lines = as_text(count_tensors(model), columns=columns).split("\n")
    table = [line for line in lines if line.startswith(("┌", "├", "└", "│"))]
    assert len({width(line) for line in table}) == 1


@settings(max_examples=60)
@given(models)
def test_csv_has_its_cells(model: Any) -> None:
    shown = count_tensors(model)
    rows = list(csv.reader(StringIO(RENDERERS["text/csv"](shown, "layers", 99), newline=""), strict=True))
    assert {len(row) for row in rows} == {15}
    assert int(rows[1][6]) == total_fields(shown.root.totals, shown.convention)["total"]
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "-", "@"))]


@settings(max_examples=60)
@given(models)
def test_markdown_has_its_cells(model: Any) -> None:
    text = RENDERERS["text/markdown"](count_tensors(model), "layers", 99)
    for line in text.split("\n"):
        if line.startswith("|"):
            assert line.count("|") in (6, 10), line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u0b47", "◌\u0b47"),
        ("0000 1 + \u0b47 1", "0000 1 + ◌\u0b47 1"),
        ("a_\u0301", "a_◌\u0301"),
        ("e\u0301\u0323 क\u0b47", "e\u0301\u0323 क\u0b47"),
        ("a\u200d\u202eb\x07", "ab\ufffd"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown

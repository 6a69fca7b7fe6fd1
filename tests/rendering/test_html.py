"""The table of a notebook: its cells, its bounds, and no markup of a client's."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcount.model.report import Report
from paramcount.rendering.fields import printable, total_fields
from paramcount.rendering.html import MAX_ROWS, as_html
from tools.cases.reports import ALL, NAMES, deep, dense, keras_resnet, model, report, wide

TAGS = {"div", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "ul", "li"}
ATTRIBUTES = {"class", "style", "colspan"}


class Page(HTMLParser):
    """The tags, the attributes and the rows of cells of a page; every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pending: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert not self.pending

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pending.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.pending.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.pending and self.pending[-1] in ("td", "th"):
            self.rows[-1][-1] += data


everything = pytest.mark.parametrize("shown", ALL.values(), ids=ALL)


@everything
def test_a_page_is_a_plain_table(shown: Report) -> None:
    html = as_html(shown, max_rows=10_000)
    page = Page(html)
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", html)
    total = total_fields(shown.root.totals, shown.convention)["total"]
    assert ["Total", f"{total:,}", ""] in page.rows
    assert {len(row) for row in page.rows} == {9, 3}


def test_names_are_text() -> None:
    layers = Page(as_html(ALL["odd"])).rows[1:]
    assert [row[0] for row in layers[: len(NAMES)]] == [printable(name) for name in NAMES]


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=40) | st.text("<>&'\"$\\ \n/", max_size=9), st.integers(0, 9), max_size=9))
def test_no_name_is_markup(sizes: dict[str, int]) -> None:
    parameters = {name: {"shape": [size]} for name, size in sizes.items()}
    page = Page(as_html(report({"parameters": parameters})))
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES


def test_a_row() -> None:
    rows = Page(as_html(report(model(dense("a", 4), dense("b")), ("b", False)))).rows
    assert rows[0] == [
        "Layer",
        "Type",
        "Output shape",
        "Parameters",
        "Trainable",
        "Copies",
        "In all",
        "Frozen by",
        "How",
    ]
    assert rows[1] == ["a", "Dense", "(None, 4)", "16", "16", "", "", "", "kernel 3×4 + bias 4"]
    assert rows[2] == ["b", "Dense", "(None, 3)", "15", "0", "", "", "rule 0", "kernel 4×3 + bias 3"]
    assert rows[3:6] == [["Total", "31", ""], ["Trainable", "16", ""], ["Frozen", "15", ""]]


def test_rows_are_bounded() -> None:
    many = wide(20_000)
    rows = Page(as_html(many)).rows
    assert ["… 19,800 more"] in rows
    assert len(rows) == 1 + MAX_ROWS + 1 + 6
    assert len(as_html(many)) < 100_000
    assert ["… 2,998 more"] in Page(as_html(wide(3000), max_rows=2)).rows


def test_levels_are_indented() -> None:
    html = as_html(deep(95), max_rows=3)
    assert [row[0] for row in Page(html).rows[1:4]] == ["level1", "own", "level2"]
    assert re.findall(r"padding-left: ([\d.]+)em", html) == ["0.5", "1.7", "1.7"]
    assert max(map(float, re.findall(r"padding-left: ([\d.]+)em", as_html(deep(95))))) == 24.5


def test_long_names_are_cut() -> None:
    layers = [row[0] for row in Page(as_html(report(model(dense("start" + "x" * 900 + "end"))))).rows]
    assert re.fullmatch(r"start\w+…\w+end", layers[1])
    assert len(layers[1]) < 310


def test_warnings_are_shown() -> None:
    html = as_html(ALL["inexact"])
    assert "NOT EXACT: see below)</caption>" in html
    assert "<li>unknown_layer: m: &quot;Mystery&quot; is an unknown layer type" in html
    assert "<ul>" not in as_html(keras_resnet())


def test_a_notebook_typesets_no_name() -> None:
    assert as_html(report(model(dense("$x$")))).startswith('<div class="tex2jax_ignore mathjax_ignore">')

"""Every form of every report: what it adds up to, what it never lets through, and how much it is at most."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from math import prod
from typing import Any

import pytest
from wcwidth import width

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.budget import Limits
from paramcount.model.report import Report
from paramcount.model.tensors import Convention
from paramcount.rendering import JSON, MEDIA_TYPES, RENDERERS
from paramcount.rendering.fields import FrozenElements, explanation, shape_text, total_fields
from paramcount.rendering.json import as_json
from paramcount.rendering.text import as_text
from paramcount.requests.count import render
from paramcount.requests.envelope import load_options
from paramcount.schema.registry import FORMATS
from tools.cases.reports import ALL, deep, dense, keras_resnet, model, report

everything = pytest.mark.parametrize("shown", ALL.values(), ids=ALL)


def text_lines(shown: Report, columns: int = 120, depth: int = 1000) -> list[str]:
    return as_text(shown, depth, columns).splitlines()


def _render(shown: Report, detail: str, depth: int, media: str) -> str:
    return render(shown, load_options({"detail": detail, "depth": depth}, ()), Limits(), media).decode()


@everything
@pytest.mark.parametrize("media", MEDIA_TYPES)
@pytest.mark.parametrize("detail", ["totals", "layers", "tensors"])
def test_every_form_has_the_total(media: str, detail: Any, shown: Report) -> None:
    rendered = _render(shown, detail, 3, media)
    total = total_fields(shown.root.totals, shown.convention)["total"]
    assert f"{total:,}" in rendered or f"{total}" in rendered
    assert rendered.encode()


def test_fragments_that_say_much_are_not_kept() -> None:
    def kept(tensors: int, name: str) -> int:
        """Return how many fragments the second of two equal layers finds kept."""
        layer = {f"{name}{number}": {"shape": [2]} for number in range(tensors)}
        parameters = {f"{path}.{tensor}": entry for path in "ab" for tensor, entry in layer.items()}
        counted = count(read({"parameters": parameters}, FORMATS["tensors"]))
        assert as_json(counted)["layers"][0]["totals"]["total"] == 2 * tensors
        return len(counted.root.children[0].summary.rendered or ())

    assert kept(1000, "w") == 0
    assert kept(1, "w" * 1000) == 0
    assert kept(3, "w") == 1


@everything
@pytest.mark.parametrize("media", RENDERERS)
def test_no_form_lets_controls_through(media: str, shown: Report) -> None:
    rendered = RENDERERS[media](shown, "layers", 1000)
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", rendered)


@everything
def test_why_it_is_frozen_adds_up(shown: Report) -> None:
    frozen = FrozenElements(shown)

    def check(row: Any) -> None:
        elements = sum(reason["count"] for reason in frozen.of(row))
        assert elements == total_fields(row.totals, shown.convention)["frozen"]
        for child in row.children:
            check(child)

    check(shown.root)


def test_why_it_is_frozen_by_convention() -> None:
    layers = [dense("a", trainable=False), dense("b"), {"type": "BatchNormalization"}]
    for convention, design in (("keras", [{"by": "design", "count": 6}]), ("torch", [])):
        shown = report(model(*layers), ("b.bias", False), convention=convention)
        assert FrozenElements(shown).of(shown.root) == [
            {"by": "rule", "rule": 0, "match": "b.bias", "count": 3},
            {"by": "document", "count": 12},
            *design,
        ]


@everything
def test_an_explanation_adds_up(shown: Report) -> None:
    conventions: tuple[Convention, ...] = ("keras", "torch")
    for convention in conventions:
        for row, _ in shown.root.walk():
            total = total_fields(row.totals, convention)["total"]
            children = sum(total_fields(child.totals, convention)["total"] for child in row.children)
            text = explanation(row, convention)
            assert text or not row.tensors
            assert total == evaluate(text, children) if text else total == children, text


def evaluate(text: str, children: int) -> int:
    """Return the number that an explanation comes to; `children` is the sum of one copy's."""
    text = re.split("not in the total: |counted elsewhere: ", text)[0].rstrip("; ")
    match = re.fullmatch(r"([\d,]+) × (?:\((.*)\)|(what is beneath))", text)
    copies, terms = (match[1], match[2] or match[3]) if match else ("1", text)
    terms = terms.replace("buffers (", "").replace(")", "")
    sizes = [
        children if term == "what is beneath" else prod(map(int, term.rpartition(" ")[2].split("×")))
        for term in terms.split(" + ")
        if term
    ]
    return int(copies.replace(",", "")) * sum(sizes)


def test_buffers_that_are_not_in_the_total_stand_beside_it() -> None:
    norm = {"type": "BatchNorm2d", "num_features": 32}
    block = {"type": "Block", "repeat": 3, "layers": [norm | {"repeat": 2}]}
    shown = report({"framework": "torch", "layers": [norm, block]})
    first, outer = shown.root.children
    buffers = "running_mean 32 + running_var 32 + num_batches_tracked 1"
    assert explanation(first, "torch") == f"weight 32 + bias 32; not in the total: {buffers}"
    assert explanation(first, "keras") == f"weight 32 + bias 32 + buffers ({buffers})"
    assert explanation(outer, "torch") == "3 × what is beneath"
    (inner,) = outer.children
    assert explanation(inner, "torch") == f"2 × (weight 32 + bias 32); not in the total: 2 × ({buffers})"


def test_what_is_not_exact_has_a_name() -> None:
    hidden = count(read("CrossEntropyLoss()", FORMATS["torch"]))
    assert text_lines(hidden)[0].endswith("(torch, in the torch convention, but for the number of buffers: see below)")
    assert (as_json(hidden)["exact"], as_json(hidden)["inexact"]) == (True, ["buffers"])
    assert "**Not exact** (buffers): see" in RENDERERS["text/markdown"](hidden, "layers", 1)
    assert as_json(ALL["inexact"])["inexact"] == ["total", "trainable", "frozen", "buffers", "bytes"]
    assert as_json(ALL["own"])["inexact"] == []


# Text


@everything
@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_table_fits_its_terminal(columns: int, shown: Report) -> None:
    table = [line for line in text_lines(shown, columns) if line[0] in "┌│├└"]
    assert len({width(line) for line in table}) == 1
    assert width(table[0]) <= columns


def test_a_tree() -> None:
    block = {"type": "Block", "name": "block", "layers": [dense("a"), {"type": "Block", "layers": [dense("b")]}]}
    lines = text_lines(report(model(block, dense("head"))))
    names = [line[2:].partition(" │ ")[0].rstrip() for line in lines if line.startswith("│")]
    assert names == ["Layer", "block", "├─ a", "└─ block", "   └─ b", "head"]


def test_deep_levels_are_numbered() -> None:
    lines = [line for line in text_lines(deep(95)) if "level95" in line]
    assert len(lines) == 1
    assert re.search(r"│\s+94 level95 ", lines[0])


def test_a_long_name_keeps_both_ends() -> None:
    lines = text_lines(report(model(dense("start" + "x" * 200 + "end"))))
    first = next(number for number, line in enumerate(lines) if "start" in line)
    name = "".join(line.split("│")[1].strip() for line in lines[first : first + 3])
    assert re.fullmatch(r"startx+…x+end", name)


def test_a_table_of_80_columns_drops_nothing_in_silence() -> None:
    lines = text_lines(keras_resnet(), 80)
    assert "Not shown in 80 columns: Output shape, How" in lines
    (first,) = [number for number, line in enumerate(lines) if line.startswith("│ conv5_block3_3_bn ")]
    assert [line.split("│")[2].strip() for line in lines[first : first + 2]] == ["Batch", "Normalization"]
    assert not [line for line in text_lines(keras_resnet(), 200) if line.startswith("Not shown")]


def test_tensors_are_listed() -> None:
    layers = [dense("a"), {"type": "BatchNormalization", "name": "n"}, dense("c", shares="a")]
    text = _render(report(model(*layers), ("a.bias", False)), "tensors", 9, "text/plain")
    assert [re.split(r" {2,}", line) for line in text.partition("\n\n")[2].splitlines()] == [
        ["Tensor", "Shape", "Dtype", "Elements", "Copies", "Status"],
        ["a.kernel", "3×3", "F32", "9", "1", "trains"],
        ["a.bias", "3", "F32", "3", "1", "frozen"],
        ["n.gamma", "3", "F32", "3", "1", "trains"],
        ["n.beta", "3", "F32", "3", "1", "trains"],
        ["n.moving_mean", "3", "F32", "3", "1", "buffer"],
        ["n.moving_variance", "3", "F32", "3", "1", "buffer"],
        ["c.kernel", "3×3", "F32", "9", "1", "tied to a.kernel"],
        ["c.bias", "3", "F32", "3", "1", "tied to a.bias"],
    ]
    assert "| `a.kernel` | 3×3 | F32 | 9 | 1 | `trains` |" in _render(
        report(model(dense("a"))), "tensors", 9, "text/markdown"
    )


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ((None, 26, 26, 32), "(None, 26, 26, 32)"),
        ((), "()"),
        ([(None, 4), (None, 5)], "[(None, 4), (None, 5)]"),
        ({"a": (None, 4), "b": [(2,)]}, "{a: (None, 4), b: [(2)]}"),  # Keras leaves the comma of (2,) out too
        (None, ""),
    ],
)
def test_shapes(output: Any, text: str) -> None:
    assert shape_text(output) == text


def test_totals_of_text() -> None:
    lines = text_lines(keras_resnet(("*", False), ("predictions", True)))
    assert lines[0] == "resnet50 (keras, in the keras convention)"
    assert "Total               25,636,712" in lines
    assert "Frozen              23,587,712  23,534,592 by rule 0 (*), 53,120 by design" in lines
    assert text_lines(ALL["inexact"])[0].endswith("NOT EXACT: see below)")
    assert text_lines(ALL["inexact"])[-1].startswith("unknown_layer: m: ")


def test_tensors_of_the_root_have_a_line() -> None:
    lines = "\n".join(text_lines(ALL["own"]))
    assert re.search(r"│ \(own\)\s.*│\s+7 │", lines)


# CSV


@everything
def test_csv(shown: Report) -> None:
    text = RENDERERS["text/csv"](shown, "layers", 1000)
    rows = list(csv.reader(StringIO(text, newline=""), strict=True))
    assert text.count("\r\n") == len(rows)
    assert "\n" not in text.replace("\r\n", "")
    assert {len(row) for row in rows} == {15}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "＝", "\t"))]
    first = dict(zip(rows[0], rows[1], strict=True))
    totals = total_fields(shown.root.totals, shown.convention)
    assert {name: int(first[name]) for name in totals} == totals
    assert sum(int(row[6]) for row in rows[2:] if row[0] == "1") == (totals["total"] if rows[2:] else 0)


def test_a_formula_is_text() -> None:
    rows = list(csv.DictReader(StringIO(RENDERERS["text/csv"](ALL["odd"], "layers", 9))))
    names = {row["name"] for row in rows}
    assert {"'=cmd|' /C calc'!A0", "'-1+1", "'@SUM(A1)", "'＝1+1"} <= names
    assert rows[1]["tensors"] == "kernel[3,3]; bias[3]"


# Markdown


@everything
def test_a_markdown_table_has_its_columns(shown: Report) -> None:
    text = RENDERERS["text/markdown"](shown, "layers", 1000)
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
    assert set(cells) <= {6, 10}
    outside = re.sub(r"`[^`]*`|<code>[^<]*</code>", "", text)
    assert not re.search(r"[<>\[\]&`\\]|https?:", outside)


def test_a_name_that_no_code_span_holds() -> None:
    text = RENDERERS["text/markdown"](report(model(dense("a`b\\|c"))), "layers", 9)
    assert "| <code>a&#96;b&#92;&#124;c</code> |" in text


# SVG


def test_json_is_json() -> None:
    rendered = _render(ALL["odd"], "layers", 2, JSON)
    assert json.loads(rendered)["totals"]["total"] == total_fields(ALL["odd"].root.totals, "keras")["total"]


def test_a_narrow_tree_is_drawn_narrower_and_stays_a_tree() -> None:
    names = ("body.blocks_of_attention.projection.weight", "body.blocks_of_attention.key.weight", "body.norm.weight")
    shown = report({"parameters": {name: {"shape": [3]} for name in names}})
    lines = as_text(shown, columns=36).splitlines()[4:11]
    assert [line[2:14] for line in lines] == [
        "body        ",
        "├ blocks_of_",
        "│ attention ",
        "│ ├ projecti",
        "│ │ on      ",
        "│ └ key     ",
        "└ norm      ",
    ]


def test_many_reasons_have_a_line_each() -> None:
    rules = [(f"a{number}*", False) for number in range(30)]
    shown = report({"parameters": {f"a{number:02}.w": {"shape": [3]} for number in range(30)}}, *rules)
    lines = as_text(shown).splitlines()
    assert "                             3  by rule 29 (a29*)" in lines
    assert max(map(len, lines)) <= 120

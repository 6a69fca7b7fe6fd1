"""Pictures: what is drawn, in which order, and how it is labelled."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from paramcount.model.report import Report
from paramcount.rendering.svg import as_svg
from tools.cases.reports import ALL, deep, dense, keras_resnet, model, report, wide

SVG = "{http://www.w3.org/2000/svg}"
everything = pytest.mark.parametrize("shown", ALL.values(), ids=ALL)


def boxes(shown: Report, depth: int = 1000) -> list[tuple[str, str]]:
    """Each box's title and label."""
    drawn = ET.fromstring(as_svg(shown, depth))
    return [
        (group.findtext(f"{SVG}title") or "", next((text.text or "" for text in group.iter(f"{SVG}text")), ""))
        for group in drawn.iter(f"{SVG}g")
        if group.get("class") == "box"
    ]


@everything
def test_a_picture_is_well_formed_and_bounded(shown: Report) -> None:
    drawn = as_svg(shown._replace(format="<&>\"'"))
    root = ET.fromstring(drawn)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert len(drawn) < 200_000
    assert len(boxes(shown)) <= 6 * 560 // 14 * 2
    assert not list(root.iter(f"{SVG}script"))


def test_a_picture_of_many_layers_gathers_them() -> None:
    drawn = boxes(wide(10_000))
    assert 20 <= len(drawn) <= 40
    assert drawn[0][1] == "250 layers: layer_0 … layer_249"
    assert drawn[0][0].startswith("250 layers: layer_0 … layer_249\n25,000 parameters, 2.5 % of all")


def test_boxes_are_in_the_order_of_the_model() -> None:
    sizes = (1, 10_000, 1, 2, 9_000, 3, 1, 8_000, 1)
    shown = report({"parameters": {f"l{index}.w": {"shape": [size]} for index, size in enumerate(sizes)}})
    labels = [label for _, label in boxes(shown)]
    assert labels == ["2 layers: l0 … l1", "3 layers: l2 … l4", "3 layers: l5 … l7", "l8"]


@pytest.mark.parametrize(
    ("rules", "labels"),
    [
        ((("*", False), ("predictions", True)), {"predictions"}),
        ((("*", False), ("conv1_bn", True)), {"conv1_bn"}),
        ((("*", False), ("conv1_conv.bias", True)), {"conv1_conv"}),
        ((("*", False), ("conv5_block3_3_conv", True), ("conv2_block1_1_bn", True)),
         {"conv5_block3_3_conv", "conv2_block1_1_bn"}),
    ],
)  # fmt: skip
def test_what_trains_has_a_box_and_a_label(rules: Any, labels: set[str]) -> None:
    """Also 128 of 25 million parameters."""
    drawn = ET.fromstring(as_svg(keras_resnet(*rules)))
    trains = {
        next(group.iter(f"{SVG}text")).text
        for group in drawn.iter(f"{SVG}g")
        if any(rect.get("class") == "trains" and float(rect.get("width", 0)) >= 3 for rect in group)
    }
    assert trains == labels


def test_what_trains_is_shown_inside_what_is_frozen() -> None:
    inner = {"type": "Block", "name": "inner", "layers": [dense("big", 9000), dense("head", 1)]}
    shown = report(model(inner, dense("tail", 9000)), ("*", False), ("inner.head.bias", True))
    assert [label for _, label in boxes(shown)] == ["inner", "tail", "big", "head"]


def test_shares_are_written() -> None:
    texts = [
        text.text or ""
        for text in ET.fromstring(as_svg(keras_resnet(("*", False), ("predictions", True)))).iter(f"{SVG}text")
    ]
    assert "2,049,000 · 7.99 %" in texts
    assert any("2,049,000 train (7.99 %)" in text for text in texts)


def test_a_chain_is_one_box() -> None:
    node: dict[str, Any] = dense("d")
    for level in range(90, 0, -1):
        node = {"type": "Block", "name": f"level{level}", "layers": [node]}
    assert [label for _, label in boxes(report(model(node)))] == ["level1 › … › d"]


def test_six_levels_at_most() -> None:
    assert {label for _, label in boxes(deep(95)) if label.startswith("level")} == {f"level{n}" for n in range(1, 7)}
    assert [label for _, label in boxes(deep(95), 1)] == ["level1"]


def test_copies_are_counted_where_they_stand() -> None:
    blocks = {f"h.{index}.{part}.weight": {"shape": [10]} for index in range(4) for part in ("a", "b")}
    labels = {label: title for title, label in boxes(report({"parameters": blocks}))}
    assert labels["h › 0-3 ×4"].endswith("80 parameters, 100 % of all")
    assert "h.0-3.a\n40 parameters, 50 % of all" in labels["a"]


def test_frozen_parameters_are_hatched() -> None:
    shown = report(model(dense("a"), dense("b")), ("a", False))
    drawn = ET.fromstring(as_svg(shown))
    fills = [
        [rect.get("fill", rect.get("class", "")).partition("#")[0] for rect in group.iter(f"{SVG}rect")]
        for group in drawn.iter(f"{SVG}g")
        if group.get("class") == "box"
    ]
    assert fills == [["url(", "edge", "frozen", "frozen"], ["trains", "edge"]]  # no hatching behind the letters
    assert "12 frozen by rule 0" in boxes(shown)[0][0]


def test_two_pictures_on_a_page_do_not_meet() -> None:
    ids = [re.findall(r'id="([^"]+)"', as_svg(shown)) for shown in ALL.values()]
    flat = [each for of_one in ids for each in of_one]
    assert len(flat) == len(set(flat))

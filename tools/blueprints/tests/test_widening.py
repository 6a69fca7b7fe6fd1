"""Pins, and lines that are refitted once a field is no longer pinned: expected expressions are worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tools.blueprints.lines import Line, Pin, parse_rule, parse_tensor, read_membership, read_pin
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.refitting import Field, Seen, find_expression, refit
from tools.blueprints.scaling import rewrite, substitute


@pytest.mark.parametrize(
    ("clause", "pin"),
    [
        ("width == 8", Pin("width == 8", "width", ("8",))),
        ("text.act == 'gelu'", Pin("text.act == 'gelu'", "text.act", ("'gelu'",))),
        ("head is None or head == 64", Pin("head is None or head == 64", "head", ("None", "64"))),
        ("head is None or width == 64", None),
        ("not width % heads != 0", None),
        ("digest(backbone) == 'ab'", None),
    ],
)
def test_a_pin_leaves_one_field_one_value(clause: str, pin: Pin | None) -> None:
    assert read_pin(clause) == pin


@pytest.mark.parametrize(
    ("clause", "pin"),
    [
        ("'stage4' in out_features", Pin("'stage4' in out_features", "out_features", ("'stage4'",))),
        ("not 'stem' in out_features", None),
        ("'stage4' in out_features or depth == 1", None),
    ],
)
def test_a_membership_leaves_a_list_one_of_its_items(clause: str, pin: Pin | None) -> None:
    assert read_membership(clause) == pin


@pytest.mark.parametrize(
    "text",
    [
        "head.weight [8; width]",
        "layers.{i}.w [8] for 12 where not i >= 2 tied to layers.0.w frozen",
        "steps [] buffer I64",
        "stages.{i}.{j}.w [2 * width; 1] for 4; depths[i] where j == 0",
    ],
)
def test_a_line_is_put_together_as_it_was(text: str) -> None:
    assert parse_tensor(text).text == text


def test_a_line_expands_to_the_names_of_its_blocks() -> None:
    line = parse_tensor("layers.{i}.w [width] for depth where i >= 1")
    assert list(line.expand({"depth": 3, "width": 8})) == [("layers.1.w", (1,)), ("layers.2.w", (2,))]


def test_a_rule_is_put_together_as_it_was() -> None:
    text = "kinds[i] = 'full' for 12 where i % 2 == 0"
    assert parse_rule(text).text == text


@pytest.mark.parametrize(
    ("text", "path", "base", "expected"),
    [
        ("256", "width", 256, "width"),
        ("768", "width", 256, "3 * width"),
        ("64", "width", 256, "width // 4"),
        ("12", "width", 24, "-(-width // 2)"),
        ("width // 32", "heads", 32, "width // heads"),
        ("head * 32", "heads", 32, "head * heads"),
        ("2 * width + 64", "rotary", 64, "2 * width + rotary"),
        ("588", "patch", 14, "3 * patch * patch"),
        ("257", "image", 224, "image // 14 * (image // 14) + 1"),
    ],
)
def test_a_number_that_stood_for_a_field_follows_from_it(text: str, path: str, base: int, expected: str) -> None:
    assert expected in list(rewrite(text, path, base))


def test_a_slope_that_was_seen_is_added() -> None:
    assert "2 * width + 16" in list(rewrite("32", "width", 8, frozenset([2])))


def test_the_base_value_is_substituted_but_not_in_tables() -> None:
    assert substitute("i + 1 == 12", "depth", 12) == "i + 1 == depth"
    assert substitute("{0: 12}[i]", "depth", 12) == "{0: 12}[i]"
    assert substitute("i in {0, 12}", "depth", 12) == "i in {0, 12}"


def _seen(fields: dict[str, Any], **shapes: tuple[int, ...]) -> Seen:
    truth = {name.replace("__", "."): BuiltTensor(shape, "", False, "") for name, shape in shapes.items()}
    return Seen(fields, fields, truth, {})


def _refit(field: Field, seen: list[Seen], *lines: str) -> list[str] | None:
    refitted = refit([parse_tensor(line) for line in lines], seen, field)
    return None if refitted is None else [line.text for line in refitted]


def test_sizes_follow_from_the_field() -> None:
    seen = [_seen({"width": width}, up__weight=(3 * width, 5)) for width in (8, 4, 7)]
    assert _refit(Field("width", 8), seen, "up.weight [24; 5]") == ["up.weight [3 * width; 5]"]


def test_numbers_of_blocks_follow_from_the_field() -> None:
    seen = [
        _seen({"depth": 1}, l__0__w=(4,)),
        _seen({"depth": 3}, l__0__w=(2,), l__1__w=(2,), l__2__w=(4,)),
    ]
    lines = ("l.{i}.w [2] for 2 where i + 1 != 2", "l.{i}.w [4] for 2 where i + 1 == 2")
    assert _refit(Field("depth", 2), seen, *lines) == [
        "l.{i}.w [2] for depth where i + 1 != depth",
        "l.{i}.w [4] for depth where i + 1 == depth",
    ]


def test_a_bias_comes_and_goes_with_its_flag() -> None:
    without = _seen({"bias": False, "width": 8}, q__weight=(8, 5))
    with_it = _seen({"bias": True, "width": 8}, q__weight=(8, 5), q__bias=(8,))
    line = "q.weight [width; 5]"
    assert _refit(Field("bias", False), [without, with_it], line) == [line, "q.bias [width] where bias"]
    lines = (line, "q.bias [width]")
    assert _refit(Field("bias", True), [without, with_it], *lines) == [line, "q.bias [width] where bias"]


def test_a_flag_ties_a_tensor() -> None:
    tied = {"head.weight": BuiltTensor((8, 4), "embed.weight", False, "")}
    seen = [_seen({"tie": False}, head__weight=(8, 4)), Seen({"tie": True}, {"tie": True}, tied, {})]
    assert _refit(Field("tie", False), seen, "head.weight [8; 4]") == [
        "head.weight [8; 4] where not tie",
        "head.weight [8; 4] where tie tied to embed.weight",
    ]


def test_no_expression_fits_values_that_follow_from_nothing() -> None:
    sizes = [({"width": 8}, (), 3), ({"width": 9}, (), 17), ({"width": 10}, (), 5)]
    assert find_expression("3", sizes, Field("width", 8)) is None
    assert Line("w", ("3",)).text == "w [3]"


def test_a_module_comes_with_its_flag_beside_those_that_are_near() -> None:
    seen = [
        _seen({"scales": False, "width": 8}, l__0__conv__weight=(8, 8), l__1__conv__weight=(8, 8)),
        _seen(
            {"scales": True, "width": 6},
            l__0__conv__weight=(6, 6),
            l__1__conv__weight=(6, 6),
            l__0__lab__scale=(1,),
            l__1__lab__scale=(1,),
        ),
    ]
    assert _refit(Field("scales", False), seen, "l.{i}.conv.weight [width; width] for 2") == [
        "l.{i}.conv.weight [width; width] for 2",
        "l.{i}.lab.scale [1] for 2 where scales",
    ]


def test_a_bias_comes_where_each_kind_of_layer_has_its_weight() -> None:
    fields = {"bias": True, "wide": 8, "small": 4}
    shapes = {"l__0__q__weight": (8, 5), "l__1__q__weight": (4, 5), "l__0__q__bias": (8,), "l__1__q__bias": (4,)}
    lines = ("l.{i}.q.weight [wide; 5] for 2 where i == 0", "l.{i}.q.weight [small; 5] for 2 where not i == 0")
    assert _refit(Field("bias", False), [_seen(fields, **shapes)], *lines) == [
        *lines,
        "l.{i}.q.bias [wide] for 2 where i == 0 and bias",
        "l.{i}.q.bias [small] for 2 where not i == 0 and bias",
    ]


def test_what_was_tied_is_sized_like_another_once_it_is_not() -> None:
    seen = [
        _seen({"tied": False, "width": width}, table__weight=(9, width), out__weight=(9, width)) for width in (8, 6)
    ]
    lines = ("table.weight [9; width]", "out.weight [9; 8] where not tied")
    assert _refit(Field("tied", True), seen, *lines) == [
        "table.weight [9; width]",
        "out.weight [9; width] where not tied",
    ]


@pytest.mark.parametrize(
    ("text", "sizes", "expected"),
    [
        ("8", {8: 8, 16: 16, 9: 8}, "width // heads * heads"),
        ("16", {8: 16, 16: 32, 9: 16}, "width // heads * (heads + 2 * key_value_heads)"),
    ],
)
def test_a_width_is_split_into_heads(text: str, sizes: dict[int, int], expected: str) -> None:
    scopes = [({"width": width, "heads": 4, "key_value_heads": 2}, (), size) for width, size in sizes.items()]
    assert find_expression(text, scopes, Field("width", 8)) == expected


def test_the_last_layer_of_an_mlp_may_be_of_another_size() -> None:
    seen = [
        _seen({"width": 8, "out": out}, mlp__0__weight=(8, 8), mlp__1__weight=(8, 8), mlp__2__weight=(out, 8))
        for out in (8, 4, 7)
    ]
    assert _refit(Field("out", 8, frozenset(["width"])), seen, "mlp.{i}.weight [width; 8] for 3") == [
        "mlp.{i}.weight [out; 8] for 3 where i == 3 - 1",
        "mlp.{i}.weight [width; 8] for 3 where not i == 3 - 1",
    ]

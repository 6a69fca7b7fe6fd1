"""The language of blueprints: what it says, what it refuses, and sets of blocks."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from paramcount.formats.huggingface.expressions import parse
from paramcount.formats.huggingface.functions import Unknown
from paramcount.formats.huggingface.places import each, joined, where
from paramcount.formats.huggingface.planning import parts_of
from paramcount.model.errors import TooLarge

SCOPE: dict[str, Any] = {
    "a": 12, "b": 5, "f": 2.5, "yes": True, "no": False, "word": "gated-gelu", "null": None,
    "sizes": [3, 4, 5], "kinds": ["full", "linear", "full"], "part.a": 7,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a * b + 1", 61),
        ("a - (b - 1)", 8),
        ("-a // b", -3),
        ("part.a % 4", 3),
        ("2 ** b", 32),
        ("int(a * f)", 30),
        ("max(a, b)", 12),
        ("len(sizes) + sum(sizes)", 15),
        ("sizes[i + 1]", 4),
        ("count(kinds, 'full')", 2),
        ("nth(kinds, 'full', 1)", 2),
        ("split(word, '-', 0) == 'gated'", True),
        ("contains(word, 'gelu')", True),
        ("is_activation('silu')", True),
        ("is_activation('prelu')", False),  # holds a parameter
        ("only(kinds, ['full', 'linear'])", True),
        ("{0: 8, 1: 9}[i]", 8),
        ("i in {0, 3}", True),
        ("null is None", True),
        ("a if yes else b", 12),
        ("most(b, null, 3)", 5),
        ("is_list(sizes) and not is_list(a)", True),
    ],
)
def test_value(text: str, value: Any) -> None:
    assert parse(text).value(SCOPE, (0,)) == value


@pytest.mark.parametrize(
    "text",
    ["null + 1", "null == 3", "null != 3", "sizes[3]", "sizes[0 - 1]", "word * a", "sizes * a", "a // (b - 5)",
     "a == 'auto'", "10 ** 100", "split(word, '-', 4)", "missing > 1",
     "nth(kinds, 'full', 2)", "nth(kinds, 'full', 0 - 1)"],
)  # fmt: skip
def test_no_value(text: str) -> None:
    with pytest.raises((Unknown, ArithmeticError, LookupError, TypeError)):
        parse(text).value(SCOPE, (0,))
    assert parse(text).truth(SCOPE, (0,)) is False
    assert parse(f"not ({text})").truth(SCOPE, (0,)) is True


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "a.__class__()", "(lambda: 1)()", "[x for x in sizes]", "open('x')", "f'{a}'", "a := 1",
     "a @ b", "eval('1')",
     "a < b < 3", "sizes[0:1]", "print(a)", "", "a b", "max(*sizes)"],
)  # fmt: skip
def test_nothing_else_is_in_the_language(text: str) -> None:
    with pytest.raises((ValueError, KeyError, SyntaxError)):
        parse(text)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 100])
@pytest.mark.parametrize(
    "guard",
    ["i < 3", "i >= b", "i != 2", "i + 1 == a", "i % 4 == 1", "(i + 1) % b != 0", "i % 2 == 0 and not i > 9",
     "yes", "no or i == 1", "i * i < 30", "(i > 2 if no else i < 2)", "kinds[i] == 'full'", "i % null == 0",
     "i % 0 == 0"],
)  # fmt: skip
def test_places_are_where_it_holds(guard: str, count: int) -> None:
    expression = parse(guard)
    expected = [place for place in range(count) if expression.truth(SCOPE, (place,))]
    assert list(each(where(expression, 0, count, SCOPE, ()))) == expected


def test_a_pattern_over_a_million_blocks() -> None:
    found = where(parse("(i + 1) % 8 == 0 or i < 3"), 0, 10**6, SCOPE, ())
    assert found.bit_count() == 125_003


def test_blocks_without_a_pattern_have_a_limit() -> None:
    with pytest.raises(TooLarge):
        where(parse("i * i % 7 == 3"), 0, 10**6, SCOPE, ())
    with pytest.raises(TooLarge):
        where(parse("i % 7 == 3"), 0, 2**40, SCOPE, ())


@pytest.mark.parametrize(
    ("places", "name"), [(0b1, "0"), (0b100111, "0-2,5"), (0b1010, "1,3"), ((1 << 80) - 1, "0-79"), (0, "")]
)
def test_joined(places: int, name: str) -> None:
    assert joined(places) == name


def test_places_far_apart() -> None:
    far = [0, 1, 40_000, 40_001, 39_999, 2**21]
    places = sum(1 << place for place in far)
    assert list(each(places)) == sorted(far)
    assert joined(places) == "0-1,39999-40001,2097152"


def test_too_many_runs_have_no_name() -> None:
    alternating = (1 << 2**22) // 3
    with pytest.raises(TooLarge, match="runs of layers may alternate"):
        joined(alternating)


@pytest.mark.parametrize(
    ("text", "axis", "parts"),
    [
        ("sizes[i] * k + sizes[k]", 0, ["sizes[i]"]),
        ("k == 0 if i == 0 and a else not j == 2", 1, ["not j == 2"]),
        ("sizes[i - j * k]", 1, ["j"]),
        ("sizes[i - j * k]", 2, ["sizes[i - j * k]"]),
        ("a * k", 0, []),
        ("{(0, 0): 5, (0, 1): 6, (1, 0): 5, (1, 1): 6, (2, 0): 5}[i, j]", 0, ["{(0,): 0, (1,): 0, (2,): 1}[i,]"]),
    ],
)
def test_what_of_an_expression_follows_from_one_index(text: str, axis: int, parts: list[str]) -> None:
    """Where all of that is equal, what is inside is equal too."""
    assert [ast.unparse(part.node) for part in parts_of(parse(text), axis)] == parts

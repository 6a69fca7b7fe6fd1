"""The language of blueprints: valid and invalid expressions."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.formats.huggingface.expressions import parse
from paramcount.formats.huggingface.functions import Unknown

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
        ("prod(sizes)", 60),
        ("earlier(kinds, 'full')[2]", 1),
        ("earlier(kinds, 'none')[2]", 0),
        ("len(spread(sizes, 0.5, 2))", 4),  # ceil(0.5 * 3) and ceil(0.5 * 4) blocks
        ("spread(sizes, 0.5, 2)[2]", 1),
        ("len(spread(sizes, 1, 0))", 0),
        ("make_divisible(22.4, 8, 8)", 24),
        ("make_divisible(5.6, 8, 8)", 8),  # no fewer than the least
        ("make_divisible(11, 8, 8)", 16),  # 8 were less than nine tenths
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

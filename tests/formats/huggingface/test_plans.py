"""The plan of a blueprint: which parts of an expression decide whether blocks are equal."""

from __future__ import annotations

import ast

import pytest

from paramcount.formats.huggingface.expressions import parse
from paramcount.formats.huggingface.plans import split_by_axis


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
def test_parts_of_an_expression_that_read_one_index(text: str, axis: int, parts: list[str]) -> None:
    """Blocks in which these parts are equal have equal contents."""
    assert [ast.unparse(part.node) for part in split_by_axis(parse(text), axis)] == parts

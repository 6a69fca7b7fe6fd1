"""Sets of block indices: guards select them, and their names are short."""

from __future__ import annotations

import pytest

from paramcount.formats.huggingface.expressions import parse
from paramcount.formats.huggingface.index_sets import format_indices, indices_where, iterate
from paramcount.model.errors import TooLarge
from tests.formats.huggingface.test_expressions import SCOPE


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 100])
@pytest.mark.parametrize(
    "guard",
    ["i < 3", "i >= b", "i != 2", "i + 1 == a", "i % 4 == 1", "(i + 1) % b != 0", "i % 2 == 0 and not i > 9",
     "yes", "no or i == 1", "i * i < 30", "(i > 2 if no else i < 2)", "kinds[i] == 'full'", "i % null == 0",
     "i % 0 == 0"],
)  # fmt: skip
def test_a_guard_selects_the_indices_where_it_holds(guard: str, count: int) -> None:
    expression = parse(guard)
    expected = [index for index in range(count) if expression.truth(SCOPE, (index,))]
    assert list(iterate(indices_where(expression, 0, count, SCOPE, ()))) == expected


def test_a_pattern_over_a_million_blocks() -> None:
    indices = indices_where(parse("(i + 1) % 8 == 0 or i < 3"), 0, 10**6, SCOPE, ())
    assert indices.bit_count() == 125_003


def test_blocks_without_a_pattern_have_a_limit() -> None:
    with pytest.raises(TooLarge):
        indices_where(parse("i * i % 7 == 3"), 0, 10**6, SCOPE, ())
    with pytest.raises(TooLarge):
        indices_where(parse("i % 7 == 3"), 0, 2**40, SCOPE, ())


@pytest.mark.parametrize(
    ("indices", "name"), [(0b1, "0"), (0b100111, "0-2,5"), (0b1010, "1,3"), ((1 << 80) - 1, "0-79"), (0, "")]
)
def test_format_indices(indices: int, name: str) -> None:
    assert format_indices(indices) == name


def test_indices_with_gaps() -> None:
    far = [0, 1, 40_000, 40_001, 39_999, 2**21]
    indices = sum(1 << index for index in far)
    assert list(iterate(indices)) == sorted(far)
    assert format_indices(indices) == "0-1,39999-40001,2097152"


def test_too_many_runs_have_no_name() -> None:
    alternating = (1 << 2**22) // 3
    with pytest.raises(TooLarge, match="runs of layers may alternate"):
        format_indices(alternating)

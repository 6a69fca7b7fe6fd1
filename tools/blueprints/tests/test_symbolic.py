"""Symbolic values are what they are, and remember how they came to be and what was asked of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import pytest

from tools.blueprints.symbolic import CURRENT, SymbolicFloat, SymbolicInt, Trace, plain, symbolic, term_of

A, B = ("f", "a"), ("f", "b")


@pytest.fixture(autouse=True)
def trace() -> Iterator[Trace]:
    CURRENT.trace = Trace()
    yield CURRENT.trace
    CURRENT.trace = Trace()


def test_arithmetic() -> None:
    a, b = symbolic(12, "a"), symbolic(5, "b")
    result = (2 * a + b) // 3
    assert result == 9
    assert term_of(result) == ("//", ("+", ("*", ("c", 2), A), B), ("c", 3))
    assert term_of(math.ceil(a / 16)) == ("ceil", ("/", A, ("c", 16)))
    assert type(plain(result)) is int


def test_constants_stay_constants() -> None:
    """A constant of the framework's code that is a symbolic float is a number as any other."""
    constant = SymbolicFloat(0.9, ("c", 0.9))
    assert term_of(constant * 2) == ("c", 1.8)
    assert term_of(constant * symbolic(10, "a")) == ("*", ("c", 0.9), A)


def test_questions_are_recorded(trace: Trace) -> None:
    a, on, word = symbolic(12, "a"), symbolic(True, "on"), symbolic("relu", "word")
    assert a > 5
    assert on
    assert word != "gelu"
    assert trace.branches == {
        (">", A, ("c", 5)): {True},
        ("t", ("f", "on")): {True},
        ("==", ("f", "word"), ("c", "gelu")): {False},
    }


def test_questions_about_tokens_are_not(trace: Trace) -> None:
    assert symbolic(3, "pad_token_id") < 5
    assert not trace.branches


def test_keys_of_a_table_are_compared(trace: Trace) -> None:
    assert {"relu": 1, "gelu": 2}[symbolic("relu", "act")] == 1
    assert ("==", ("f", "act"), ("c", "relu")) in trace.branches


def test_lists() -> None:
    sizes = symbolic([4, 6], "sizes")
    assert term_of(sizes[1]) == ("idx", "sizes", ("i", 1))
    assert copy.deepcopy(sizes).path == "sizes"
    sizes.append(3)
    assert sizes.path is None


def test_numbers_survive_a_copy() -> None:
    a = symbolic(12, "a")
    assert isinstance(copy.deepcopy(a), SymbolicInt)
    assert term_of(copy.copy(a)) == A

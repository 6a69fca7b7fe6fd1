"""Names that the check of words refuses, and names that it lets pass."""

from __future__ import annotations

import ast

import pytest

from tools.words import FUNCTIONS, INSTEAD, check_name, list_names, list_questions


def list_refused(source: str) -> list[str]:
    return [name.text for name in list_names(ast.parse(source)) if check_name(name)]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("told = 1", ["told"]),
        ("a, (found, b) = 1, (2, 3)", ["found"]),
        ("def f(asked, *given, own_rows=1, **ours): pass", ["asked", "given", "own_rows", "ours"]),
        ("class FreezeFate: pass", ["FreezeFate"]),
        ("self.is_alike = 1", ["is_alike"]),
        ("class A:\n    place: int", ["place"]),
        ("for spot in x: pass", ["spot"]),
        ("with x as met: pass", ["met"]),
        ("import x as ours", ["ours"]),
        ("try: pass\nexcept E as trouble: pass", ["trouble"]),
        ("lambda given: 1", ["given"]),
        ("if (found := x): pass", ["found"]),
        ("_MOST_BYTES = DEEPEST_ROW = 1", ["_MOST_BYTES", "DEEPEST_ROW"]),
        ("def counted(): pass", ["counted"]),
        ("def counted_lazily(): pass", ["counted_lazily"]),
        ("def _measured(): pass", ["_measured"]),
    ],
)
def test_refused(source: str, names: list[str]) -> None:
    assert list_refused(source) == names


@pytest.mark.parametrize(
    "source",
    [
        "from hypothesis import given\n@given(x)\ndef test_a(payload): pass",  # another library's word
        "x.found(told)",  # used, not defined
        "def embed(): pass",
        "counted = 1",
        "@property\ndef closed(self): pass",
        "ownership = foundation = template = replace = 1",  # a part is a whole word
        "MAX_BYTES = MOSTLY = 1",
        "'told'",
    ],
)
def test_not_refused(source: str) -> None:
    assert list_refused(source) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('"""What a file holds."""', 1),
        ('def f():\n    """Whether it fits."""', 1),
        ('class A:\n    """How a run went.\n\n    More."""', 1),
        ('A = 1\n"""How many there may be."""', 1),
        ('"""Whatever holds."""', 0),
        ('def f():\n    """Return what a file holds."""', 0),
        ('a = "What else"', 0),
    ],
)
def test_docstrings_that_begin_with_a_question(source: str, count: int) -> None:
    assert len(list(list_questions(ast.parse(source)))) == count


def test_no_advice_is_refused() -> None:
    words = {word for advice in (*INSTEAD.values(), *FUNCTIONS.values()) for word in advice.replace(",", " ").split()}
    assert not words & (INSTEAD.keys() | FUNCTIONS.keys())

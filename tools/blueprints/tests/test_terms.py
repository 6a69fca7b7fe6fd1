"""Terms say in text what they are worth."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.formats.huggingface.expressions import parse
from tools.blueprints.terms import Term, Unknown, holds, simple, text, value

ENV: dict[str, Any] = {
    "a": 12,
    "b": 5,
    "f": 0.5,
    "on": True,
    "word": "gated-relu",
    "null": None,
    "sizes": [4, 6],
    "w": ["x", "y"],
}
A, B = ("f", "a"), ("f", "b")


@pytest.mark.parametrize(
    ("term", "written"),
    [
        (("*", ("+", A, B), ("c", 2)), "(a + b) * 2"),
        (("-", A, ("-", B, ("c", 1))), "a - (b - 1)"),
        (("//", ("*", A, B), ("c", 7)), "a * b // 7"),
        (("*", A, ("//", A, B)), "a * (a // b)"),
        (("**", ("c", 2), B), "2 ** b"),
        (("neg", ("+", A, B)), "-(a + b)"),
        (("not", ("==", ("%", ("n", 0, 1), B), ("c", 0))), "not (i + 1) % b == 0"),
        (("or", ("and", ("t", ("f", "on")), ("<", A, B)), ("isnone", "null")), "on and a < b or null is None"),
        (("and", ("or", ("t", ("f", "on")), ("<", A, B)), ("isnone", "null")), "(on or a < b) and null is None"),
        (("ite", ("<", A, B), ("t", ("f", "on")), ("==", A, ("c", 12))), "on if a < b else a == 12"),
        (("idx", "sizes", ("n", 0, 0)), "sizes[i]"),
        (("==", ("idx", "w", ("%", ("n", 0, 0), ("len", "w"))), ("c", "y")), "w[i % len(w)] == 'y'"),
        (("==", ("spl", ("f", "word"), "-", 0), ("c", "gated")), "split(word, '-', 0) == 'gated'"),
        (("int", ("*", A, ("f", "f"))), "int(a * f)"),
        (("maxl", ("len", "sizes"), ("f", "null")), "most(len(sizes), null)"),
        (("tab", (((0,), 3), ((1,), 5))), "{0: 3, 1: 5}[i]"),
        (("inset", ((0,), (4,))), "i in {0, 4}"),
        (("has", ("f", "word"), ("c", "relu")), "contains(word, 'relu')"),
    ],
)
def test_text(term: Term, written: str) -> None:
    assert text(term) == written
    if term[0] not in ("not", "and", "or", "ite", "maxl"):
        assert parse(written).value(ENV, (0,)) == value(term, ENV, (0,))


@pytest.mark.parametrize(
    "term",
    [("+", ("f", "null"), A), ("idx", "sizes", ("c", 2)), ("==", A, ("c", "auto")), ("//", A, ("c", 0)), ("f", "gone")],
)
def test_what_has_no_value_does_not_hold(term: Term) -> None:
    with pytest.raises(Unknown):
        value(term, ENV)
    assert not holds(term, ENV)


def test_simple() -> None:
    assert simple(("*", ("//", A, A), B)) == B
    assert simple(("//", ("+", ("c", 0), A), ("c", 1))) == A

"""The shortest formula that tells rows apart."""

from __future__ import annotations

import pytest

from tools.blueprints.formulas import Literal, formula, rows_where
from tools.blueprints.terms import FALSE, TRUE, Term

FULL = 0b1111_1111
ATOMS = [Literal(1, 0b0101_0101, ("a",)), Literal(1, 0b0011_0011, ("b",)), Literal(2, 0b0000_1111, ("c",))]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FULL, TRUE),
        (0b0101_0101, ("a",)),
        (0b1010_1010, ("not", ("a",))),
        (0b0001_0001, ("and", ("a",), ("b",))),
        (0b0111_0111, ("or", ("a",), ("b",))),
        (0b0000_0001, ("and", ("a",), ("and", ("b",), ("c",)))),
        (0b0011_0101, ("ite", ("c",), ("a",), ("b",))),
    ],
)
def test_formula(wanted: int, expected: Term) -> None:
    learned = formula(wanted, FULL, ATOMS)
    assert learned is not None
    assert _rows(learned) == _rows(expected) == wanted


def test_none_where_no_atom_decides() -> None:
    assert formula(0b1, 0b11, [Literal(1, 0b11, ("a",))]) is None


@pytest.mark.parametrize(
    ("term", "rows"),
    [
        (TRUE, FULL),
        (FALSE, 0),
        (("not", ("a",)), 0b1010_1010),
        (("ite", ("c",), ("a",), ("not", ("b",))), 0b1100_0101),
    ],
)
def test_rows_where(term: Term, rows: int) -> None:
    assert _rows(term) == rows


def test_rows_of_an_unknown_atom() -> None:
    with pytest.raises(ValueError, match="d"):
        _rows(("d",))


def _rows(term: Term) -> int:
    return rows_where(term, FULL, {atom.term: atom.rows for atom in ATOMS})

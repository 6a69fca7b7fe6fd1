"""Earlier and new results: which of them stays, and what becomes of the classes beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tools.blueprints.results import ONLY_DEFAULTS, Result, knows_less, renew

SHARED: dict[str, Any] = {"defaults": {"width": 8, "depth": None}, "parts": {}, "aliases": {}}


def _record(*assumptions: str, tensors: tuple[str, ...] = ("w [width]",)) -> dict[str, Any]:
    return {"fields": {}, "given": list(assumptions), "assumed": [], "rules": [], "tensors": list(tensors)}


BEFORE: dict[str, Any] = {
    "defaults": {"width": 8, "depth": 2},
    "parts": {},
    "aliases": {},
    "classes": {"Base": _record() | {"within": {"text_config": {}}}, "Headed": _record()},
}


@pytest.mark.parametrize(
    ("result", "before", "less"),
    [
        (Result("toy", "Base", reason="does not build"), _record("width == 8"), True),
        (Result("toy", "Base", SHARED, _record(), narrow=ONLY_DEFAULTS), _record("width == 8"), True),
        (Result("toy", "Base", SHARED, _record("width == 8")), _record(), True),
        (Result("toy", "Base", SHARED, _record("width == 8")), _record("width == 8"), False),
        (Result("toy", "Base", SHARED, _record()), _record("width == 8"), False),
        (Result("toy", "Base", SHARED, _record("width > 0", "depth > 0")), _record("width == 8"), False),
        (Result("toy", "Base", SHARED, _record("width == 8")), _record() | {"fixed": True}, False),
    ],
)
def test_a_result_knows_less_where_it_assumes_more(result: Result, before: dict[str, Any], less: bool) -> None:
    assert knows_less(result, before) is less


def test_classes_without_a_result_stay() -> None:
    record = _record("depth == 2", tensors=("w [depth]",))
    family = renew(BEFORE, [Result("toy", "Headed", SHARED, record)], keep_members=True)
    assert family["classes"] == {"Base": BEFORE["classes"]["Base"], "Headed": record}
    assert family["defaults"] == {"width": 8, "depth": 2}


def test_a_default_that_changed_is_renewed_beside_classes_that_stay() -> None:
    shared = SHARED | {"defaults": {"width": 16, "depth": None}}
    family = renew(BEFORE, [Result("toy", "Headed", shared, _record())], keep_members=False)
    assert family["defaults"] == {"width": 16, "depth": 2}
    assert family["classes"]["Base"] == BEFORE["classes"]["Base"]


def test_a_class_that_is_refused_now_goes() -> None:
    family = renew(BEFORE, [Result("toy", "Headed", reason="does not build")], keep_members=True)
    assert family["classes"].keys() == {"Base"}


def test_nothing_stays_of_a_family_that_is_compiled_as_a_whole() -> None:
    results = [Result("toy", name, SHARED, _record()) for name in ("Base", "Headed")]
    family = renew(BEFORE, results, keep_members=False)
    assert family == SHARED | {"classes": {"Base": _record(), "Headed": _record()}}


@pytest.mark.parametrize("keep", [True, False])
def test_models_inside_stay_only_of_the_same_sources(keep: bool) -> None:
    family = renew(BEFORE, [Result("toy", "Base", SHARED, _record())], keep_members=keep)
    assert family["classes"]["Base"].get("within") == ({"text_config": {}} if keep else None)


def test_a_pin_to_null_is_one_to_the_default_that_another_class_knows() -> None:
    record = _record("depth is None", "width == 8")
    result = Result("toy", "Headed", SHARED, record, narrow=ONLY_DEFAULTS)
    family = renew(BEFORE, [result], keep_members=True)
    assert family["classes"]["Headed"] == record | {"given": ["depth == 2", "width == 8"], "fixed": True}

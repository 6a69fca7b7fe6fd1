"""An upgrade: the release that records were held against, what is kept of the one before, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.blueprints.files import find_releases, read_families, read_index, renew_pins, to_text
from tools.blueprints.older import keep_older
from tools.blueprints.reporting import Report
from tools.blueprints.results import DIFFERS, Held, Result


@pytest.mark.parametrize(
    ("before", "renewed", "releases"),
    [
        ({}, {"a", "b"}, {"transformers": "2.0"}),
        ({"transformers": "1.0"}, {"a", "b"}, {"transformers": "2.0"}),
        ({"transformers": "1.0"}, {"a"}, {"transformers": "1.0", "held": {"a": "2.0"}}),
        ({"transformers": "1.0"}, set(), {"transformers": "1.0"}),
        ({"transformers": "1.0", "held": {"a": "2.0"}}, {"b"}, {"transformers": "2.0"}),
        ({"transformers": "1.0", "held": {"gone": "0.9"}}, {"b"}, {"transformers": "1.0", "held": {"b": "2.0"}}),
        ({"transformers": "2.0", "held": {"b": "1.0"}}, {"a"}, {"transformers": "2.0", "held": {"b": "1.0"}}),
    ],
)
def test_the_release_is_renewed_once_all_were_held(
    before: dict[str, Any], renewed: set[str], releases: dict[str, Any]
) -> None:
    assert find_releases(("a", "b"), before, renewed, "2.0") == releases


def _family(**classes: str) -> dict[str, Any]:
    return {"defaults": {}, "classes": {name: {"tensors": [tensor]} for name, tensor in classes.items()}}


def _write(folder: Path, **contents: Any) -> None:
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(to_text(content))


def test_records_of_what_differs_are_kept_beside_the_others(tmp_path: Path) -> None:
    _write(tmp_path, index={"transformers": "1.0", "classes": {}}, toy=_family(Base="w [2]", Headed="h [2]"))
    keep_older(tmp_path, [("toy", "Headed")])
    assert read_index(tmp_path)["older"] == {"toy": {"Headed": ["1.0"]}}
    assert read_families(tmp_path / "older/1.0") == {"toy": _family(Headed="h [2]")}


def test_a_class_that_differs_twice_has_two_older_records(tmp_path: Path) -> None:
    _write(tmp_path, index={"transformers": "1.0"}, toy=_family(Base="w [2]", Headed="h [2]"))
    keep_older(tmp_path, [("toy", "Headed")])
    _write(tmp_path, index=read_index(tmp_path) | {"transformers": "2.0"}, toy=_family(Base="w [3]", Headed="h [3]"))
    keep_older(tmp_path, [("toy", "Base"), ("toy", "Headed")])
    assert read_index(tmp_path)["older"] == {"toy": {"Base": ["2.0"], "Headed": ["1.0", "2.0"]}}
    assert read_families(tmp_path / "older/1.0") == {"toy": _family(Headed="h [2]")}
    assert read_families(tmp_path / "older/2.0") == {"toy": _family(Base="w [3]", Headed="h [3]")}


def test_a_run_that_is_repeated_keeps_the_same(tmp_path: Path) -> None:
    _write(tmp_path, index={"transformers": "1.0"}, toy=_family(Base="w [2]"))
    for _ in range(2):
        keep_older(tmp_path, [("toy", "Base")])
    assert read_index(tmp_path) == {"transformers": "1.0", "older": {"toy": {"Base": ["1.0"]}}}


def test_nothing_is_kept_where_nothing_differs(tmp_path: Path) -> None:
    _write(tmp_path, index={"transformers": "1.0"}, toy=_family(Base="w [2]"))
    keep_older(tmp_path, [])
    assert read_index(tmp_path) == {"transformers": "1.0"}
    assert not (tmp_path / "older").exists()


def test_every_pin_of_the_library_is_renewed(tmp_path: Path) -> None:
    pins = {
        "one": "torch==1.0\ntransformers==1.0  # why\n",
        "two": "open_transformers==1.0\n",
        "three": "transformers\n",
    }
    for name, text in pins.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text(text)
    renew_pins(tmp_path, "transformers", "2.0")
    renewed = {name: (tmp_path / name / "requirements.txt").read_text() for name in pins}
    assert renewed == pins | {"one": "torch==1.0\ntransformers==2.0  # why\n"}


def test_the_report_names_what_changed_and_how() -> None:
    report = Report(
        "transformers",
        "1.0",
        "2.0",
        held=[
            Held("toy", "Base", counted=40),
            Held("toy", "Headed", DIFFERS, "missing bias (of 1)", ["bias: none -> [8]"]),
        ],
        new=[("toy", "Other"), ("toy", "Odd")],
        lost=[("old", "Gone")],
        results=[Result("toy", "Other", {}, {}), Result("toy", "Odd", reason="does not build")],
        overrides={"toy": "Base holds without it"},
    )
    assert str(report).splitlines() == [
        "transformers 1.0 -> 2.0",
        "unchanged: 1 records, which agree on 40 configs",
        "changed: 1",
        "  toy Headed: differs: missing bias (of 1)",
        "      bias: none -> [8]",
        "new: 2",
        "  toy Other",
        "  toy Odd",
        "lost: 1",
        "  old Gone",
        "compiled: 1",
        "  toy Other: exact",
        "refused: 1",
        "  toy Odd: does not build",
        "overrides that no longer apply: 0",
        "gate: 0 classes, 1 overrides, 1 wrong",
        "  override of toy: Base holds without it",
    ]

"""An upgrade: the release that records were held against, what is kept of the one before, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.blueprints.files import find_releases, read_families, read_index, renew_pins, to_text
from tools.blueprints.older import keep_older
from tools.blueprints.reporting import Report, resume
from tools.blueprints.results import DIFFERS, Checked, Held, Result
from tools.blueprints.workers import Progress


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
    keep_older(tmp_path, [("toy", "Headed")], "3.0")
    assert read_index(tmp_path)["older"] == {"toy": {"Headed": ["1.0"]}}
    assert read_families(tmp_path / "older/1.0") == {"toy": _family(Headed="h [2]")}


def test_a_class_that_differs_twice_has_two_older_records(tmp_path: Path) -> None:
    _write(tmp_path, index={"transformers": "1.0"}, toy=_family(Base="w [2]", Headed="h [2]"))
    keep_older(tmp_path, [("toy", "Headed")], "3.0")
    _write(tmp_path, index=read_index(tmp_path) | {"transformers": "2.0"}, toy=_family(Base="w [3]", Headed="h [3]"))
    keep_older(tmp_path, [("toy", "Base"), ("toy", "Headed")], "3.0")
    assert read_index(tmp_path)["older"] == {"toy": {"Base": ["2.0"], "Headed": ["1.0", "2.0"]}}
    assert read_families(tmp_path / "older/1.0") == {"toy": _family(Headed="h [2]")}
    assert read_families(tmp_path / "older/2.0") == {"toy": _family(Base="w [3]", Headed="h [3]")}


def test_a_run_that_is_repeated_keeps_the_same(tmp_path: Path) -> None:
    _write(tmp_path, index={"transformers": "1.0"}, toy=_family(Base="w [2]"))
    for _ in range(2):
        keep_older(tmp_path, [("toy", "Base")], "3.0")
    assert read_index(tmp_path) == {"transformers": "1.0", "older": {"toy": {"Base": ["1.0"]}}}


def test_a_record_of_the_same_release_is_not_kept_as_old(tmp_path: Path) -> None:
    _write(
        tmp_path,
        index={"transformers": "2.0", "held": {"old": "1.0"}},
        toy=_family(Base="w [2]"),
        old=_family(Base="w [2]"),
    )
    keep_older(tmp_path, [("toy", "Base"), ("old", "Base")], "2.0")
    assert read_index(tmp_path)["older"] == {"old": {"Base": ["1.0"]}}


def test_nothing_is_kept_where_nothing_differs(tmp_path: Path) -> None:
    _write(tmp_path, index={"transformers": "1.0"}, toy=_family(Base="w [2]"))
    keep_older(tmp_path, [], "3.0")
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


def _report(**facts: Any) -> Report:
    return Report("transformers", "1.0", "2.0", **facts)


REPORT = """\
# transformers 1.0 -> 2.0

Built with torch 3.0.

**Nothing needs a person.**

| | | |
|---|---:|---|
| unchanged | 1 | agree on 1,040 configs |
| changed | 3 | 2 build other tensors |
| new | 2 | |
| lost | 1 | |
| compiled or mended | 4 | 2 of which know some fields' defaults only |
| refused of what changed or is new | 1 | |

This run took 15 minutes: hold 12, compile 2.

## Changed

- `toy` Headed, Tailed: only its defaults
  - `bias: none -> [8]`
- `toy` Shut: exact
  - `refused: was verified only for width is None`

## New

- `toy` Other: exact
- `toy` Odd: refused: does not build

## Lost

- `old` Gone: transformers has it no more
"""


def test_the_report_names_what_changed_and_how() -> None:
    report = _report(
        beside={"torch": "3.0"},
        held=[
            Held("toy", "Base", counted=1040),
            Held("toy", "Headed", DIFFERS, "missing bias (of 1)", ["bias: none -> [8]"]),
            Held("toy", "Tailed", DIFFERS, "missing bias (of 1)", ["bias: none -> [8]"]),
            Held("toy", "Shut", DIFFERS, "refused: was verified only for width is None"),
        ],
        new=[("toy", "Other"), ("toy", "Odd")],
        lost=[("old", "Gone")],
        results=[
            Result("toy", "Other", {}, {}),
            Result("toy", "Headed", {}, {}, narrow="only its defaults"),
            Result("toy", "Tailed", {}, {}, narrow="only its defaults"),
            Result("toy", "Shut", {}, {}),
            Result("toy", "Odd", reason="does not build"),
        ],
        minutes={"hold": 12.3, "compile": 2.4},
    )
    assert str(report).splitlines() == REPORT.splitlines()


@pytest.mark.parametrize(
    ("facts", "needs"),
    [
        ({"held": [Held("toy", "Base")]}, []),
        ({"held": [Held("toy", "Base", DIFFERS)], "results": [Result("toy", "Base", {}, {})]}, []),
        ({"new": [("toy", "Odd")], "results": [Result("toy", "Odd", reason="does not build")]}, []),
        ({"lost": [("toy", "Gone")]}, []),
        ({"checked": {("toy", "Base"): Checked(12, 3, "")}, "overrides": {"toy": ""}}, []),
        (
            {"held": [Held("toy", "Base", DIFFERS)], "results": [Result("toy", "Base", reason="does not build")]},
            ["`toy` Base is refused from now on: does not build"],
        ),
        ({"checked": {("toy", "Base"): Checked(2, 0, "w is [8]")}}, ["`toy` Base is counted wrongly: w is [8]"]),
        ({"overrides": {"toy": "Base holds without it"}}, ["the override of `toy` is wrong: Base holds without it"]),
        ({"stale": {"toy": "nothing matches"}}, ["the override of `toy` no longer applies: nothing matches"]),
    ],
)
def test_a_person_must_look_at_what_is_wrong_or_is_refused_from_now_on(facts: dict[str, Any], needs: list[str]) -> None:
    report = _report(**facts)
    assert report.needs == needs
    assert str(report).count("A person must look") == bool(needs)


def test_a_run_that_goes_on_reports_what_changed_before(tmp_path: Path) -> None:
    """After the data is written, the index names the new release, and what changed agrees with it."""
    begun = tmp_path / "upgrade.json"
    changed = Held("toy", "Headed", DIFFERS, "missing bias (of 1)", ["bias: none -> [8]"])
    resume(_report(held=[Held("toy", "Base"), changed], new=[("toy", "Other")], lost=[("old", "Gone")]), begun)
    again = Report("transformers", "2.0", "2.0", held=[Held(one, "Base") for one in ("toy", "new")])
    resume(again, begun)
    assert again.before == "1.0"
    assert again.held == [Held("toy", "Base"), Held("new", "Base"), changed]
    assert again.new == [("toy", "Other")]
    assert again.lost == [("old", "Gone")]


def test_an_upgrade_to_another_release_begins_anew(tmp_path: Path) -> None:
    begun = tmp_path / "upgrade.json"
    resume(_report(new=[("toy", "Other")]), begun)
    later = Report("transformers", "2.0", "3.0")
    resume(later, begun)
    assert (later.before, later.new) == ("2.0", [])


def test_progress_prints_what_is_worth_a_line_and_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("hold", 4)
    for line in ("", "toy Base: differs", "", ""):
        progress.step(line)
    assert capsys.readouterr().out.splitlines() == [
        "hold 2/4, 0 min left: toy Base: differs",
        "hold 4/4, 0 min left",
    ]

"""The release that a config is counted by, and what is said where that may not be its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import paramcount.formats.huggingface
from paramcount.formats.huggingface.blueprints import iterate_classes, load_blueprint, load_index
from paramcount.formats.huggingface.releases import choose_of
from tests.formats.huggingface.configs import count_config

OLDER = Path(paramcount.formats.huggingface.__path__[0]) / "data/older"

REFORMER, REFORMER_TODAY = 5975872, 5976192
"""ReformerForMaskedLM by its defaults, as transformers 5.23 and 5.24 build it: the head got a bias, 320 wide."""


@pytest.mark.parametrize(
    ("architecture", "stated", "total", "exact"),
    [
        ("ReformerForMaskedLM", None, REFORMER, False),
        ("ReformerForMaskedLM", "main", REFORMER, False),
        ("ReformerForMaskedLM", "4.31.0.dev0", REFORMER, True),
        ("ReformerForMaskedLM", "5.23.0", REFORMER, True),
        ("ReformerForMaskedLM", "5.24.0.dev0", REFORMER_TODAY, False),
        ("ReformerForMaskedLM", "5.24.0", REFORMER_TODAY, True),
        ("ReformerForMaskedLM", "9999.0", REFORMER_TODAY, False),
        ("BertModel", None, 109482240, True),
        ("BertModel", "5.24.0", 109482240, True),
        ("BertModel", "5.24.0.dev0", 109482240, True),
        ("BertModel", "9999.0", 109482240, False),
        ("BertModel", "9" * 5000, 109482240, True),
        ("BertModel", 6, 109482240, True),
        ("BertModel", "", 109482240, True),
    ],
)
def test_a_config_is_counted_by_the_release_that_it_is_of(
    architecture: str, stated: Any, total: int, exact: bool
) -> None:
    model_type = "reformer" if "Reformer" in architecture else "bert"
    config = {"architectures": [architecture], "model_type": model_type}
    report = count_config(config if stated is None else config | {"transformers_version": stated})
    assert report.root.totals.trainable == total
    assert report.exact is exact
    assert ("later_release" in {warning.code for warning in report.warnings}) is not exact


@pytest.mark.parametrize(("stated", "release"), [("5.23.0", "5.23.0"), ("5.24.0", load_index().version)])
def test_the_report_names_the_release(stated: str, release: str) -> None:
    config = {"architectures": ["ReformerForMaskedLM"], "model_type": "reformer", "transformers_version": stated}
    report = count_config(config)
    assert f"ReformerForMaskedLM of transformers {release}" in {warning.detail for warning in report.warnings}


def test_every_older_record_can_be_read() -> None:
    """The index names those that are there, each of a class that is there today."""
    index, today = load_index(), set(iterate_classes())
    named = {
        (version, model_type, name)
        for model_type, classes in index.older.items() for name, versions in classes.items() for version in versions
    }  # fmt: skip
    for version, model_type, name in named:
        assert (model_type, name) in today
        assert load_blueprint(model_type, name, release=version).entries
    stored = {
        (file.parent.name, file.stem, name)
        for file in OLDER.glob("*/*.json") for name in json.loads(file.read_text())["classes"]
    }  # fmt: skip
    assert stored == named


INDEX = load_index()._replace(
    version="5.24.0",
    held={"bert": "5.25.0"},
    older={"toy": {"Toy": ["5.2.0", "5.10.0"]}},
)


@pytest.mark.parametrize(
    ("model_type", "name", "stated", "version", "is_sure"),
    [
        ("bert", "BertModel", "5.25.0", "5.25.0", True),
        ("bert", "BertModel", "5.26.0", "5.25.0", False),
        ("t5", "T5Model", "5.24.0", "5.24.0", True),
        ("t5", "T5Model", "5.24.1", "5.24.0", False),
        ("toy", "Toy", "4.0.0", "5.2.0", True),
        ("toy", "Toy", "5.2.0", "5.2.0", True),
        ("toy", "Toy", "5.2.1", "5.10.0", True),
        ("toy", "Toy", "5.9", "5.10.0", True),
        ("toy", "Toy", "5.11.0.dev0", "5.24.0", False),
        ("toy", "Toy", "5.11.0", "5.24.0", True),
        ("toy", "Toy", "", "5.10.0", False),
        ("toy", "Other", "", "5.24.0", True),
    ],
)
def test_the_release_is_the_first_that_is_not_before_the_stated_one(
    model_type: str, name: str, stated: str, version: str, is_sure: bool
) -> None:
    release = choose_of(INDEX, stated, model_type, name)
    assert (release.version, not release.warnings) == (version, is_sure)
    assert release.older == (version if version in ("5.2.0", "5.10.0") else "")

"""The registries: names once, closed after the start, broken plug-ins named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramcount import Dim, Formula, Tensor, layer
from paramcount.model.errors import AmbiguousLayer, RegistrationError, UnknownLayer
from paramcount.schema.registry import FORMATS, LAYERS, LayerType, Registry, resolve
from paramcount.schema.signature import Signature


def formula(units: Dim) -> Formula:
    yield Tensor("kernel", (units,))


def test_a_name_is_registered_once() -> None:
    registry: Registry[LayerType] = Registry("layer")
    kind = LayerType("acme.Gate", formula, Signature(formula, "acme.Gate"))
    registry.add("acme.Gate", kind)
    with pytest.raises(RegistrationError, match=r"exists already: acme\.Gate of tests\.schema\.test_registry"):
        registry.add("acme.Gate", kind)


def test_closed_after_the_start() -> None:
    with pytest.raises(RegistrationError, match="too late"):
        layer("acme.Late")(formula)


@pytest.mark.parametrize("name", ["Gate", "a.b.c", ".Gate", "acme.", ""])
def test_a_layer_is_named_by_dialect_and_class(name: str) -> None:
    with pytest.raises(RegistrationError, match="dialect"):
        layer(name)(formula)


def test_arguments_must_be_annotated() -> None:
    def bare(units):  # type: ignore[no-untyped-def]
        yield Tensor("kernel", (units,))

    with pytest.raises(RegistrationError, match="'units' is not annotated"):
        Signature(bare, "acme.Bare")


def test_an_argument_is_taken_or_ignored() -> None:
    with pytest.raises(RegistrationError, match="both takes and ignores units"):
        Signature(formula, "acme.Gate", ignores="units")


@pytest.mark.parametrize(
    ("name", "framework", "expected"),
    [
        ("keras.Dense", "", "keras.Dense"),
        ("Dense", "", "keras.Dense"),
        ("Dense", "keras", "keras.Dense"),
        ("Linear", "torch", "torch.Linear"),
        ("LowRankDense", "keras", "lowrank.LowRankDense"),
        ("lowrank.LowRankDense", "torch", "lowrank.LowRankDense"),
    ],
)
def test_names(name: str, framework: str, expected: str) -> None:
    assert resolve(name, framework).name == expected


@pytest.mark.parametrize(
    ("name", "framework", "error", "detail"),
    [
        ("Dense", "torch", UnknownLayer, "unknown layer type"),
        ("Linear", "keras", UnknownLayer, "unknown layer type"),
        ("Dens", "", UnknownLayer, 'did you mean "Dense"'),
        ("dense", "keras", UnknownLayer, 'did you mean "Dense"'),
        ("", "", UnknownLayer, "unknown layer type"),
        ("x" * 10_000, "", UnknownLayer, "unknown layer type"),
        ("CutMyMix", "keras", UnknownLayer, 'did you mean "CutMix".*unknown=report'),
        ("LSTM", "", AmbiguousLayer, "keras.LSTM or torch.LSTM"),
    ],
)
def test_names_that_mean_nothing_or_too_much(name: str, framework: str, error: type[Exception], detail: str) -> None:
    with pytest.raises(error, match=detail):
        resolve(name, framework)


def test_the_example_plugin_is_registered() -> None:
    assert LAYERS["lowrank.LowRankDense"].origin == "lowrank"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise ValueError('no licence')", "ValueError"),
        ("from paramcount import layer\nlayer('keras.Dense')(lambda: ())", "exists already"),
        ("import does_not_exist", "ModuleNotFoundError"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_a_broken_plugin_stops_the_start_by_name(tmp_path: Path, source: str, why: str) -> None:
    (tmp_path / "breaks.py").write_text(source)
    info = tmp_path / "breaks-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: breaks\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[paramcount.plugins]\nbad = breaks\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", "import sys; from paramcount.cli import main; sys.exit(main(['layers']))"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "plug-in 'bad' of breaks is broken" in ended.stderr
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_claims_an_object_without_its_members(name: str) -> None:
    """They are an index of what `claims` looks for; any other object is not even shown to it."""
    objects = [known.example for known in FORMATS.values() if isinstance(known.example, dict)]
    claimed = [each for each in objects if FORMATS[name].claims(each)]
    assert all(not each.keys().isdisjoint(FORMATS[name].members or each) for each in claimed)
    assert claimed or not isinstance(FORMATS[name].example, dict)

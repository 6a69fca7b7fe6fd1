"""Packed weights: what each stands for, by hand or as the library packed it; and tensors that only look packed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from paramcount.formats.named_tensors.checkpoint import checkpoint_tensor, distinct
from paramcount.formats.named_tensors.packed import find_packings, unpack
from paramcount.formats.named_tensors.packed.candidates import Packing
from paramcount.formats.named_tensors.packed.quantization import Quantization
from paramcount.model.tensors import UNKNOWN_SIZE, Tensor

CASES = yaml.load(Path(__file__).with_name("packed.yaml").read_text(), yaml.CSafeLoader)


def tensors(table: dict[str, str]) -> dict[str, Tensor]:
    """Return tensors of a table by name: "U8 32x64" is of dtype U8."""
    named = {}
    for name, text in table.items():
        dtype, _, sizes = text.partition(" ")
        named[name] = checkpoint_tensor(name, tuple(int(size) for size in sizes.split("x") if size), dtype)
    return named


def to_text(packing: Packing) -> Any:
    return f"at most {packing.size}" if packing.is_bound else packing.size


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_values(case: Any) -> None:
    named = tensors(case["tensors"])
    packings = find_packings(named, Quantization(case.get("config", {})), distinct(named))
    assert {name: to_text(packing) for name, packing in packings.items()} == case["values"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_is_beside_a_packed_weight_is_no_parameter(case: Any) -> None:
    named = tensors(case["tensors"])
    unpacked = unpack(named, Quantization(case.get("config", {})), distinct(named))
    plain = ("bias", "proj_down", "down.weight")  # of the cases that have some
    for name, tensor in unpacked.tensors.items():
        expected = case["values"].get(name)
        if name in case["values"]:
            assert (tensor.role, tensor.trainable) == ("weight", False)
            assert tensor.logical_size == (expected if isinstance(expected, int) else UNKNOWN_SIZE)
        elif case["values"] and tensor.size and not name.endswith(plain):
            assert (tensor.role, tensor.logical_size) == ("buffer", 0), name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_warning_is_exact_only_where_all_values_are_proven(case: Any) -> None:
    proven = all(isinstance(values, int) for values in case["values"].values())
    named = tensors(case["tensors"])
    for warning in unpack(named, Quantization(case.get("config", {})), distinct(named)).warnings:
        assert (warning.code, warning.exact) == ("packed", proven)

"""Packed weights: counted as they are stored, with a warning of how many parameters they hold."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS
from tests.builders.safetensors import PACKED, header


def count_document(payload: Any) -> Report:
    return count(read(payload, FORMATS["safetensors"]))


@pytest.mark.parametrize("name", PACKED)
def test_packed_weights_are_counted_as_stored_with_a_warning_of_what_they_hold(name: str) -> None:
    report = count_document(PACKED[name])
    elements = sum(int(list(accumulate(entry["shape"], int.__mul__, initial=1))[-1]) for entry in PACKED[name].values())
    assert report.root.totals.trainable == 5
    assert report.root.totals.frozen > 0
    assert report.root.totals.trainable + report.root.totals.frozen + report.root.totals.buffers == elements
    (warning,) = [warning for warning in report.warnings if warning.code == "packed"]
    assert warning.detail.startswith("stands for 2,053 parameters"), warning.detail


@pytest.mark.parametrize(
    ("config", "start"),
    [
        ({}, "stands for parameters that only the quantization_config can tell"),
        ({"quantization_config": {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}}}, "stands for 2,048 "),
        ({"quantization_config": {"config_groups": {"group_0": {"weights": {"num_bits": 8}}}}}, "stands for 1,024 "),
        ({"quantization_config": {"config_groups": [{"weights": 4}]}}, "stands for parameters that only"),
        ({"quantization_config": {"bits": "4"}}, "stands for parameters that only"),
    ],
)
def test_compressed_tensors_needs_its_config(config: Any, start: str) -> None:
    tensors = header(q__weight_packed="I32 32x8", q__weight_scale="BF16 32x1", q__weight_shape="I64 2")
    report = count_document({"header": tensors, "config": config})
    (warning,) = [warning for warning in report.warnings if warning.code == "packed"]
    assert warning.detail.startswith(start), warning.detail


def test_mlx_needs_its_config() -> None:
    tensors = header(q__weight="U32 32x8", q__scales="F16 32x1", q__biases="F16 32x1")
    (warning,) = [n for n in count_document(tensors).warnings if n.code == "packed"]
    assert "only the quantization_config can tell" in warning.detail
    config = {"quantization": {"group_size": 64, "bits": 4}}
    (warning,) = [n for n in count_document({"header": tensors, "config": config}).warnings if n.code == "packed"]
    assert warning.detail.startswith("stands for 2,048 parameters: 256 elements of 1 MLX weights")


@pytest.mark.parametrize(
    "tensors",
    [
        header(q__qweight="I32 8x32"),  # nothing beside it
        header(q__qweight="I32 8", q__scales="F16 32"),  # of another rank
        header(table_blocks="U8 4x4"),
        header(q__weight="U8 4x4", q__weight_scale="F32 "),
        header(q__weight="F16 4x4", q__weight_scale="F32 "),
    ],
)
def test_tensors_that_only_look_packed(tensors: Any) -> None:
    assert "packed" not in [warning.code for warning in count_document(tensors).warnings]

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


def one_group(**weights: int) -> dict[str, Any]:
    return {"quantization_config": {"config_groups": {"group_0": {"weights": weights}}}}


UNKNOWN = "stands for parameters whose number neither shapes nor a quantization_config prove"


@pytest.mark.parametrize(
    ("config", "start", "exact"),
    [
        ({}, UNKNOWN, False),
        ({"quantization_config": {"config_groups": [{"weights": 4}]}}, UNKNOWN, False),
        ({"quantization_config": {"bits": "4"}}, UNKNOWN, False),
        (one_group(num_bits=4), "stands for at most 2,048 ", False),
        (
            one_group(num_bits=8, group_size=32),
            "stands for 1,024 parameters: 256 elements of 1 compressed-tensors weights are 1,024 ",
            True,
        ),
        ({"text_config": one_group(num_bits=4, group_size=64)}, "stands for 2,048 ", True),
    ],
)
def test_the_config_states_what_shapes_do_not(config: Any, start: str, exact: bool) -> None:
    tensors = header(q__weight_packed="I32 32x8", q__weight_scale="BF16 32x1", q__weight_shape="I64 2")
    report = count_document({"header": tensors, "config": config})
    (warning,) = [warning for warning in report.warnings if warning.code == "packed"]
    assert warning.detail.startswith(start), warning.detail
    assert (report.exact, report.root.totals.frozen) == (exact, 256)


@pytest.mark.parametrize(("tensors", "exact"), [(header(q__weight="F16 32x64"), True), (header(q__w="U8 32x8"), False)])
def test_a_quantization_of_which_nothing_is_recognised(tensors: Any, exact: bool) -> None:
    report = count_document({"header": tensors, "config": {"quantization_config": {"quant_method": "nobody's"}}})
    assert any("no packed weight is recognised" in warning.detail for warning in report.warnings)
    assert report.exact is exact

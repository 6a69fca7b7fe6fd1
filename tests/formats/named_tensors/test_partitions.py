"""Parts of parameters: ZeRO-3, FSDP, files of one rank, false ties; and tensors that are whole."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.report import Report
from tests.builders.safetensors import header


def report(payload: Any) -> Report:
    return count(read(payload, detect(payload)))


def shapes(**named: list[int]) -> dict[str, Any]:
    return {name.replace("__", "."): {"shape": shape, "dtype": "bfloat16"} for name, shape in named.items()}


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        # ZeRO-3: what has less than 100,000 elements stays whole (stage3_param_persistence_threshold).
        (
            {"parameters": shapes(a__weight=[0], b__weight=[0], norm__weight=[4096])},
            '2 parameters have shape [0] ("a.w',
        ),
        ({"parameters": shapes(a__weight=[0])}, "1 parameters have shape [0]"),
        ({"parameters": shapes(a__weight=[0], **{f"n{i}": [4096] for i in range(9)})}, "1 parameters have shape [0]"),
        ({"parameters": shapes(cls_token=[0], pos=[0], n=[5])}, "2 parameters have shape [0]"),
        ({"parameters": {"a.weight": {"shape": [0]}}}, "1 parameters have shape [0]"),
        ({"state_dict": shapes(a__weight=[0], norm__weight=[4096])}, "1 parameters have shape [0]"),
        (header(a__weight="BF16 0", b__weight="BF16 0", norm__weight="BF16 7"), "2 parameters have shape [0]"),
        (
            {"shards": {"model-00001-of-00001.safetensors": header(h__0__up_proj="BF16 0", h__1__up_proj="BF16 0")}},
            "2 parameters have shape [0]",
        ),
        # FSDP
        ({"parameters": shapes(_fsdp_wrapped_module___flat_param=[5])}, "1 tensors are flat parameters of FSDP"),
        ({"parameters": shapes(_flat_param=[5])}, "1 tensors are flat"),
        ({"state_dict": shapes(_fpw_module__flat_param=[5], h__flat_param_0=[6])}, "2 tensors are flat"),
        (header(_flat_param="F32 50"), "1 tensors are flat"),
        (
            {"parameters": shapes(_fsdp_wrapped_module__q__weight=[64], _fsdp_wrapped_module__k__weight=[128])},
            "the names show FSDP",
        ),
        # Files of one rank
        ({"shards": {"model-rank-0-part-0.safetensors": header(w="F32 2x2")}}, "the file of one rank"),
        ({"shards": {"model0-mp8.safetensors": header(w="F32 2x2")}}, "the file of one rank"),
        ({"shards": {"a/rank1.safetensors": header(w="F32 2x2")}}, "the file of one rank"),
        # Told apart by an address that is 0
        (
            {
                "state_dict": shapes(**{f"h__{i}__w": [4, 4] for i in range(12)}, e=[9, 4]),
                "tied": [[f"h.{i}.w" for i in range(12)]],
            },
            "11 names are tied",
        ),
    ],
)
def test_parts_are_described_and_never_exact(payload: Any, detail: str) -> None:
    counted = report(payload)
    assert any(detail in warning.detail and not warning.exact for warning in counted.warnings), counted.warnings
    assert not counted.exact


@pytest.mark.parametrize(
    "payload",
    [
        {"parameters": shapes(a__weight=[0, 5], b__weight=[5, 0])},  # ZeRO-3 leaves one axis
        {"parameters": shapes(a=[0], b=[4, 4], c=[4], d=[3])},
        {"parameters": shapes(w=[4, 4]), "buffers": {"cache.weight": {"shape": [0], "dtype": "float32"}}},
        {"parameters": {"w": {"shape": [2]}, "ids.weight": {"shape": [0], "dtype": "int64"}}},
        {"parameters": shapes(_fsdp_wrapped_module__q__weight=[64, 64], _fsdp_wrapped_module__n__weight=[64])},
        {"parameters": shapes(flat_params=[64], flat=[3], my_flat_param_list=[5])},
        {"parameters": shapes(q__weight=[64], k__weight=[128])},
        {"shards": {"model0-mp1.safetensors": header(w="F32 2x2")}},
        {"shards": {"model.safetensors": header(w="F32 2x2")}},
        {"shards": {"frank0.safetensors": header(w="F32 2x2")}},
        header(a="F32 2", b="F32 2", z="F32 0"),
        # Layers that share one, and in it matrices of one shape that are apart.
        {
            "parameters": shapes(**{f"h__{i}__{name}": [4, 4] for i in range(12) for name in "qk"}),
            "tied": [[f"h.{i}.{name}" for i in range(12)] for name in "qk"],
        },
        {"parameters": shapes(e=[9, 4], head=[9, 4], n=[4]), "tied": [["e", "head"]]},
    ],
)
def test_whole_tensors_are_exact(payload: Any) -> None:
    counted = report(payload)
    assert counted.exact, counted.warnings
    assert {warning.code for warning in counted.warnings} <= {"flags_not_stored"}

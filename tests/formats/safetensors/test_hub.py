"""The Hub's own count of a checkpoint, and beside it what the weights hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import paramcount
from paramcount.rendering.exports import EXPORTS
from tests.builders.safetensors import header as make_header
from tools.cases.reports import dense, model, report

CASES = yaml.load(Path(__file__).with_name("hub.yaml").read_text(), yaml.CSafeLoader)


def export(document: Any) -> Any:
    return EXPORTS["huggingface"](paramcount.count(document))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_header(case: dict[str, Any]) -> None:
    header = make_header(**case["tensors"])
    if "declared" in case:
        header["__metadata__"] = {"total_parameters": case["declared"]}
    exported = export({"header": header, "config": case.get("config", {})})
    assert exported["safetensors"]["parameters"] == case["hub"]
    hub_total = case.get("hub_total", sum(case["hub"].values()))
    assert exported["safetensors"]["total"] == hub_total
    assert exported["paramcount"]["total"] == case.get("total", hub_total)
    assert exported["paramcount"]["rule"] == "@huggingface/hub 2.17.5"


def test_shards_are_one_checkpoint() -> None:
    """MLX' scales may be in another file than the weight; the index declares the total."""
    shards = {"a": make_header(q__weight="U32 8x8"), "b": make_header(q__scales="BF16 8x1", q__biases="BF16 8x1")}
    index = {"weight_map": {"q.weight": "a", "q.scales": "b", "q.biases": "b"}, "metadata": {"total_parameters": 500}}
    config = {"quantization": {"group_size": 64, "bits": 4}}
    exported = export({"shards": shards, "index": index, "config": config})
    assert exported["safetensors"] == {"parameters": {"U32": 512}, "total": 500}
    assert export({"shards": shards, "config": config})["safetensors"]["total"] == 512


STATED: list[dict[str, Any]] = [
    {"bits": "4"}, {"bits": -1}, {"bits": True}, {"config_groups": [1]}, {"config_groups": {"a": 1}}, {"mode": 3},
    {"modules_to_not_convert": [1, None, "*"]}, {"ignore": ["re:(", "re:", 3]}, {"format": 7}, {"expert_dtype": 4},
    {"config_groups": {"a": {"targets": "x", "weights": 4, "format": []}}}, {"group_size": [1], "bits": [2]},
]  # fmt: skip
METHODS = ("gptq", "awq", "compressed-tensors", "bitsandbytes", "fp8", "mxfp4", "mlx", "quark", 7, None)
STRANGE: list[Any] = [None, [], "gptq", 4, {}, *({"quant_method": m, **stated} for m in METHODS for stated in STATED)]


@pytest.mark.parametrize("stated", STRANGE)
def test_whatever_a_config_states(stated: Any) -> None:
    tensors = {"q.qweight": "I32 8x32", "q.weight": "U32 8x8", "q.scales": "BF16 8x1", "a.experts.0.weight": "U8 4x4"}
    exported = export({"header": make_header(**tensors), "config": {"quantization_config": stated}})
    assert exported["safetensors"]["total"] >= 0


def test_too_many_patterns() -> None:
    config = {"quantization_config": {"quant_method": "awq", "modules_to_not_convert": ["a*b"] * 3000}}
    header = make_header(**{f"h.{i}.weight": "BF16 1" for i in range(2000)})
    with pytest.raises(paramcount.Problems):
        export({"header": header, "config": config})


def test_other_formats_count_their_elements() -> None:
    exported = EXPORTS["huggingface"](report(model(dense("a"))))
    assert exported["safetensors"] == {"parameters": {"F32": 12}, "total": 12}
    assert exported["paramcount"] == {"total": 12, "stored": None, "rule": None}

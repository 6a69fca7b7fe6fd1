"""Exports: their forms here; tools/oracle/registries.py asks the registries' own clients and schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

import paramcount
from paramcount.rendering.exports import EXPORTS
from tools.cases.reports import ALL, keras_resnet, report

SMALL = report(
    {
        "parameters": {"a.weight": {"shape": [10, 2]}, "b.weight": {"shape": [5], "dtype": "bfloat16"}},
        "buffers": {"b.mean": {"shape": [3]}, "b.seen": {"shape": [], "dtype": "int64"}},
    },
    ("b", False),
)


def test_huggingface() -> None:
    assert EXPORTS["huggingface"](SMALL) == {
        "safetensors": {"parameters": {"F32": 23, "BF16": 5, "I64": 1}, "total": 29},
        "paramcount": {"total": 25, "stored": None, "rule": None},
    }


def test_mlflow() -> None:
    assert EXPORTS["mlflow"](SMALL) == {
        "params": {"paramcount.format": "tensors", "paramcount.convention": "torch", "paramcount.exact": "true"},
        "metrics": {
            "parameters.total": 25.0,
            "parameters.trainable": 20.0,
            "parameters.frozen": 5.0,
            "parameters.buffers": 4.0,
            "parameters.bytes": 90.0,
            "parameters.count": 25.0,
        },
    }


def test_wandb() -> None:
    assert EXPORTS["wandb"](SMALL) == {
        "model/num_parameters": 25,
        "model/num_trainable_parameters": 20,
        "model/num_frozen_parameters": 5,
        "model/num_buffers": 4,
        "model/bytes": 90,
        "model/num_parameters_count": 25,
    }


def test_kubeflow_holds_large_numbers_as_strings() -> None:
    exported = EXPORTS["kubeflow"](ALL["large"])["customProperties"]
    assert exported["parameters_trainable"] == {"metadataType": "MetadataIntValue", "int_value": "999999999"}
    assert exported["parameters_total"] == {"metadataType": "MetadataStringValue", "string_value": "1000000000"}
    assert exported["paramcount_exact"] == {"metadataType": "MetadataStringValue", "string_value": "true"}


def test_cyclonedx() -> None:
    exported = EXPORTS["cyclonedx"](keras_resnet())["properties"]
    assert {"name": "paramcount:parameters:total", "value": "25636712"} in exported
    assert {"name": "paramcount:model", "value": "resnet50"} in exported
    assert {"name": "cdx:ai-ml:model:parameter:count", "value": "25636712"} in exported
    assert not any(each["name"].endswith("tune_method") for each in exported)


LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
    "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 4, "vocab_size": 100,
    "torch_dtype": "bfloat16",
}  # fmt: skip
LORA = {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}


@pytest.mark.parametrize(
    ("adapter", "method"),
    [
        (LORA, "lora"),
        ({"peft_type": "IA3", "target_modules": ["q_proj"], "feedforward_modules": []}, "adapter"),
        ({"peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 4}, "prompt"),
    ],
)
def test_the_method_of_tuning(adapter: dict[str, Any], method: str) -> None:
    exported = EXPORTS["cyclonedx"](paramcount.count(LLAMA, adapter=adapter))["properties"]
    assert {"name": "cdx:ai-ml:model:parameter:tune_method", "value": method} in exported


# The model's parameters: an embedding and a head of 100 x 64 each; in each of two layers, four projections of 64 x 64,
# three of 64 x 128 and two norms of 64; a norm.
SIZE = 2 * 6400 + 2 * (4 * 4096 + 3 * 8192 + 2 * 64) + 64


def test_spdx() -> None:
    exported = EXPORTS["spdx"](paramcount.count(LLAMA))
    assert exported["ai_typeOfModel"][0].startswith("LlamaForCausalLM (transformers ")
    values = {entry["key"]: entry["value"] for entry in exported["ai_hyperparameter"]}
    assert values["parameters.count"] == str(SIZE)
    assert values["parameters.embedding"] == "6400"


@pytest.mark.parametrize(
    ("sizes", "dtype", "config"),
    [
        ([8_030_261_248], "bfloat16", {"paramSize": "8.0B", "precision": "bfloat16"}),
        ([147_800_000], "float16", {"paramSize": "147.8M", "precision": "float16"}),
        ([999_949_999], "float32", {"paramSize": "999.9M", "precision": "float32"}),
        ([999_950_000], "float32", {"paramSize": "1.0B", "precision": "float32"}),
        ([999], "float8_e4m3fn", {"precision": "float8_e4m3"}),
        ([1000], "float4_e2m1fn_x2", {}),
    ],
)
def test_modelpack(sizes: list[int], dtype: str, config: dict[str, str]) -> None:
    shown = report({"parameters": {"a": {"shape": sizes, "dtype": dtype}}})
    exported = EXPORTS["modelpack"](shown)
    if dtype.startswith("float4"):  # which stands for two values each
        config = {"paramSize": "2.0K"}
    assert exported == {"config": config}


def test_modelpack_of_a_file() -> None:
    header = {"w": {"dtype": "BF16", "shape": [2000], "data_offsets": [0, 4000]}}
    config = {"format": "safetensors", "paramSize": "2.0K", "precision": "bfloat16"}
    assert EXPORTS["modelpack"](report(header)) == {"config": config}


def test_modelcard() -> None:
    assert EXPORTS["modelcard"](paramcount.count(LLAMA)) == {
        "model_name": "LlamaForCausalLM", "library_name": "transformers", "dtype": "BF16", "exact": True,
        "parameters": {"count": SIZE, "embedding": 6400},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size", "text"),
    [(73_000_000_000, "7.3*10^10"), (8_030_261_248, "8.0*10^9"), (99, "99"), (100, "1.0*10^2"), (9_960, "1.0*10^4")],
)
def test_eu(size: int, text: str) -> None:
    exported = EXPORTS["eu"](report({"parameters": {"a": {"shape": [size]}}}))
    assert exported["total_model_size"] == f"{text} parameters"
    assert EXPORTS["eu"](keras_resnet())["model_architecture"] == "Functional (keras 3.15.1)"


def test_what_is_not_known_is_left_out() -> None:
    header = {
        "q.qweight": {"dtype": "I32", "shape": [8, 32], "data_offsets": [0, 1024]},
        "q.scales": {"dtype": "F16", "shape": [2, 32], "data_offsets": [1024, 1152]},
    }
    shown = report(header)
    assert EXPORTS["eu"](shown)["total_model_size"] is None
    assert "paramSize" not in EXPORTS["modelpack"](shown)["config"]
    names = [each["name"] for each in EXPORTS["cyclonedx"](shown)["properties"]]
    assert "cdx:ai-ml:model:parameter:count" not in names
    assert EXPORTS["modelcard"](shown)["parameters"] == {}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("name", ALL)
def test_every_report_can_be_exported(export: str, name: str) -> None:
    exported = EXPORTS[export](ALL[name])
    text = json.dumps(exported, allow_nan=False)
    assert "\\u0000" not in text
    assert "\\u202e" not in text

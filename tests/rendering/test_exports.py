"""Exports: their forms here; tools/oracle/registries.py asks the registries' own clients and schemas."""

from __future__ import annotations

import json

import pytest

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
        },
    }


def test_wandb() -> None:
    assert EXPORTS["wandb"](SMALL) == {
        "model/num_parameters": 25,
        "model/num_trainable_parameters": 20,
        "model/num_frozen_parameters": 5,
        "model/num_buffers": 4,
        "model/bytes": 90,
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


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("name", ALL)
def test_every_report_can_be_exported(export: str, name: str) -> None:
    exported = EXPORTS[export](ALL[name])
    text = json.dumps(exported, allow_nan=False)
    assert "\\u0000" not in text
    assert "\\u202e" not in text

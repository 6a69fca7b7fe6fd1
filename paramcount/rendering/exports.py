"""A report's totals in the forms that registries of models take as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from paramcount.analysis.parameters import count_parameters
from paramcount.model.report import Report
from paramcount.rendering.fields import TotalFields, TotalName, printable, total_fields

MAX_KUBEFLOW_INTEGER = 999_999_999
"""The largest integer that Kubeflow's registry holds as one; a larger one is exported as a string."""

Export = Callable[[Report], dict[str, Any]]


def huggingface(report: Report) -> dict[str, Any]:
    """The `safetensors` member of a model on the Hub, by the Hub's own rule; beside it, what the weights hold."""
    if report.count_as_hub is not None:
        by_dtype, total, rule = report.count_as_hub()
    else:
        by_dtype = dict(Counter(report.weights_by_dtype) + Counter(report.buffers_by_dtype))
        total, rule = sum(by_dtype.values()), ""
    parameters = count_parameters(report)
    counted = {"total": parameters.total, "stored": parameters.stored, "rule": rule or None}
    return {"safetensors": {"parameters": by_dtype, "total": total}, "paramcount": counted}


def mlflow(report: Report) -> dict[str, Any]:
    """For mlflow.log_params(_["params"]) and mlflow.log_metrics(_["metrics"])."""
    return {
        "params": {f"paramcount.{name}": text for name, text in _about(report).items()},
        "metrics": {f"parameters.{name}": float(number) for name, number in _numbers(report).items()},
    }


def wandb(report: Report) -> dict[str, Any]:
    """For wandb.run.summary.update(_) or wandb.config.update(_): transformers' own key, and others beside it."""
    keys: dict[TotalName, str] = {
        "total": "num_parameters",
        "trainable": "num_trainable_parameters",
        "frozen": "num_frozen_parameters",
        "buffers": "num_buffers",
        "bytes": "bytes",
    }
    return {f"model/{keys[name]}": number for name, number in _numbers(report).items()}


def kubeflow(report: Report) -> dict[str, Any]:
    """The `customProperties` of a model version or an artifact in Kubeflow's model registry."""
    texts = {f"paramcount_{name}": _kubeflow_text(text) for name, text in _about(report).items()}
    numbers = {f"parameters_{name}": _kubeflow_number(number) for name, number in _numbers(report).items()}
    return {"customProperties": texts | numbers}


def _kubeflow_text(text: str) -> dict[str, str]:
    return {"metadataType": "MetadataStringValue", "string_value": text}


def _kubeflow_number(number: int) -> dict[str, str]:
    if number > MAX_KUBEFLOW_INTEGER:
        return _kubeflow_text(str(number))
    return {"metadataType": "MetadataIntValue", "int_value": str(number)}


def cyclonedx(report: Report) -> dict[str, Any]:
    """The `properties` of a machine-learning-model component in a CycloneDX document."""
    facts = {**_about(report), **{f"parameters:{name}": str(n) for name, n in _numbers(report).items()}}
    return {"properties": [{"name": f"paramcount:{name}", "value": value} for name, value in facts.items()]}


EXPORTS: Mapping[str, Export] = {
    "huggingface": huggingface,
    "mlflow": mlflow,
    "wandb": wandb,
    "kubeflow": kubeflow,
    "cyclonedx": cyclonedx,
}


def _about(report: Report) -> dict[str, str]:
    """Return what was counted, and whether the numbers are exact."""
    about = {"format": report.format, "convention": report.convention, "exact": str(report.exact).lower()}
    return about | ({"model": printable(report.root.name)[:250]} if report.root.name else {})


def _numbers(report: Report) -> TotalFields:
    return total_fields(report.root.totals, report.convention)

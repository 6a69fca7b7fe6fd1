"""A report's totals in the forms that registries of models take as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from paramcount.analysis.parameters import count_parameters
from paramcount.model.report import Report
from paramcount.rendering.fields import TotalFields, TotalName, printable, total_fields
from paramcount.rendering.parameters import dtype_names

MAX_KUBEFLOW_INTEGER = 999_999_999
"""The largest integer that Kubeflow's registry holds as one; a larger one is exported as a string."""

Export = Callable[[Report], dict[str, Any]]

_PRECISIONS: Mapping[str, str] = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3",
    "F8_E5M2": "float8_e5m2", "C32": "complex32", "C64": "complex64", "C128": "complex128", "I8": "int8",
    "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16", "U32": "uint32",
    "U64": "uint64", "BOOL": "bool",
}  # fmt: skip
"""ModelPack's names of precisions."""

_PROMPTS = ("PROMPT", "PREFIX", "P_TUNING", "CPT", "CARTRIDGE")
"""Parts of the names of PEFT's methods that add trainable inputs."""


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
        "metrics": {f"parameters.{name}": float(number) for name, number in _numbers(report).items()}
        | {f"parameters.{name}": float(number) for name, number in _record(report).items()},
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
    recorded = {f"model/num_parameters_{name}": number for name, number in _record(report).items()}
    return {f"model/{keys[name]}": number for name, number in _numbers(report).items()} | recorded


def kubeflow(report: Report) -> dict[str, Any]:
    """The `customProperties` of a model version or an artifact in Kubeflow's model registry."""
    texts = {f"paramcount_{name}": _kubeflow_text(text) for name, text in _about(report).items()}
    counts = _numbers(report).items() | _record(report).items()
    numbers = {f"parameters_{name}": _kubeflow_number(number) for name, number in sorted(counts)}
    return {"customProperties": texts | numbers}


def _kubeflow_text(text: str) -> dict[str, str]:
    return {"metadataType": "MetadataStringValue", "string_value": text}


def _kubeflow_number(number: int) -> dict[str, str]:
    if number > MAX_KUBEFLOW_INTEGER:
        return _kubeflow_text(str(number))
    return {"metadataType": "MetadataIntValue", "int_value": str(number)}


def cyclonedx(report: Report) -> dict[str, Any]:
    """The `properties` of a machine-learning-model component in a CycloneDX document.

    Source of the registered names: cdx/ai-ml.md of cyclonedx-property-taxonomy.
    """
    facts = {**_about(report), **{f"parameters:{name}": str(n) for name, n in _numbers(report).items()}}
    properties = {f"paramcount:{name}": value for name, value in facts.items()}
    if (total := count_parameters(report).total) is not None:
        properties["cdx:ai-ml:model:parameter:count"] = str(total)
    if method := _tune_method(report):
        properties["cdx:ai-ml:model:parameter:tune_method"] = method
    return {"properties": [{"name": name, "value": value} for name, value in properties.items()]}


def spdx(report: Report) -> dict[str, Any]:
    """Members of an AIPackage of SPDX 3.0's AI profile: the type of the model, and its numbers as hyperparameters."""
    numbers = {f"parameters.{name}": str(number) for name, number in (_numbers(report) | _record(report)).items()}
    entries = [{"type": "DictionaryEntry", "key": name, "value": value} for name, value in numbers.items()]
    architecture = _architecture(report)
    return {"ai_hyperparameter": entries} | ({"ai_typeOfModel": [architecture]} if architecture else {})


def modelpack(report: Report) -> dict[str, Any]:
    """Members of the `config` of a CNCF ModelPack artifact (application/vnd.cncf.model.config.v1+json)."""
    config = {"format": report.format} if report.format in ("safetensors", "gguf", "onnx") else {}
    total = count_parameters(report).total
    if total is not None and total >= 1000:
        config["paramSize"] = _one_decimal(total)
    precisions = [_PRECISIONS.get(dtype, "") for dtype in dtype_names(report).split(", ")]
    if all(precisions):
        config["precision"] = ",".join(precisions)
    return {"config": config}


def modelcard(report: Report) -> dict[str, Any]:
    """Members of the YAML at the head of a model card; JSON is YAML."""
    parameters = {name: number for name, number in _record(report).items() if name != "stored"}
    library = report.rules.partition(" ")[0]
    card: dict[str, Any] = {"model_name": printable(report.root.name)[:250]} if report.root.name else {}
    if library in ("keras", "transformers"):
        card["library_name"] = library
    return card | {"parameters": parameters, "dtype": dtype_names(report), "exact": report.exact}


def eu(report: Report) -> dict[str, Any]:
    """Lines for the model documentation form of the EU's code of practice for general-purpose AI, Model properties."""
    total = count_parameters(report).total
    size = None if total is None else f"{_significant(total)} parameters"
    return {"model_architecture": _architecture(report) or None, "total_model_size": size, "exact": report.exact}


EXPORTS: Mapping[str, Export] = {
    "huggingface": huggingface,
    "mlflow": mlflow,
    "wandb": wandb,
    "kubeflow": kubeflow,
    "cyclonedx": cyclonedx,
    "spdx": spdx,
    "modelpack": modelpack,
    "modelcard": modelcard,
    "eu": eu,
}


def _about(report: Report) -> dict[str, str]:
    """Return what was counted, and whether the numbers are exact."""
    about = {"format": report.format, "convention": report.convention, "exact": str(report.exact).lower()}
    return about | ({"model": printable(report.root.name)[:250]} if report.root.name else {})


def _record(report: Report) -> dict[str, int]:
    """Return what is known of the number of record."""
    parameters = count_parameters(report)
    known = {
        "count": parameters.total,
        "active": parameters.active,
        "embedding": parameters.embedding,
        "stored": parameters.stored,
    }
    return {name: number for name, number in known.items() if number is not None}


def _architecture(report: Report) -> str:
    """Return the class of the model, and whose it is."""
    name = printable(report.root.type or report.root.name)[:200]
    rules = report.rules.partition(",")[0]
    return f"{name} ({rules})" if name and rules else name


def _tune_method(report: Report) -> str:
    """Return the registered word for the adapter of a model; "" where it has none."""
    detail = next((warning.detail for warning in report.warnings if warning.code == "adapter"), "")
    method = detail.partition(" of PEFT")[0].upper()
    if not method:
        return ""
    return "lora" if method == "LORA" else "prompt" if any(word in method for word in _PROMPTS) else "adapter"


def _one_decimal(number: int) -> str:
    """Return a number of at least 1000 as ModelPack writes it, with one decimal: "8.0B"."""
    for unit, letter in ((10**15, "Q"), (10**12, "T"), (10**9, "B"), (10**6, "M")):
        if number >= unit - unit // 20_000:  # 999.95 of the unit below is 1000.0 of it
            return f"{number / unit:.1f}{letter}"
    return f"{number / 1000:.1f}K"


def _significant(number: int) -> str:
    """Return a number with two significant figures, as the form has it: "8.0*10^9"; one below 100 as it is."""
    if number < 100:
        return str(number)
    mantissa, _, exponent = f"{number:.1e}".partition("e")
    return f"{mantissa}*10^{int(exponent)}"


def _numbers(report: Report) -> TotalFields:
    return total_fields(report.root.totals, report.convention)

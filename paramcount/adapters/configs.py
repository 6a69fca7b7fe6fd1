"""An adapter_config.json: what is checked of it, and what PEFT's tables say where it is silent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson
from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.adapters.patterns import LONGEST_OF_ALL, MOST
from paramcount.adapters.registry import METHODS, Method
from paramcount.model.errors import (
    ArchitectureError,
    InvalidDocument,
    Problems,
    TooLarge,
    UnknownLayer,
    did_you_mean,
    token,
)
from paramcount.model.report import ReportWarning
from paramcount.schema.components import json_schema
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import Validator

VERSION = "0.21.2"
"""The version of PEFT whose rules these are."""

TASKS = ("SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION")

_HEADS = {"SEQ_CLS": ("classifier", "score"), "TOKEN_CLS": ("classifier", "score"), "QUESTION_ANS": ("qa_outputs",)}
"""What a task saves by itself (peft_model.py)."""

_NAME = {"type": "string", "minLength": 1}
_NAMES = {"type": "array", "items": _NAME, "maxItems": 100_000}
_INDICES = {"type": "array", "items": {"type": "integer"}, "maxItems": 1_000_000}
_NULL = {"type": "null"}
_COUNTS = Validator(
    {"type": ["object", "null"], "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MAX_DIMENSION}}
)


def _one_of(description: str, *options: Mapping[str, Any]) -> fields.Field[Any]:
    return fields.Raw(allow_none=True, metadata={"anyOf": deepcopy([*options]), "description": description})


class AdapterConfig(Schema):
    """PEFT's adapter_config.json; members that the method has beside these are checked by the method."""

    class Meta:
        unknown = INCLUDE

    peft_type = fields.String(required=True, metadata={"example": "LORA"})
    task_type = fields.String(allow_none=True, validate=validate.OneOf(TASKS))
    inference_mode = fields.Boolean(allow_none=True)
    target_modules = _one_of("a regular expression, a list of names, or null", _NAME, _NAMES, _NULL)
    exclude_modules = _one_of("a regular expression, a list of names, or null", _NAME, _NAMES, _NULL)
    feedforward_modules = _one_of("a regular expression, a list of names, or null", _NAME, _NAMES, _NULL)
    modules_to_save = _one_of("a list of names, or null", _NAMES, _NULL)
    target_parameters = _one_of("a list of names, or null", _NAMES, _NULL)
    layers_to_transform = _one_of("an index, a list of indices, or null", {"type": "integer"}, _INDICES, _NULL)
    layers_pattern = _one_of("a name, a list of names, or null", {"type": "string"}, _NAMES, _NULL)
    trainable_token_indices = _one_of(
        "a list of tokens, an object of such lists by module, or null",
        _INDICES,
        {"type": "object", "additionalProperties": _INDICES},
        _NULL,
    )
    bias = fields.String()
    layer_replication = _one_of(
        "a list of ranges of blocks, as [[0, 4], [2, 5]], or null",
        {"type": "array", "items": {**_INDICES, "minItems": 2, "maxItems": 2}, "maxItems": 10_000},
        _NULL,
    )


_VALIDATOR = Validator(json_schema("AdapterConfig", AdapterConfig))

_REFUSED = {
    "use_qalora": "is for GPTQ's modules",
    "use_bdlora": "is not counted",
    "arrow_config": "is not counted",
    "kasa_config": "is not counted",
    "monteclora_config": "is not counted",
    "velora_config": "is not counted",
    "megatron_config": "is not counted",
    "ensure_weight_tying": "is not counted",
}


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    """PEFT's own tables, by method."""
    found: dict[str, Any] = orjson.loads((files("paramcount.adapters") / "data/targets.json").read_bytes())
    return found


def method_of(config: Mapping[str, Any]) -> Method:
    """The method of a config that has been checked. Raises Problems with all that is wrong with the config."""
    if problems := _VALIDATOR.problems(config):
        raise Problems(problems)
    name = config["peft_type"]
    if name not in METHODS:
        raise Problems([_unknown(name)])
    found = METHODS[name]
    problems = list(_wrong(config, found))
    if problems:
        raise Problems(problems)
    return found


def _unknown(name: str) -> ArchitectureError:
    known = name in tables()["members"]
    detail = "is not counted here" if known else f"is no method of PEFT {VERSION}{did_you_mean(name, METHODS)}"
    error = UnknownLayer(f'"{name[:100]}" {detail}', name)
    error.pointer, error.code = "/peft_type", "unsupported_adapter" if known else "unknown_adapter"
    return error


def _wrong(config: Mapping[str, Any], method: Method) -> Iterator[ArchitectureError]:
    yield from _wrong_arguments(config, method)
    for member, why in _REFUSED.items():
        if config.get(member):
            yield InvalidDocument(f"{why}: leave it out", token(member), "unsupported")
    yield from _conflicts(config)
    yield from _too_many(config, method)
    bias = config.get("bias", "none")
    if bias not in ("none", "all") and not bias.endswith("_only"):
        yield InvalidDocument('must be "none", "all" or "lora_only"', "/bias", "enum")
    if method.name != "LORA" and config.get("target_parameters"):
        yield InvalidDocument(f"is not for {method.name}", "/target_parameters", "conflict")
    if not method.kinds and config.get("task_type") is None:
        yield InvalidDocument(f"is required by {method.name}", "/task_type", "required")
    if method.name == "CPT" and config.get("task_type") not in (None, "CAUSAL_LM"):
        yield InvalidDocument("must be CAUSAL_LM, the only task of CPT", "/task_type", "enum")


def _wrong_arguments(config: Mapping[str, Any], method: Method) -> Iterator[ArchitectureError]:
    """What the method's own formula cannot take; some of it comes from the model where the config is silent."""
    own = method.signature.chosen({name: value for name, value in config.items() if value is not None})
    supplied = {"is_feedforward", "token_dim", "num_layers", "num_transformer_submodules"} - own.keys()
    for problem in method.signature.problems(own, ""):
        if problem.pointer.removeprefix("/") not in supplied:
            yield problem
    for member in method.patterns.values():
        yield from _COUNTS.problems(config.get(member), token(member))


def _too_many(config: Mapping[str, Any], method: Method) -> Iterator[ArchitectureError]:
    """Expressions cost time and memory, each."""
    members = ("modules_to_save", "layers_pattern", *method.patterns.values())
    for member in members:
        given = config.get(member) or ()
        if isinstance(given, str) or not all(isinstance(one, str) for one in given):
            continue
        if len(given) > MOST:
            yield TooLarge(f"has {len(given):,} expressions, where {MOST:,} are the most", token(member))
        elif sum(map(len, given)) > LONGEST_OF_ALL:
            yield TooLarge(f"has expressions of more than {LONGEST_OF_ALL:,} characters", token(member))


def _conflicts(config: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    """Members that PEFT does not take together (its configs' __post_init__)."""
    target, layers = config.get("target_modules"), config.get("layers_to_transform")
    if isinstance(target, str) and layers is not None:
        yield InvalidDocument("needs target_modules to be a list", "/layers_to_transform", "conflict")
    if config.get("layers_pattern") and layers is None:
        yield InvalidDocument("needs layers_to_transform", "/layers_pattern", "conflict")
    feedforward = config.get("feedforward_modules")
    if isinstance(target, list) and isinstance(feedforward, list) and not set(feedforward) <= set(target):
        yield InvalidDocument("must all be among target_modules", "/feedforward_modules", "conflict")


def saved_modules(config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is trained in full, by name: what the method already leaves alone for it, and what the task adds later."""
    listed = list(config.get("modules_to_save") or ())
    if "modules_to_save" not in tables()["members"][config["peft_type"]]:
        return [], []
    task = config.get("task_type")
    heads = _HEADS.get(task or "", ())
    everything = list(dict.fromkeys((*listed, *heads)))
    return (everything if task == "SEQ_CLS" else listed), everything


def known_members(config: Mapping[str, Any]) -> dict[str, Any]:
    """The members that the method has; PEFT drops the others."""
    known = set(tables()["members"][config["peft_type"]])
    return {name: value for name, value in config.items() if name in known}


def warnings(config: Mapping[str, Any]) -> Iterator[ReportWarning]:
    """What a reader of the report must know of the config alone."""
    known = set(tables()["members"][config["peft_type"]])
    for name, value in config.items():
        if name not in known and value:
            whose = f"of {config['peft_type']} that PEFT {VERSION} knows"
            detail = f'"{name[:100]}" is no member {whose}: it may change the count'
            yield ReportWarning("unknown_member", "", detail, exact=False)
    if config.get("inference_mode"):
        yield ReportWarning(
            "inference_mode", "", "inference_mode is true, as in a saved config; counted as it is trained"
        )

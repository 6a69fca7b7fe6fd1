"""An adapter_config.json: its schema, its checks, and the tables of PEFT that complete it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import orjson
from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.adapters.patterns import MAX_ALL_PATTERNS_CHARS, MAX_PATTERNS
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
"""The modules that a task saves by itself (peft_model.py)."""

_NAME = {"type": "string", "minLength": 1}
_NAMES = {"type": "array", "items": _NAME, "maxItems": 100_000}
_INDICES = {"type": "array", "items": {"type": "integer"}, "maxItems": 1_000_000}
_NULL = {"type": "null"}
_COUNTS = Validator(
    {"type": ["object", "null"], "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MAX_DIMENSION}}
)


def _any_of(description: str, *options: Mapping[str, Any]) -> fields.Field[Any]:
    return fields.Raw(allow_none=True, metadata={"anyOf": deepcopy([*options]), "description": description})


class AdapterConfig(Schema):
    """PEFT's adapter_config.json; members that the method has beside these are checked by the method."""

    class Meta:
        unknown = INCLUDE

    peft_type = fields.String(required=True, metadata={"example": "LORA"})
    task_type = fields.String(allow_none=True, validate=validate.OneOf(TASKS))
    inference_mode = fields.Boolean(allow_none=True)
    target_modules = _any_of("a regular expression, a list of names, or null", _NAME, _NAMES, _NULL)
    exclude_modules = _any_of("a regular expression, a list of names, or null", _NAME, _NAMES, _NULL)
    feedforward_modules = _any_of("a regular expression, a list of names, or null", _NAME, _NAMES, _NULL)
    modules_to_save = _any_of("a list of names, or null", _NAMES, _NULL)
    target_parameters = _any_of("a list of names, or null", _NAMES, _NULL)
    layers_to_transform = _any_of("an index, a list of indices, or null", {"type": "integer"}, _INDICES, _NULL)
    layers_pattern = _any_of("a name, a list of names, or null", {"type": "string"}, _NAMES, _NULL)
    trainable_token_indices = _any_of(
        "a list of tokens, an object of such lists by module, or null",
        _INDICES,
        {"type": "object", "additionalProperties": _INDICES},
        _NULL,
    )
    bias = fields.String()
    layer_replication = _any_of(
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
}


class SavedModules(NamedTuple):
    """The modules that are trained in full, by name."""

    unadapted: list[str]  # those that the method leaves alone for it
    saved: list[str]  # with those that the task adds later


@lru_cache(maxsize=1)
def load_tables() -> dict[str, Any]:
    """Load PEFT's own tables: default targets by method, renamed experts, the members of each method's config."""
    tables: dict[str, Any] = orjson.loads((files("paramcount.adapters") / "data/targets.json").read_bytes())
    return tables


def find_method(config: Mapping[str, Any]) -> Method:
    """Check a config and return its method. Raises Problems with all that is wrong with the config."""
    if problems := _VALIDATOR.problems(config):
        raise Problems(problems)
    name = config["peft_type"]
    if name not in METHODS:
        raise Problems([_unknown_method(name)])
    method = METHODS[name]
    if problems := list(_find_problems(config, method)):
        raise Problems(problems)
    return method


def _unknown_method(name: str) -> ArchitectureError:
    is_of_peft = name in load_tables()["members"]
    detail = "is not counted here" if is_of_peft else f"is no method of PEFT {VERSION}{did_you_mean(name, METHODS)}"
    error = UnknownLayer(f'"{name[:100]}" {detail}', name)
    error.pointer, error.code = "/peft_type", "unsupported_adapter" if is_of_peft else "unknown_adapter"
    return error


def _find_problems(config: Mapping[str, Any], method: Method) -> Iterator[ArchitectureError]:
    yield from _find_invalid_arguments(config, method)
    for member, reason in _REFUSED.items():
        if config.get(member):
            detail = f"{reason}; without it, PEFT may train another number of parameters"
            yield InvalidDocument(detail, token(member), "unsupported")
    yield from _find_conflicts(config)
    yield from _find_excess_patterns(config, method)
    bias = config.get("bias", "none")
    if bias not in ("none", "all") and not bias.endswith("_only"):
        yield InvalidDocument('must be "none", "all" or "lora_only"', "/bias", "enum")
    if method.name != "LORA" and config.get("target_parameters"):
        yield InvalidDocument(f"is not for {method.name}", "/target_parameters", "conflict")
    if method.is_prompt and config.get("task_type") is None:
        yield InvalidDocument(f"is required by {method.name}", "/task_type", "required")
    if method.name == "CPT" and config.get("task_type") not in (None, "CAUSAL_LM"):
        yield InvalidDocument("must be CAUSAL_LM, the only task of CPT", "/task_type", "enum")


def _find_invalid_arguments(config: Mapping[str, Any], method: Method) -> Iterator[ArchitectureError]:
    """Yield what the method's formula cannot take, but for what the model supplies where the config is silent."""
    arguments = method.signature.select({name: value for name, value in config.items() if value is not None})
    supplied = {"is_feedforward", "token_dim", "num_layers", "num_transformer_submodules"} - arguments.keys()
    for problem in method.signature.problems(arguments, ""):
        if problem.pointer.removeprefix("/") not in supplied:
            yield problem
    for member in method.overrides.values():
        yield from _COUNTS.problems(config.get(member), token(member))


def _find_excess_patterns(config: Mapping[str, Any], method: Method) -> Iterator[ArchitectureError]:
    """Yield the members with too many expressions, each of which costs time and memory."""
    for member in ("modules_to_save", "layers_pattern", *method.overrides.values()):
        patterns = config.get(member)
        if not isinstance(patterns, list | dict) or not all(isinstance(pattern, str) for pattern in patterns):
            continue
        if len(patterns) > MAX_PATTERNS:
            detail = f"has {len(patterns):,} expressions, where {MAX_PATTERNS:,} are the most"
            yield TooLarge(detail, token(member))
        elif sum(map(len, patterns)) > MAX_ALL_PATTERNS_CHARS:
            yield TooLarge(f"has expressions of more than {MAX_ALL_PATTERNS_CHARS:,} characters", token(member))


def _find_conflicts(config: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    """Yield members that PEFT does not take together (its configs' __post_init__)."""
    target, layers = config.get("target_modules"), config.get("layers_to_transform")
    if isinstance(target, str) and layers is not None:
        yield InvalidDocument("needs target_modules to be a list", "/layers_to_transform", "conflict")
    if config.get("layers_pattern") and layers is None:
        yield InvalidDocument("needs layers_to_transform", "/layers_pattern", "conflict")
    feedforward = config.get("feedforward_modules")
    if isinstance(target, list) and isinstance(feedforward, list) and not set(feedforward) <= set(target):
        yield InvalidDocument("must all be among target_modules", "/feedforward_modules", "conflict")


def list_saved_modules(config: Mapping[str, Any]) -> SavedModules:
    """List the modules that are trained in full: those of modules_to_save, and the task's heads."""
    if "modules_to_save" not in _list_members(config):
        return SavedModules([], [])
    stated = list(config.get("modules_to_save") or ())
    task = config.get("task_type") or ""
    everything = list(dict.fromkeys((*stated, *_HEADS.get(task, ()))))
    return SavedModules(everything if task == "SEQ_CLS" else stated, everything)


def drop_unknown_members(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that the method's config class has; PEFT drops the others."""
    members = _list_members(config)
    return {name: value for name, value in config.items() if name in members}


def find_warnings(config: Mapping[str, Any]) -> Iterator[ReportWarning]:
    """Yield the warnings that a config causes by itself."""
    members = _list_members(config)
    for name, value in sorted(config.items()):  # an order that no hash decides: the schema hands them on in any
        if name not in members and value:
            whose = f"of {config['peft_type']} that PEFT {VERSION} knows"
            detail = f'"{name[:100]}" is no member {whose}: it may change the count'
            yield ReportWarning("unknown_member", "", detail, exact=False)
    if config.get("inference_mode"):
        detail = "inference_mode is true, as in a saved config; counted as it is trained"
        yield ReportWarning("inference_mode", "", detail)


def _list_members(config: Mapping[str, Any]) -> frozenset[str]:
    """List the members of the config class of the config's method."""
    return frozenset(load_tables()["members"][config["peft_type"]])

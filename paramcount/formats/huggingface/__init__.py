"""huggingface: the config.json of a transformers model, counted by the compiled blueprint of its class."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.huggingface.blueprints import load_blueprint, load_index
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.formats.huggingface.models import build_model
from paramcount.formats.huggingface.submodels import find_submodels, fit_blueprint
from paramcount.formats.huggingface.warnings import warn_of_checkpoints
from paramcount.model.document import Document, ModelFacts, Submodel
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.errors import InvalidDocument, UnknownLayer, did_you_mean
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import reader

_EXAMPLE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
}


class HuggingFaceConfig(Schema):
    """A config.json: which class, and its fields; those that are absent take the class's defaults."""

    class Meta:
        unknown = INCLUDE

    architectures = fields.List(
        fields.String(validate=validate.Length(1, 200)),
        allow_none=True,
        metadata={"description": "the model's class; without it, the base class of its model_type"},
    )
    model_type = fields.String(validate=validate.Length(1, 200))
    dtype = fields.Raw(metadata={"description": "of the weights: bfloat16"})
    torch_dtype = fields.Raw(metadata={"description": "the older name of dtype"})


def _claims(payload: Any) -> bool:
    return (
        isinstance(payload, dict)
        and ("model_type" in payload or "architectures" in payload)
        and "layers" not in payload
        and "class_name" not in payload
        and "general.architecture" not in payload
    )


def _read_as_base(payload: Mapping[str, Any]) -> Document:
    """Read a config whose class is code beside it as transformers' own class of its model type: the one with the same
    head, or else the base class."""
    name, model_type = next(iter(payload.get("architectures") or ()), ""), payload.get("model_type") or ""
    index = load_index()
    if name in index.classes or not payload.get("auto_map") or model_type not in index.bases:
        return huggingface(payload)
    head = "For" + name.rpartition("For")[2] if "For" in name else ""
    same_head = [
        known for known, types in index.classes.items() if model_type in types and head and known.endswith(head)
    ]
    base = same_head[0] if len(same_head) == 1 else index.bases[model_type]
    document = huggingface({**payload, "architectures": [base], "auto_map": None})
    detail = f"its class is code beside it (auto_map), which is never run: counted as {base}, as was asked"
    return document._replace(warnings=(*document.warnings, ReportWarning("remote_code", "", detail, exact=False)))


@reader("huggingface", claims=_claims, schema=HuggingFaceConfig, example=_EXAMPLE, read_as_base=_read_as_base)
def huggingface(payload: Mapping[str, Any]) -> Document:
    """A config.json of transformers: what the class named in `architectures` builds from it, exactly as it would."""
    choice = _choose_class(payload)
    blueprint = fit_blueprint(load_blueprint(choice.model_type, choice.name), payload)
    model = build_model(blueprint, _read_dtype(payload), payload)
    version = ReportWarning("blueprint", "", f"{choice.name} of transformers {load_index().version}")
    notes = model.notes
    differences = warn_of_checkpoints(payload, has_fused_experts=notes.has_fused_experts)
    warnings = (version, *choice.warnings, *notes.warnings, *differences)
    return Document(
        model.root,
        "torch",
        "torch",
        warnings=warnings,
        roles=notes.roles,
        read_facts=partial(_read_facts, payload, choice.model_type, choice.name),
        counts=model.counts,
    )


def _read_facts(payload: Mapping[str, Any], model_type: str, class_name: str) -> ModelFacts:
    """Return what is known of the model of a config that was counted."""
    outer = load_blueprint(model_type, class_name)
    blueprint = fit_blueprint(outer, payload)
    submodels = []
    for path, inner_type in find_submodels(payload, outer):
        slot = outer.submodel_slots[path]
        submodels.append(Submodel(slot.prefix, inner_type, slot.accepts[inner_type]))
    config = resolve_fields(payload, blueprint)
    return ModelFacts(model_type, config=config, aliases=blueprint.family.aliases, submodels=tuple(submodels))


class _Choice(NamedTuple):
    """The class that a config is counted as, and what there is to say about that."""

    model_type: str
    name: str
    warnings: tuple[ReportWarning, ...]


def _choose_class(payload: Mapping[str, Any]) -> _Choice:
    """The class that a config names, or else the base class of its model type. Raises ArchitectureError."""
    model_type, architectures = payload.get("model_type"), payload.get("architectures")
    if architectures:
        return _choose_architecture(architectures, model_type, payload)
    if model_type is None:
        raise InvalidDocument('names no model: it has neither "architectures" nor a "model_type"', "", "required")
    index = load_index()
    if model_type not in index.bases:
        if payload.get("auto_map"):
            raise _remote_code()
        detail = f'"{model_type[:100]}" is no model_type that is known{did_you_mean(model_type, index.bases)}'
        raise UnknownLayer(detail, model_type, "/model_type")
    name = index.bases[model_type]
    if name not in index.classes:
        raise UnknownLayer(_explain_refusal(name), name, "/model_type")
    warning = ReportWarning("base_class", "", f"no architectures: counted as {name}, the base class")
    return _Choice(model_type, name, (warning,))


def _choose_architecture(architectures: list[str], model_type: str | None, payload: Mapping[str, Any]) -> _Choice:
    """The first of the architectures. Raises ArchitectureError where it is unknown, or not of the model type."""
    name, warnings = _find_class(architectures[0], model_type, payload)
    types = load_index().classes[name]
    if model_type is None and len(types) == 1:
        model_type = types[0]
    if model_type not in types:
        if payload.get("auto_map"):
            raise _remote_code()
        detail = f"{name} takes a config of model_type {' or '.join(types)}"
        raise InvalidDocument(detail, "/model_type", "unknown_model_type")
    if len(set(architectures)) > 1:
        detail = f"counted as the first of {', '.join(architectures[:10])}"
        warnings = (*warnings, ReportWarning("several_architectures", "", detail))
    return _Choice(model_type, name, warnings)


def _find_class(name: str, model_type: str | None, payload: Mapping[str, Any]) -> tuple[str, tuple[ReportWarning, ...]]:
    """transformers' own class of a name, which it prefers to code beside the config. Raises ArchitectureError."""
    index = load_index()
    if name in index.classes:
        if payload.get("auto_map"):
            detail = f"auto_map names code beside the config, which is never run: counted as transformers' own {name}"
            return name, (ReportWarning("remote_code", "", detail),)
        return name, ()
    same_letters = [
        known for known, types in index.classes.items() if model_type in types and known.lower() == name.lower()
    ]
    if same_letters:  # older code spelt it otherwise: MPTForCausalLM
        current = same_letters[0]
        return current, (ReportWarning("other_name", "", f"{name[:100]} is counted as {current}"),)
    if payload.get("auto_map") and name not in index.refused:
        raise _remote_code()
    raise UnknownLayer(_explain_refusal(name), name, "/architectures/0")


def _remote_code() -> InvalidDocument:
    detail = (
        "the model's class is code beside its config (auto_map), which is never run; "
        "remote_code=base counts transformers' own class of its model_type instead"
    )
    return InvalidDocument(detail, "/auto_map", "remote_code")


def _explain_refusal(name: str) -> str:
    """The reason why a class cannot be counted."""
    index = load_index()
    if name in index.refused:
        return f"{name} of transformers {index.version} has no verified blueprint: {index.refused[name]}"
    return f'"{name[:100]}" is no known class of transformers {index.version}{did_you_mean(name, index.classes)}'


def _read_dtype(payload: Mapping[str, Any]) -> str:
    stated = payload.get("dtype") or payload.get("torch_dtype")
    return DTYPE_NAMES.get(stated.removeprefix("torch."), "") if isinstance(stated, str) else ""


__all__ = ["huggingface"]

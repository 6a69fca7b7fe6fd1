"""huggingface: the config.json of a transformers model, counted by the compiled blueprint of its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.huggingface.blueprints import blueprint, index
from paramcount.formats.huggingface.building import built
from paramcount.formats.huggingface.composing import fitting
from paramcount.formats.huggingface.warnings import differences
from paramcount.model.document import Document
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


def _as_base(payload: Mapping[str, Any]) -> Document:
    """A config whose class is code beside it, as transformers' own class of its model type: that with the same head,
    or else its base class."""
    name, model_type = next(iter(payload.get("architectures") or ()), ""), payload.get("model_type") or ""
    known = index()
    if name in known.classes or not payload.get("auto_map") or model_type not in known.bases:
        return huggingface(payload)
    head = "For" + name.rpartition("For")[2] if "For" in name else ""
    alike = [own for own, types in known.classes.items() if model_type in types and head and own.endswith(head)]
    own = alike[0] if len(alike) == 1 else known.bases[model_type]
    document = huggingface({**payload, "architectures": [own], "auto_map": None})
    detail = f"its class is code beside it (auto_map), which is never run: counted as {own}, as was asked"
    return document._replace(warnings=(*document.warnings, ReportWarning("remote_code", "", detail, exact=False)))


@reader("huggingface", claims=_claims, schema=HuggingFaceConfig, example=_EXAMPLE, base=_as_base)
def huggingface(payload: Mapping[str, Any]) -> Document:
    """A config.json of transformers: what the class named in `architectures` builds from it, exactly as it would."""
    model_type, name, warnings = _chosen(payload)
    found = fitting(blueprint(model_type, name), payload)
    root, said, _, counts = built(found, _dtype(payload), payload)
    version = ReportWarning("blueprint", "", f"{name} of transformers {index().version}")
    told = (version, *warnings, *said.warnings, *differences(payload, fused=said.fused))
    return Document(root, "torch", "torch", warnings=told, roles=said.roles, counts=counts)


def _chosen(payload: Mapping[str, Any]) -> tuple[str, str, tuple[ReportWarning, ...]]:
    """The model type and the class that a config names."""
    known = index()
    model_type, architectures = payload.get("model_type"), payload.get("architectures")
    if architectures:
        name, said = _own(architectures[0], model_type, payload)
        types = known.classes[name]
        if model_type is None and len(types) == 1:
            model_type = types[0]
        if model_type not in types:
            if payload.get("auto_map"):
                raise _remote_code()
            detail = f"{name} takes a config of model_type {' or '.join(types)}"
            raise InvalidDocument(detail, "/model_type", "unknown_model_type")
        return model_type, name, (*said, *_several(architectures))
    if model_type is None:
        raise InvalidDocument('names no model: it has neither "architectures" nor a "model_type"', "", "required")
    if model_type not in known.bases:
        if payload.get("auto_map"):
            raise _remote_code()
        detail = f'"{model_type[:100]}" is no model_type that is known{did_you_mean(model_type, known.bases)}'
        raise _unknown(detail, model_type, "/model_type")
    name = known.bases[model_type]
    if name not in known.classes:
        raise _unknown(_why(name), name, "/model_type")
    return model_type, name, (ReportWarning("base_class", "", f"no architectures: counted as {name}, the base class"),)


def _own(name: str, model_type: str | None, payload: Mapping[str, Any]) -> tuple[str, tuple[ReportWarning, ...]]:
    """transformers' own class of a name, which it prefers to code beside the config. Raises ArchitectureError."""
    known = index()
    if name in known.classes:
        if payload.get("auto_map"):
            detail = f"auto_map names code beside the config, which is never run: counted as transformers' own {name}"
            return name, (ReportWarning("remote_code", "", detail),)
        return name, ()
    alike = [own for own, types in known.classes.items() if model_type in types and own.lower() == name.lower()]
    if alike:  # older code spelt it otherwise: MPTForCausalLM
        return alike[0], (ReportWarning("other_name", "", f"{name[:100]} is counted as {alike[0]}"),)
    if payload.get("auto_map") and name not in known.refused:
        raise _remote_code()
    raise _unknown(_why(name), name, "/architectures/0")


def _remote_code() -> InvalidDocument:
    detail = (
        "the model's class is code beside its config (auto_map), which is never run; "
        "remote_code=base counts transformers' own class of its model_type instead"
    )
    return InvalidDocument(detail, "/auto_map", "remote_code")


def _several(architectures: list[str]) -> tuple[ReportWarning, ...]:
    if len(set(architectures)) == 1:
        return ()
    return (ReportWarning("several_architectures", "", f"counted as the first of {', '.join(architectures[:10])}"),)


def _unknown(detail: str, name: str, pointer: str) -> UnknownLayer:
    error = UnknownLayer(detail, name)
    error.pointer = pointer
    return error


def _why(name: str) -> str:
    """Why a class cannot be counted."""
    known = index()
    if name in known.refused:
        return f"{name} of transformers {known.version} has no verified blueprint: {known.refused[name]}"
    return f'"{name[:100]}" is no known class of transformers {known.version}{did_you_mean(name, known.classes)}'


def _dtype(payload: Mapping[str, Any]) -> str:
    stated = payload.get("dtype") or payload.get("torch_dtype")
    return DTYPE_NAMES.get(stated.removeprefix("torch."), "") if isinstance(stated, str) else ""


__all__ = ["huggingface"]

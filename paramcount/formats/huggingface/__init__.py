"""huggingface: the config.json of a transformers model, counted by the compiled blueprint of its class."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.claims import is_named_model, is_params_json, is_safety_checker
from paramcount.formats.huggingface.blueprints import TRANSFORMERS, load_blueprint
from paramcount.formats.huggingface.classes import Choice, choose_base, choose_class
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.formats.huggingface.models import build_model
from paramcount.formats.huggingface.releases import choose_release, load_of_release
from paramcount.formats.huggingface.submodels import find_submodels, fit_blueprint
from paramcount.formats.huggingface.warnings import warn_of_checkpoints
from paramcount.model.document import Document, ModelFacts, Submodel
from paramcount.model.dtypes import DTYPE_NAMES
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
        and not is_params_json(payload)
        and not is_safety_checker(payload)
        and not is_named_model(payload)
    )


def _read_as_base(payload: Mapping[str, Any]) -> Document:
    """Read a config whose class is not transformers' as transformers' own class of its model type."""
    return _read(payload, choose_base(payload) or choose_class(payload))


@reader(
    "huggingface",
    claims=_claims,
    members=("model_type", "architectures"),
    schema=HuggingFaceConfig,
    example=_EXAMPLE,
    read_as_base=_read_as_base,
)
def huggingface(payload: Mapping[str, Any]) -> Document:
    """A config.json of transformers: what the class named in `architectures` builds from it, exactly as it would."""
    return _read(payload, choose_class(payload))


def _read(payload: Mapping[str, Any], choice: Choice) -> Document:
    """Read a config as one of the class that was chosen."""
    release = choose_release(payload, choice.model_type, choice.name)
    blueprint = fit_blueprint(load_blueprint(choice.model_type, choice.name, TRANSFORMERS, release.older), payload)
    model = build_model(blueprint, _read_dtype(payload), payload)
    version = ReportWarning("blueprint", "", f"{choice.name} of transformers {release.version}")
    notes = model.notes
    differences = warn_of_checkpoints(payload, has_fused_experts=notes.has_fused_experts)
    warnings = (version, *choice.warnings, *release.warnings, *notes.warnings, *differences)
    return Document(
        model.root,
        "torch",
        "torch",
        warnings=warnings,
        roles=notes.roles,
        read_facts=partial(_read_facts, payload, choice.model_type, choice.name),
        counts=model.counts,
        rules=f"transformers {release.version}",
    )


def _read_facts(payload: Mapping[str, Any], model_type: str, class_name: str) -> ModelFacts:
    """Return what is known of the model of a config that was counted."""
    outer = load_of_release(payload, model_type, class_name)
    blueprint = fit_blueprint(outer, payload)
    submodels = []
    for path, inner_type in find_submodels(payload, outer):
        slot = outer.submodel_slots[path]
        if inner_type == outer.family.defaults[path]:  # what is known of the class is known of it with that inside
            continue
        submodels.append(Submodel(slot.prefix, inner_type, slot.accepts[inner_type]))
    config = resolve_fields(payload, blueprint)
    return ModelFacts(model_type, config=config, aliases=blueprint.family.aliases, submodels=tuple(submodels))


def _read_dtype(payload: Mapping[str, Any]) -> str:
    stated = payload.get("dtype") or payload.get("torch_dtype")
    return DTYPE_NAMES.get(stated.removeprefix("torch."), "") if isinstance(stated, str) else ""


__all__ = ["huggingface"]

"""The catalogue of classes whose configs can be counted: which there are, and which fields size them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, load_blueprint, load_index
from paramcount.formats.huggingface.configs import DERIVED, LABELS, describe_kinds
from paramcount.formats.huggingface.submodels import fit_blueprint
from paramcount.model.errors import UnknownLayer, did_you_mean


def describe_model(name: str) -> dict[str, Any]:
    """One class, with its config for each model type that it accepts. Raises UnknownLayer."""
    index = load_index()
    if name not in index.classes:
        reason = index.refused.get(name)
        detail = (
            f"has no verified blueprint: {reason}"
            if reason
            else f"is no known class{did_you_mean(name, index.classes)}"
        )
        raise UnknownLayer(f'"{name[:100]}" {detail}', name)
    return {
        "name": name,
        "transformers": index.version,
        "configs": [_describe_config(model_type, name) for model_type in index.classes[name]],
    }


def _describe_config(model_type: str, name: str) -> dict[str, Any]:
    blueprint = fit_blueprint(load_blueprint(model_type, name), {})
    assumptions = (*blueprint.stated_assumptions, *blueprint.derived_assumptions)
    return {
        "model_type": model_type,
        "members": list(_describe_fields(blueprint)),
        "only_defaults": blueprint.defaults_only,
        "assumed": [] if blueprint.defaults_only else list(dict.fromkeys(one.text for one in assumptions)),
        "example": {"architectures": [name], "model_type": model_type, **_default_integers(blueprint)},
    }


def _default_integers(blueprint: Blueprint) -> dict[str, int]:
    """The default integers that size the class, of the config itself and not of those inside."""
    paths = [path for path in blueprint.fields if "." not in path and path != LABELS]
    defaults = {path: blueprint.family.defaults.get(path) for path in paths}
    return {path: value for path, value in defaults.items() if type(value) is int}


def _describe_fields(blueprint: Blueprint) -> Iterator[dict[str, Any]]:
    """Yield the fields that the count depends on, with the values they may have and their defaults."""
    for path, kinds in blueprint.fields.items():
        values = describe_kinds(kinds)
        if DERIVED in kinds:
            values += " or what the class derives"
        yield {"field": path, "values": values, "default": blueprint.family.defaults.get(path)}

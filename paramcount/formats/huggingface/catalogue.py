"""What is known of the classes: for a person who wants to see which there are and what sizes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, blueprint, index
from paramcount.formats.huggingface.configs import AS_DERIVED, KINDS, LABELS
from paramcount.model.errors import UnknownLayer, did_you_mean


def models() -> dict[str, Any]:
    """Every class that has a blueprint, and those that have none, with the reason."""
    known = index()
    return {
        "transformers": known.version,
        "models": [{"name": name, "model_types": types} for name, types in known.classes.items()],
        "refused": [{"name": name, "reason": reason} for name, reason in known.refused.items()],
    }


def model(name: str) -> dict[str, Any]:
    """One class: what its config says, for each model type that it takes. Raises UnknownLayer."""
    known = index()
    if name not in known.classes:
        reason = known.refused.get(name)
        detail = (
            f"has no verified blueprint: {reason}"
            if reason
            else f"is no known class{did_you_mean(name, known.classes)}"
        )
        raise UnknownLayer(f'"{name[:100]}" {detail}', name)
    return {
        "name": name,
        "transformers": known.version,
        "configs": [_config(kind, name) for kind in known.classes[name]],
    }


def _config(model_type: str, name: str) -> dict[str, Any]:
    found = blueprint(model_type, name)
    members = list(_fields(model_type, name))
    return {
        "model_type": model_type,
        "members": members,
        "only_defaults": found.fixed,
        "assumed": [] if found.fixed else list(dict.fromkeys(e.text for e in (*found.given, *found.assumed))),
        "example": {"architectures": [name], "model_type": model_type, **_numbers(found)},
    }


def _numbers(found: Blueprint) -> dict[str, int]:
    """The numbers that size the class by default, as far as they stand in the config itself."""
    defaults = {path: found.family.defaults.get(path) for path in found.fields if "." not in path and path != LABELS}
    return {path: value for path, value in defaults.items() if type(value) is int}


def _fields(model_type: str, name: str) -> Iterator[dict[str, Any]]:
    """The fields that matter, with the values that they may have and what they are where they are absent."""
    found = blueprint(model_type, name)
    for path, kinds in found.fields.items():
        values = " or ".join(KINDS[letter] for letter in kinds if letter in KINDS)
        if AS_DERIVED in kinds:
            values += " or what the class derives"
        yield {"field": path, "values": values, "default": found.family.defaults.get(path)}

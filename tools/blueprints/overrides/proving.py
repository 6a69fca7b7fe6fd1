"""Overrides against transformers: what ships counts every proof tensor by tensor, and refuses what it must."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint
from tools.blueprints import gate
from tools.blueprints.framework import config_class, model_class
from tools.blueprints.overrides import OVERRIDES
from tools.blueprints.raw import write_in_full
from tools.blueprints.runs import build


def disprove(model_type: str, family: Mapping[str, Any]) -> dict[str, str]:
    """Return the first proof that each class of a family fails, and how; none of those that fail none."""
    failures: dict[str, str] = {}
    for name in OVERRIDES[model_type].classes:
        blueprint = gate.blueprint(model_type, name, dict(family), family["classes"][name])
        if why := next(_failures(model_type, name, blueprint), ""):
            failures[name] = why
    return failures


def check_override(model_type: str, shipped: Mapping[str, Any], learned: Mapping[str, Any]) -> str:
    """Return why an override is wrong, or proves nothing: a class that holds without it needs none. '' if neither."""
    if failures := disprove(model_type, shipped):
        return "; ".join(f"{name}: {why}" for name, why in failures.items())
    without = disprove(model_type, learned)
    return "; ".join(f"{name} holds without it" for name in OVERRIDES[model_type].classes if name not in without)


def _failures(model_type: str, name: str, blueprint: Blueprint) -> Iterator[str]:
    override, config_cls, model_cls = OVERRIDES[model_type], config_class(model_type), model_class(model_type, name)
    for proof in (*override.proofs, *override.proofs_of_classes.get(name, ())):
        truth = build(config_cls, model_cls, proof)
        for config in (proof, write_in_full(config_cls, model_type, dict(proof))):
            if why := gate.difference(blueprint, config, truth):
                yield f"{config}: {why}"
    for config in override.refused:
        if not gate.difference(blueprint, config, {}).startswith(gate.REFUSED):
            yield f"{config} is counted, but must be refused"

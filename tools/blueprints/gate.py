"""The comparison of what a blueprint counts of a config with what the framework builds of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.huggingface.blocks import Builder, expand_tensors
from paramcount.formats.huggingface.blueprints import Blueprint, parse_blueprint, parse_family
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.formats.huggingface.plans import plan
from paramcount.formats.huggingface.submodels import fit_blueprint
from paramcount.model.errors import ArchitectureError, Problems
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.records import Record

REFUSED = "refused: "


def blueprint(model_type: str, name: str, shared: Record, record: Record) -> Blueprint:
    """The blueprint that records make, as the service reads them."""
    return parse_blueprint(parse_family(model_type, shared), name, record)


def is_wrong(difference: str) -> bool:
    """Return whether a difference is one that no one is told of."""
    return bool(difference) and not difference.startswith(REFUSED)


def count(blueprint: Blueprint, payload: Mapping[str, Any]) -> dict[str, BuiltTensor]:
    """Return what the service counts of a config. Raises Problems, or ArchitectureError, where it refuses it."""
    blueprint = fit_blueprint(blueprint, payload)
    root = Builder(resolve_fields(payload, blueprint)).build(plan(blueprint.entries), "")
    counted: dict[str, BuiltTensor] = {}
    for name, tensor in expand_tensors(root):
        buffer = tensor.dtype if tensor.role == "buffer" else ""
        frozen = not tensor.trainable and not buffer
        tied_to = "another of this name" if name in counted else tensor.tied_to
        counted[name] = BuiltTensor(tensor.shape, tied_to, frozen, buffer)
    return counted


def read_fields(blueprint: Blueprint) -> set[str]:
    """The fields that tensors, derived fields and what must hold of them follow from."""
    entries = [one for entry in blueprint.entries for one in (*entry.shape, *entry.counts, entry.guard)]
    rules = [one for rule in blueprint.rules for one in (rule.value, *rule.counts, rule.guard)]
    derived = {rule.name.partition("[")[0] for rule in blueprint.rules}
    return {path for one in (*entries, *rules, *blueprint.derived_assumptions) for path in one.fields} | derived


def difference(blueprint: Blueprint, payload: Mapping[str, Any], truth: Mapping[str, BuiltTensor]) -> str:
    """'' where the service counts exactly what the framework builds; `refused: ...` where it does not count."""
    try:
        counted = count(blueprint, payload)
    except Problems as problems:
        return REFUSED + "; ".join(problem.detail for problem in problems.problems)
    except ArchitectureError as problem:
        return REFUSED + problem.detail
    if counted == truth:
        return ""
    missing, extra = truth.keys() - counted.keys(), counted.keys() - truth.keys()
    other = [name for name in truth.keys() & counted.keys() if truth[name] != counted[name]]
    if other:
        return f"{min(other)} is {truth[min(other)]}, not {counted[min(other)]} (and {len(other) - 1} more)"
    return f"missing {min(missing)} (of {len(missing)})" if missing else f"extra {min(extra)} (of {len(extra)})"

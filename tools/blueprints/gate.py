"""The gate: what the service makes of a config against what the framework builds of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.huggingface.blocks import Builder, expand_tensors
from paramcount.formats.huggingface.blueprints import Blueprint, parse_blueprint, parse_family
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.formats.huggingface.plans import plan
from paramcount.model.errors import ArchitectureError, Problems
from tools.blueprints.phases import Found
from tools.blueprints.records import Record

REFUSED = "refused: "


def blueprint(model_type: str, name: str, shared: Record, record: Record) -> Blueprint:
    """The blueprint that records make, as the service reads them."""
    return parse_blueprint(parse_family(model_type, shared), name, record)


def difference(found: Blueprint, payload: Mapping[str, Any], truth: Mapping[str, Found]) -> str:
    """'' where the service counts exactly what the framework builds; `refused: ...` where it does not count."""
    try:
        scope = resolve_fields(payload, found)
        root = Builder(scope).build(plan(found.entries), "")
    except Problems as problems:
        return REFUSED + "; ".join(problem.detail for problem in problems.problems)
    except ArchitectureError as problem:
        return REFUSED + problem.detail
    ours: dict[str, Found] = {}
    for name, tensor in expand_tensors(root):
        if name in ours:
            return f"{name} twice"
        buffer = tensor.dtype if tensor.role == "buffer" else ""
        frozen = not tensor.trainable and not buffer
        ours[name] = Found(tensor.shape, tensor.tied_to, frozen, buffer)
    if ours == truth:
        return ""
    missing, extra = truth.keys() - ours.keys(), ours.keys() - truth.keys()
    other = [name for name in truth.keys() & ours.keys() if truth[name] != ours[name]]
    if other:
        return f"{min(other)} is {truth[min(other)]}, not {ours[min(other)]} (and {len(other) - 1} more)"
    return f"missing {min(missing)} (of {len(missing)})" if missing else f"extra {min(extra)} (of {len(extra)})"

"""Floats that size something, as mlp_ratio does; most only decide how a model computes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint
from tools.blueprints.gate import REFUSED
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.raw import LABELS, RATE, flatten

_FACTORS = 0.5, 0.75, 1.5, 2.0, 3.0

Build = Callable[[Mapping[str, Any]], Mapping[str, BuiltTensor]]


def sizing(payload: Mapping[str, Any], built: Mapping[str, BuiltTensor], build: Build) -> set[str]:
    """The rates of a config, by their paths in it, without which something else would be built."""
    rates = [path for path, value in flatten(payload).items() if _is_rate(path, value)]
    if not rates or _same(payload, rates, built, build):
        return set()
    return {path for path in rates if not _same(payload, [path], built, build)}


def find_unvaried(blueprint: Blueprint, questioned: Collection[str], payload: Mapping[str, Any]) -> set[str]:
    """The numbers of a config that formulas follow from and that code never asked for: was it chance?"""
    used = {
        path for entry in blueprint.entries for one in (*entry.shape, *entry.counts, entry.guard) for path in one.fields
    }
    stated = flatten(payload)
    return {path for path in used.difference(questioned) if path.endswith(LABELS) or type(stated.get(path)) is int}


def find_mistaken(
    payload: Mapping[str, Any], numbers: Iterable[str], build: Build, why: Callable[[dict[str, Any], Any], str]
) -> set[str]:
    """Of these numbers, those with a value for which `why` tells that what is counted is not what is built."""
    wrong = set()
    for path in numbers:
        for factor in _FACTORS:
            config = _change(payload, [path], factor)
            try:
                truth = build(config)
            except Exception:  # noqa: BLE001 # whatever the framework raises
                continue
            if (reason := why(config, truth)) and not reason.startswith(REFUSED):
                wrong.add(path)
    return wrong


def _is_rate(path: str, value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, float) for one in value)
    named = RATE.search(path) is not None and not path.endswith(("_token_id", "token_index"))
    return isinstance(value, float) or (named and isinstance(value, int) and not isinstance(value, bool))


def _same(payload: Mapping[str, Any], paths: Iterable[str], built: Mapping[str, BuiltTensor], build: Build) -> bool:
    """Return whether the same is built with other values; one that the framework refuses builds nothing else. Raises
    nothing: of several, a refused one hides the others."""
    paths = list(paths)
    try:
        return build(_change(payload, paths)) == built
    except Exception:  # noqa: BLE001 # whatever the framework raises
        return len(paths) == 1


def _change(payload: Mapping[str, Any], paths: Iterable[str], factor: float = 0.5) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(json.dumps(payload))
    for path in paths:
        *steps, name = path.split(".")
        inner = config
        for step in steps:
            inner = inner[step]
        if name == LABELS:
            inner["id2label"] = {label: f"LABEL_{label}" for label in range(int(7 * factor))}
            continue
        value = inner[name]
        inner[name] = [_other(one, factor) for one in value] if isinstance(value, list) else _other(value, factor)
    return config


def _other(value: float, factor: float) -> float:
    return max(1, int(value * factor)) + 1 if isinstance(value, int) else value * factor or factor / 2

"""Rates that size something: most floats decide how a model computes, but an mlp_ratio is a width."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint
from tools.blueprints.gate import REFUSED
from tools.blueprints.phases import Found
from tools.blueprints.raw import LABELS, RATE, flattened

_FACTORS = 0.5, 0.75, 1.5, 2.0, 3.0

Build = Callable[[Mapping[str, Any]], Mapping[str, Found]]


def sizing(payload: Mapping[str, Any], built: Mapping[str, Found], build: Build) -> set[str]:
    """The rates of a config, by their paths in it, without which something else would be built."""
    rates = [path for path, value in flattened(payload).items() if _is_rate(path, value)]
    if not rates or _same(payload, rates, built, build):
        return set()
    return {path for path in rates if not _same(payload, [path], built, build)}


def unasked(found: Blueprint, asked: Collection[str], payload: Mapping[str, Any]) -> set[str]:
    """The numbers of a config that formulas follow from and that code never asked for: was it chance?"""
    used = {
        path for entry in found.entries for one in (*entry.shape, *entry.counts, entry.guard) for path in one.fields
    }
    given = flattened(payload)
    return {path for path in used.difference(asked) if path.endswith(LABELS) or type(given.get(path)) is int}


def mistaken(
    payload: Mapping[str, Any], numbers: Iterable[str], build: Build, why: Callable[[dict[str, Any], Any], str]
) -> set[str]:
    """Of these numbers, those with a value for which `why` tells that what is counted is not what is built."""
    found = set()
    for path in numbers:
        for factor in _FACTORS:
            config = _changed(payload, [path], factor)
            try:
                truth = build(config)
            except Exception:  # noqa: BLE001 # whatever the framework raises
                continue
            if (reason := why(config, truth)) and not reason.startswith(REFUSED):
                found.add(path)
    return found


def _is_rate(path: str, value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, float) for one in value)
    named = RATE.search(path) is not None and not path.endswith(("_token_id", "token_index"))
    return isinstance(value, float) or (named and isinstance(value, int) and not isinstance(value, bool))


def _same(payload: Mapping[str, Any], paths: Iterable[str], built: Mapping[str, Found], build: Build) -> bool:
    """Whether the same is built with other values there; one that the framework refuses builds nothing else. Raises
    nothing: of several, a refused one hides the others."""
    paths = list(paths)
    try:
        return build(_changed(payload, paths)) == built
    except Exception:  # noqa: BLE001 # whatever the framework raises
        return len(paths) == 1


def _changed(payload: Mapping[str, Any], paths: Iterable[str], factor: float = 0.5) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(json.dumps(payload))
    for path in paths:
        *steps, name = path.split(".")
        place = config
        for step in steps:
            place = place[step]
        if name == LABELS:
            place["id2label"] = {label: f"LABEL_{label}" for label in range(int(7 * factor))}
            continue
        value = place[name]
        place[name] = [_other(one, factor) for one in value] if isinstance(value, list) else _other(value, factor)
    return config


def _other(value: float, factor: float) -> float:
    return max(1, int(value * factor)) + 1 if isinstance(value, int) else value * factor or factor / 2

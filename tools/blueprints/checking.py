"""The gate of a release: shipped blueprints against what transformers builds of new configs."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, iterate_classes, load_blueprint
from paramcount.formats.huggingface.expressions import parse
from tools.blueprints import gate
from tools.blueprints.drawing import Drawer
from tools.blueprints.explorer import Explorer
from tools.blueprints.files import read_families
from tools.blueprints.framework import LIBRARY
from tools.blueprints.holding import hash_record
from tools.blueprints.overrides import OVERRIDES
from tools.blueprints.overrides.proving import check_override
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.probing import probes
from tools.blueprints.rates import find_mistaken, find_unvaried, sizing
from tools.blueprints.raw import payload, write_in_full
from tools.blueprints.results import Checked
from tools.blueprints.runs import build
from tools.blueprints.store import Cache
from tools.blueprints.workers import Pair, Progress, spread

DRAWN = 12
"""Random configs of either sort, of other numbers and of other structures, that a class is checked with."""


PROBED = 24
"""Configs of one change each, where a guess is likeliest to fail, that it is checked with besides."""

FAULTS = 3
"""Formulas that are spoilt on purpose, each of which the gate must see: a gate that sees nothing passes everything."""


def sample(number: int, seed: int) -> list[Pair]:
    """Some of the classes that ship."""
    classes = sorted(iterate_classes(LIBRARY))
    return random.Random(seed).sample(classes, min(number, len(classes)))


def check_classes(chosen: Iterable[Pair], cache: Cache, jobs: int, seconds: float, seed: int) -> dict[Pair, Checked]:
    """Ask the gate about shipped classes, but for those that it was asked about already, and print each result."""
    chosen = list(chosen)
    waiting = [pair for pair in chosen if _read_checked(cache, *pair, seconds, seed) is None]
    spread("gate", waiting, jobs, _check_into, cache, seconds, seed)
    checked = {pair: _read_checked(cache, *pair, seconds, seed) for pair in chosen}
    return {pair: outcome for pair, outcome in checked.items() if outcome is not None}


_MEMBER = "checked"


def _read_checked(cache: Cache, model_type: str, name: str, seconds: float, seed: int) -> Checked | None:
    """The result of a class whose record was asked about already, with these configs and as much time."""
    stored = cache.get_member(model_type, name, _MEMBER)
    if stored is None or stored["of"] != [hash_record(model_type, name), seconds, seed]:
        return None
    return Checked(*stored["outcome"])


def _check_into(model_type: str, names: list[str], cache: Cache, seconds: float, seed: int) -> list[str]:
    lines = []
    for name in names:
        try:
            outcome = check(model_type, name, seconds, seed)
        except Exception as error:  # noqa: BLE001 - whatever the framework raises
            outcome = Checked(0, 0, f"{type(error).__name__}: {error}".splitlines()[0][:200])
        content = {"of": [hash_record(model_type, name), seconds, seed], "outcome": outcome}
        cache.put_member(model_type, name, _MEMBER, content)
        lines.append(f"{model_type} {name}: {outcome}")
    return lines


def check_overrides(kinds: Iterable[str], data: Path, learned: Path) -> dict[str, str]:
    """Ask the gate about the overrides of some model types, and print each result: why it is wrong, or ''."""
    ships, known = read_families(data), read_families(learned)
    failures = {}
    progress = Progress("overrides", len(kinds := sorted(ships.keys() & set(kinds))))
    for kind in kinds:
        failures[kind] = failure = check_override(kind, ships[kind], known[kind])
        progress.step(f"{kind}: WRONG: {failure}" if failure else f"{kind}: {len(OVERRIDES[kind].proofs)} proofs hold")
    return failures


def check(model_type: str, name: str, seconds: float, seed: int) -> Checked:
    """Ask the gate about a shipped class: of its own config, and of random ones. Raises CannotBuild."""
    shipped = load_blueprint(model_type, name, LIBRARY)
    explorer = Explorer(model_type, name, seconds, seed=seed)
    start = payload(explorer.fields, explorer.start)
    truth = explorer.plain(explorer.start)
    full = write_in_full(explorer.config_cls, model_type, start)
    for stated_config in (start, full):
        if why := gate.difference(shipped, stated_config, truth):
            return Checked(0, 0, f"its own config: {why}")
    built = partial(build, explorer.config_cls, explorer.model_cls)
    numbers = sizing(full, truth, built) | find_unvaried(shipped, explorer.compared, full)
    if other := find_mistaken(full, numbers, built, partial(gate.difference, shipped)):
        return Checked(2, 0, f"its own config with another {' or '.join(sorted(other))}")
    if unseen := _unseen(shipped, start, truth, random.Random(seed)):
        return Checked(0, 0, f"the gate does not see that {unseen}")
    if shipped.defaults_only:
        return Checked(2, 0, "")
    explorer.shrink()
    explorer.explore()
    explorer.find_relevant()
    drawer, counted, refused = Drawer(explorer), 2, 0
    draws = (drawer.draw(only_numbers=number % 2 == 0) for number in range(2 * DRAWN))
    for drawn in (*draws, *map(drawer.built, probes(shipped, explorer)[:PROBED])):
        if drawn is None:
            continue
        config = payload(explorer.fields, drawn[0])
        why = gate.difference(shipped, config, drawn[1])
        if why and not why.startswith(gate.REFUSED):
            return Checked(counted, refused, f"{config}: {why}")
        counted, refused = counted + (not why), refused + bool(why)
    return Checked(counted, refused, "")


def _unseen(shipped: Blueprint, config: dict[str, Any], truth: dict[str, BuiltTensor], chance: random.Random) -> str:
    """A fault in the blueprint that the gate does not see; empty: it sees each."""
    always = [entry for entry in shipped.entries if entry.shape and not entry.guard.fields and not entry.guard.axes]
    for entry in chance.sample(always, min(FAULTS, len(always))):
        larger = replace(entry, shape=(parse(f"({entry.shape[0].text}) + 1"), *entry.shape[1:]))
        for fault, instead in ((f"{entry.name} is larger", [larger]), (f"{entry.name} is missing", [])):
            entries = tuple(other for one in shipped.entries for other in (instead if one is entry else [one]))
            if not gate.difference(replace(shipped, entries=entries), config, truth):
                return fault
    return ""

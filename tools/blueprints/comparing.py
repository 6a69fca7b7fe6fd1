"""Runs beside each other: which fields matter alone, which numbers bound others."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tools.blueprints import moves
from tools.blueprints.phases import Run
from tools.blueprints.raw import Flat
from tools.blueprints.shrinking import integers


def key_of(changes: Any) -> str:
    """A text that equal changes, or values, have in common."""
    return str(sorted((path, str(value)) for path, value in changes.items()) if isinstance(changes, dict) else changes)


def find_relevant(runs: Sequence[Run], base: Flat) -> set[str]:
    """The fields of which one change alone changed what was built."""
    by_key = {key_of(one.changes): one for one in runs}
    shapes = {key: {name: fact[:2] for name, fact in one.model.facts.items()} for key, one in by_key.items()}
    relevant = set()
    for key, one in by_key.items():
        for path in one.changes:
            without = {p: v for p, v in one.changes.items() if p != path} | ({path: base[path]} if path in base else {})
            other = key_of(without)
            if other != key and other in shapes and shapes[other] != shapes[key]:
                relevant.add(path)
    return relevant


def find_bounds(runs: Sequence[Run], first: Run, declared: Collection[str]) -> Iterator[tuple[str, str]]:
    """Numbers of layers of which one is less than another by default, and was more in some run."""
    numbers = {path: number for path, number in integers(first, declared) if moves.counts_layers(path)}
    for one, other in itertools.permutations(numbers, 2):
        same_part = one.rpartition(".")[0] == other.rpartition(".")[0] and numbers[one] < numbers[other]
        if same_part and any(run.exceeds(one, other) for run in runs):
            yield one, other

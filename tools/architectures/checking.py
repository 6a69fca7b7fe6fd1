"""The gate: architectures that ship against those that a library builds, with defaults and random arguments."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from paramcount.formats.architectures.models import build_document, find
from paramcount.formats.architectures.tables import load_index
from paramcount.model.layers import Layer
from tools.architectures.comparing import BOTH, EQUAL, compare

DRAWN = 3
"""Random sets of arguments that an architecture is checked with, besides its defaults."""


def check(library: Any, number: int, seed: int) -> int:
    """Hold some architectures, or all, against the library. Returns 1 where one differs."""
    chance = random.Random(seed)
    known = [name for name, line in load_index(library.LIBRARY).lines.items() if line[0] != "!"]
    names = sorted(chance.sample(known, min(number, len(known))))
    counts = {"equal": 0, "refused": 0, "refused by both": 0, "WRONG": 0}
    for name in names:
        for arguments in [{}, *(library.draw(name, chance) for _ in range(DRAWN))]:
            create = partial(library.create, name, **arguments)
            outcome = compare(create, partial(count, library.LIBRARY, name, arguments))
            counts[outcome.partition(":")[0]] += 1
            if outcome not in (EQUAL, BOTH):
                print(f"{name} {arguments}: {outcome}", flush=True)
    print(f"{len(names)} architectures of {library.LIBRARY} {library.VERSION}: {counts} (seed {seed})")
    return int(counts["WRONG"] > 0)


def count(library: str, name: str, arguments: Mapping[str, Any]) -> Layer:
    """The model that is counted. Raises Problems."""
    entry = find(library, name, "")
    stated: dict[str, Any] = {}
    for argument, value in entry.defaults.items():
        if argument in ("num_classes", "in_chans"):
            stated[argument] = int(value)
        elif argument == "img_size":
            stated[argument] = value
    stated |= arguments
    pointers = {argument: f"/{argument}" for argument in stated}
    return build_document(library, name, entry, stated, pointers).root

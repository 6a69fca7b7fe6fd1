"""The gate: architectures that ship against those that a library builds, with defaults and random arguments."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from paramcount.formats.architectures.tables import load_index
from tools.architectures.building import BuildCache, observe_modules
from tools.architectures.comparing import BOTH, EQUAL, compare, compare_built

DRAWN = 3
"""Random sets of arguments that an architecture is checked with, besides its defaults."""


def check(library: Any, number: int, seed: int, progress: Path | None) -> int:
    """Hold some architectures, or all, against the library. Returns 1 where one differs.

    `progress` keeps what was checked, a line each: a run that was ended goes on there.
    """
    known = [name for name, line in load_index(library.LIBRARY).lines.items() if line[0] != "!"]
    names = sorted(random.Random(seed).sample(known, min(number, len(known))))
    before = [json.loads(line) for line in progress.read_text().splitlines()] if progress and progress.exists() else []
    checked = {name: counts for name, counts in before if name in names}
    for name in names:
        if name not in checked:
            checked[name] = _check_one(library, name, random.Random(f"{seed} {name}"))
            if progress:
                with progress.open("a") as file:
                    file.write(json.dumps([name, checked[name]]) + "\n")
    total: Counter[str] = Counter()
    for counts in checked.values():
        total.update(counts)
    print(f"{len(names)} architectures of {library.LIBRARY} {library.VERSION}: {dict(total)} (seed {seed})")
    return int(total["WRONG"] > 0)


def recheck(library: Any, cache: BuildCache) -> int:
    """Hold every architecture against the builds that its lines were made of, and nothing else: that takes minutes."""
    total: Counter[str] = Counter()
    names = [name for name, line in load_index(library.LIBRARY).lines.items() if line[0] != "!" and name in cache]
    for name in names:
        for key, built in cache.read(name).items():
            if (arguments := library.read_key(key)) is not None:
                outcome = compare_built(built, partial(library.count, name, arguments))
                total[outcome.partition(":")[0]] += 1
                if outcome not in (EQUAL, BOTH):
                    print(f"{name} {arguments}: {outcome}", flush=True)
    print(f"{len(names)} architectures of {library.LIBRARY} {library.VERSION}: {dict(total)}")
    return int(total["WRONG"] > 0)


def _check_one(library: Any, name: str, chance: random.Random) -> dict[str, int]:
    """The number of times that each outcome came of an architecture."""
    counts: Counter[str] = Counter()
    for arguments in [{}, *(library.draw(name, chance) for _ in range(DRAWN))]:
        create = partial(library.create, name, **arguments)
        outcome = compare(create, partial(library.count, name, arguments), getattr(library, "observe", observe_modules))
        counts[outcome.partition(":")[0]] += 1
        if outcome not in (EQUAL, BOTH):
            print(f"{name} {arguments}: {outcome}", flush=True)
    return dict(counts)

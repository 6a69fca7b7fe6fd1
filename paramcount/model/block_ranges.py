"""Alike blocks under one name: "0-2,5" stands for blocks 0, 1, 2 and 5."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

_INDICES = re.compile(r"\d{1,18}(-\d{1,18})?(,\d{1,18}(-\d{1,18})?)*", re.ASCII)


def indices(name: str, most: int) -> list[str]:
    """'0-2,5' -> ['0', '1', '2', '5'], at most one more than `most`; nothing where `name` is no list of indices."""
    if not _INDICES.fullmatch(name):
        return []
    found: list[str] = []
    for part in name.split(","):
        first, _, last = part.partition("-")
        found += map(str, range(int(first), min(int(last or first), int(first) + most - len(found)) + 1))
        if len(found) > most:
            break
    return found


def intervals(name: str) -> list[tuple[int, int]]:
    """'0-2,5' -> [(0, 2), (5, 5)]; nothing where `name` is no list of indices."""
    parts = (part.partition("-") for part in name.split(",")) if _INDICES.fullmatch(name) else ()
    return [(int(first), int(last or first)) for first, _, last in parts]


def joined(numbers: Iterable[int]) -> str:
    """[0, 1, 2, 5] -> '0-2,5'; the numbers ascend."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)

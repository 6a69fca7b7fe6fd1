"""Names of equal blocks: "0-2,5" are blocks 0, 1, 2 and 5. The only place that knows this notation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

PATTERN = r"[0-9]{1,18}(?:-[0-9]{1,18})?(?:,[0-9]{1,18}(?:-[0-9]{1,18})?)*"
"""A regular expression for the name of one or several blocks."""

_NAME = re.compile(PATTERN)


def parse(name: str) -> list[tuple[int, int]]:
    """'0-2,5' -> [(0, 2), (5, 5)]; empty where `name` does not name blocks."""
    parts = (part.partition("-") for part in name.split(",")) if _NAME.fullmatch(name) else ()
    return [(int(first), int(last or first)) for first, _, last in parts]


def expand(name: str, max_blocks: int) -> list[str]:
    """'0-2,5' -> ['0', '1', '2', '5'], cut after `max_blocks` + 1; empty where `name` does not name blocks."""
    indices: list[str] = []
    for first, last in parse(name):
        indices += map(str, range(first, min(last, first + max_blocks - len(indices)) + 1))
        if len(indices) > max_blocks:
            break
    return indices


def format(indices: Iterable[int]) -> str:  # noqa: A001 # block_ranges.format is its name
    """[0, 1, 2, 5] -> '0-2,5'; the indices ascend."""
    runs = [[index for _, index in run] for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0])]
    return format_runs((run[0], run[-1]) for run in runs)


def format_runs(runs: Iterable[tuple[int, int]]) -> str:
    """[(0, 2), (5, 5)] -> '0-2,5'; the inverse of `parse`."""
    return ",".join([str(first) if first == last else f"{first}-{last}" for first, last in runs])

"""Work on the classes of many configs, in processes that end now and then: what they import is large."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

_TYPES_AT_ONCE = 100
_QUIET_SECONDS = 15

Pair = tuple[str, str]
"""A model type, and a class that takes its configs."""


class Progress:
    """The lines of a phase: what is worth one, and else one a while; each says how long the rest will take."""

    def __init__(self, phase: str, total: int) -> None:
        self.phase, self.total, self.done = phase, total, 0
        self._started = self._printed = time.monotonic()

    def step(self, line: str = "") -> None:
        """Count one as done. Prints its line, if it has one."""
        self.done += 1
        now = time.monotonic()
        if not line and now - self._printed < _QUIET_SECONDS and self.done < self.total:
            return
        self._printed = now
        left = (now - self._started) / self.done * (self.total - self.done)
        print(f"{self.phase} {self.done}/{self.total}, {left / 60:.0f} min left{line and ': '}{line}", flush=True)


def spread(phase: str, waiting: Iterable[Pair], jobs: int, work: Callable[..., Sequence[str]], *arguments: Any) -> int:
    """Call `work(model_type, names, *arguments)` for the classes of each config, and return how many those were.

    It returns a line a class, which is printed: '' where there is nothing to say.
    """
    os.environ["PYTHONHASHSEED"] = "0"  # of the processes: sets have one order, and so has what is written
    types = list(group_by_type(waiting).items())
    progress = Progress(phase, sum(len(names) for _, names in types))
    for first in range(0, len(types), _TYPES_AT_ONCE * jobs):
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            some = types[first : first + _TYPES_AT_ONCE * jobs]
            futures = [pool.submit(work, kind, names, *arguments) for kind, names in some]
            for future in as_completed(futures):
                for line in future.result():
                    progress.step(line)
    return progress.done


def group_by_type(waiting: Iterable[Pair]) -> dict[str, list[str]]:
    """The classes of each model type."""
    names_by_type: dict[str, list[str]] = {}
    for model_type, name in waiting:
        names_by_type.setdefault(model_type, []).append(name)
    return names_by_type

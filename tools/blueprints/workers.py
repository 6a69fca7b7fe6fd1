"""Work on the classes of many configs, in processes that end now and then: what they import is large."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

_TYPES_AT_ONCE = 100

Pair = tuple[str, str]
"""A model type, and a class that takes its configs."""


def spread(waiting: Iterable[Pair], jobs: int, work: Callable[..., list[str]], *arguments: Any) -> int:
    """Call `work(model_type, names, *arguments)` for the classes of each config, print its lines, and count them."""
    types = list(group_by_type(waiting).items())
    total = sum(len(names) for _, names in types)
    started, done = time.monotonic(), 0
    for first in range(0, len(types), _TYPES_AT_ONCE * jobs):
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            some = types[first : first + _TYPES_AT_ONCE * jobs]
            futures = [pool.submit(work, kind, names, *arguments) for kind, names in some]
            for future in as_completed(futures):
                for line in future.result():
                    done += 1
                    left = (time.monotonic() - started) / done * (total - done)
                    print(f"{done}/{total} ({left / 60:.0f} min left) {line}", flush=True)
    return done


def group_by_type(waiting: Iterable[Pair]) -> dict[str, list[str]]:
    """The classes of each model type."""
    names_by_type: dict[str, list[str]] = {}
    for model_type, name in waiting:
        names_by_type.setdefault(model_type, []).append(name)
    return names_by_type

"""Changes of several fields at once: numbers and lists none of which can change alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from tools.blueprints.raw import Flat

_MAX_STUCK = 8
_LARGE = 16


def longer_and_shorter(fields: Flat, numbers: Mapping[str, int]) -> Iterator[list[Flat]]:
    """Lists that are equally long, by one longer and by one shorter: with the number that counts them, or without."""
    groups: dict[tuple[str, int], list[str]] = {}
    for path, items in sorted(fields.items()):
        if isinstance(items, list) and items:
            groups.setdefault((path.rpartition(".")[0], len(items)), []).append(path)
    for (prefix, length), paths in groups.items():
        counts = [
            path
            for path, number in numbers.items()
            if path.rpartition(".")[0] == prefix and number == length and "ratio" not in path
        ]
        for step in (1, -1):
            lists = {path: [*fields[path], fields[path][-1]] if step > 0 else fields[path][:-1] for path in paths}
            yield [lists | dict.fromkeys(counts, length + step), lists]


def equal(numbers: Mapping[str, int]) -> Iterator[Flat]:
    """Numbers that are equal, changed together."""
    groups: dict[int, list[str]] = {}
    for path, number in numbers.items():
        if number >= _LARGE:
            groups.setdefault(number, []).append(path)
    for number, paths in groups.items():
        for other in (number * 2, number * 3, number + 64) if len(paths) > 1 else ():
            yield dict.fromkeys(paths, other)


def in_proportion(numbers: Mapping[str, int]) -> Iterator[Flat]:
    """Two numbers at a time: products or quotients of them must stay equal."""
    some = [(path, number) for path, number in numbers.items() if number > 1][:_MAX_STUCK]
    for (one, first), (other, second) in itertools.combinations(some, 2):
        yield {one: first * 2, other: second * 2}

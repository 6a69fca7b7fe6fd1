"""The smallest model of a class that shows what a large one does: few layers, few experts, short lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from tools.blueprints import moves
from tools.blueprints.phases import Run
from tools.blueprints.raw import Flat

_SMALL, _LARGE = 4, 400
_LONG = 16  # a list of words
_MANY = 1500  # tensors


class Shrinking(NamedTuple):
    """A class: a function that runs it with changes (None if it does not build so), and its config's fields."""

    attempt: Callable[[Flat], Run | None]
    declared: Collection[str]

    def shrunk(self, first: Run, start: Flat) -> Run:
        """The smallest run that is found from the class's own config."""
        changes, smallest, numbers = dict(start), first, dict(integers(first, self.declared))
        large = [path for path in numbers if _SMALL < numbers[path] < _LARGE and moves.counts_layers(path)]
        large.sort(key=numbers.__getitem__)  # a number of some of the layers is less than that of all
        trial = changes | {path: min(3 + index, numbers[path]) for index, path in enumerate(large)}
        if large and (smaller := self.attempt(trial)) is not None:
            smallest = smaller
        else:
            for path in large:
                if (smaller := self.attempt({**changes, path: 3})) is not None:
                    changes, smallest = {**changes, path: 3}, smaller
        return self._with_fewer_experts(self._with_shorter_lists(smallest, numbers))

    def _with_shorter_lists(self, run: Run, numbers: dict[str, int]) -> Run:
        """Lists of words that no number made shorter, with the numbers that are as large by default."""
        for path, items in list(run.model.env.items()):
            if of_words(items) and len(items) > _LONG and path in self.declared:
                some = _beginning(items)
                same_length = {other: len(some) for other, number in numbers.items() if number == len(items)}
                run = self.attempt({**run.changes, **same_length, path: some}) or run
        return run

    def _with_fewer_experts(self, run: Run) -> Run:
        if len(run.model.facts) > _MANY:
            for path, number in integers(run, self.declared):
                name = path.rpartition(".")[2]
                if number > 8 and "expert" in name and "per" not in name and "size" not in name:
                    smaller = self.attempt({**run.changes, path: 8})
                    if smaller is not None and len(smaller.model.facts) < len(run.model.facts):
                        run = smaller
        return run


def integers(run: Run, declared: Collection[str]) -> Iterator[tuple[str, int]]:
    """The integers of a run's config, of the fields that are declared."""
    for path, number in run.config.env.items():
        if isinstance(number, int) and not isinstance(number, bool) and path in declared:
            yield path, number


def of_words(value: Any) -> bool:
    """Return whether a value is a list of strings."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _beginning(words: list[str]) -> list[str]:
    """As much of a list as has each of its words twice."""
    some = {word: min(2, words.count(word)) for word in words}
    return next(
        words[:length]
        for length in range(1, len(words) + 1)
        if all(words[:length].count(word) >= number for word, number in some.items())
    )

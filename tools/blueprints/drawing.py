"""Random configs: mixtures of the changes that a class was built with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.blueprints import moves
from tools.blueprints.explorer import Explorer
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.raw import Flat
from tools.blueprints.shrinking import of_words

_TRIES = 9
_WILD = 0.4  # of the draws: fields that choose change whether or not anything was seen to follow from them alone
_WRITTEN_OUT = 0.5  # of the draws of another number of layers: a word for each
_DEEP, _DEEP_SHARE = (7, 9, 12, 17, 24), 0.3  # patterns over layers show in more than a few layers


class Drawer:
    """Draws configs of an explorer's class."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.chance = explorer, explorer.chance

    def draw(self, only_numbers: bool = False) -> tuple[Flat, dict[str, BuiltTensor]] | None:
        """Changes at random that the class builds with, and what it builds."""
        explorer = self.explorer
        options = dict(self._options(only_numbers))
        share, keen = self.chance.choice((0.15, 0.3, 0.5, 0.7)), 0.9
        wild = not only_numbers and self.chance.random() < _WILD
        for _ in range(_TRIES):
            changes = dict(explorer.first.changes)
            together = [group for group in explorer.together if not group.keys() & explorer.pinned]
            if together and self.chance.random() < 0.3:
                changes |= self.chance.choice(together)
            for path, values in options.items():
                if values:
                    self._change(changes, path, values, share, keen, wild)
            self._lengthen(changes)
            if (drawn := self.built(changes)) is not None:
                return drawn
            share, keen = share * 0.7, keen * 0.8
            if explorer.left < 0:
                break
        return None

    def built(self, changes: Flat) -> tuple[Flat, dict[str, BuiltTensor]] | None:
        """Changes and what the framework builds of them; None where they describe no model."""
        try:
            return changes, self.explorer.plain(changes)
        except Exception:  # noqa: BLE001 - whatever a constructor raises
            return None

    def _change(self, changes: Flat, path: str, values: list[Any], share: float, keen: float, wild: bool) -> None:
        """Change a field, perhaps: one that chooses between structures often, since such act together."""
        relevant = wild or path in self.explorer.relevant
        if self.chooses(path) and (relevant or path in self.explorer.compared):
            if self.chance.random() < (keen if relevant else keen / 2):
                current = self.explorer.first.config.env.get(path)
                self._put(changes, path, self.chance.choice([current, *values]))
        elif self.chance.random() < (share if relevant else share / 4):
            self._put(changes, path, self._drawn(path, values))

    def _lengthen(self, changes: Flat) -> None:
        """Give a number of layers that changed a word for each layer, where there is a list of such."""
        explorer = self.explorer
        for path, items in explorer.first.model.env.items():
            if not of_words(items) or path not in explorer.fields.defaults or path in explorer.pinned:
                continue
            lists = [items, *filter(of_words, explorer.accepted.get(path, ()))]
            words = sorted({word for words in lists for word in words})
            for number in _numbers_of(path, len(items), explorer):
                current = changes.get(number)
                if current != len(items) and type(current) is int and self.chance.random() < _WRITTEN_OUT:
                    changes[path] = self.chance.choices(words, k=current)

    def _put(self, changes: Flat, path: str, value: Any) -> None:
        """State a value; what is null by default is left out instead, since a null that is stated may be another."""
        if value is None and self.explorer.fields.defaults.get(path) is None:
            changes.pop(path, None)
        else:
            changes[path] = value

    def _options(self, only_numbers: bool) -> Iterator[tuple[str, list[Any]]]:
        for path, values in (self.explorer.varied | self.explorer.accepted).items():
            current = self.explorer.first.config.env.get(path)
            if path in self.explorer.pinned:
                continue
            if only_numbers:
                if current is None or isinstance(current, bool | str):
                    continue
                yield path, [v for v in values if isinstance(v, int | float | list) and not isinstance(v, bool)]
            else:
                yield path, values

    def chooses(self, path: str) -> bool:
        """Return whether a field chooses between structures."""
        current = self.explorer.first.config.env.get(path)
        return current is None or isinstance(current, bool | str) or of_words(current)

    def _drawn(self, path: str, values: list[Any]) -> Any:
        drawn, current = self.chance.choice(values), self.explorer.first.config.env.get(path)
        if type(current) is int and moves.counts_layers(path) and self.chance.random() < _DEEP_SHARE:
            return self.chance.choice(_DEEP)
        if type(drawn) is int and type(current) is int and self.chance.random() < 0.5:
            return self.chance.choice(moves.others(path, current, "", self.chance))
        return drawn


def _numbers_of(path: str, length: int, explorer: Explorer) -> list[str]:
    """The numbers of layers, beside a list, that are as large as it is long."""
    around, env = path.rpartition(".")[0], explorer.first.model.env
    return [
        other for other in explorer.fields.defaults
        if other.rpartition(".")[0] == around and moves.counts_layers(other) and env.get(other) == length
    ]  # fmt: skip

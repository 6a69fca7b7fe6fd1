"""The configs of a class that differ from its own in some fields, and what is built of them."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tools.blueprints import moves, runs
from tools.blueprints.framework import config_class, model_class
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.raw import ACTIVATION, LABELS, fields_of, flatten, is_part, payload, write_in_full
from tools.blueprints.seeds import SEEDS
from tools.blueprints.vocabulary import vocabulary

_SECONDS = 20
_SMALL = 32
_UNEVEN = 0.35, 1.1, 0.77
_ACTIVATIONS = ("gelu", "relu", "silu", "tanh", "gelu_new")


class Case(NamedTuple):
    """A config that was built."""

    config: dict[str, Any]
    truth: dict[str, BuiltTensor]
    attributes: dict[str, Any]
    changes: dict[str, Any]


class Variants:
    """The variants of one class's own config."""

    def __init__(self, model_type: str, name: str, chance: random.Random) -> None:
        self.model_type, self.chance = model_type, chance
        self.config_cls, self.model_cls = config_class(model_type), model_class(model_type, name)
        self.fields = fields_of(self.config_cls)
        self.words = vocabulary(self.config_cls, self.model_cls)
        self.start: dict[str, Any] = dict(SEEDS.get(name, SEEDS.get(model_type, {})))
        self.full = write_in_full(self.config_cls, model_type, payload(self.fields, self.start))
        self.flat = {self.fields.declared_name(path): value for path, value in flatten(self.full).items()}

    def is_leaf(self, path: str) -> bool:
        """Return whether a field is one value, or a list: no config inside, no other object."""
        return path not in self.fields.opaque and not is_part(self.fields.defaults.get(path))

    def is_value(self, path: str) -> bool:
        """Return whether a field is one value."""
        return self.is_leaf(path) and not isinstance(self.flat.get(path), list)

    def build(self, changes: Mapping[str, Any], *, written_out: bool = True) -> Iterator[Case]:
        """Yield a config with these changes alone, the same written out, and one written out with these changes.

        One of the last kind is yielded where the first does not build, too.
        """
        sparse = self._build(lambda: payload(self.fields, {**self.start, **changes}), changes)
        if sparse is not None:
            yield sparse
            yield sparse._replace(config=write_in_full(self.config_cls, self.model_type, sparse.config))
        if (written_out or sparse is None) and (full := self._build(lambda: self.put(changes), changes)) is not None:
            yield full

    def _build(self, make: Callable[[], dict[str, Any]], changes: Mapping[str, Any]) -> Case | None:
        try:
            config = make()
            truth = runs.build(self.config_cls, self.model_cls, config, _SECONDS)
            whole = write_in_full(self.config_cls, self.model_type, config)
        except Exception:  # noqa: BLE001 - whatever transformers raises, it is no model
            return None
        attributes = {self.fields.declared_name(path): value for path, value in flatten(whole).items()}
        return Case(config, truth, attributes, dict(changes))

    def put(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The class's own config, written out, with these changes."""
        config = copy.deepcopy(self.full)
        for path, value in changes.items():
            *steps, name = path.split(".")
            inner = config
            for step in steps:
                inner = inner[step]
            if name == LABELS:
                inner["id2label"] = {str(label): f"LABEL_{label}" for label in range(value)}
                inner.pop("label2id", None)
            else:
                inner[name] = value
        return config

    def others(self, path: str) -> list[Any]:
        """Values of a field to try, those of very different size among them."""
        base = self.flat.get(path)
        annotation = self.fields.annotations.get(path, "")
        if is_part(base) or path in self.fields.opaque or path not in self.flat:
            return []
        if type(base) is int:
            if moves.counts_layers(path):
                return [one for one in dict.fromkeys((2, 3, 1, base + 1, base + 3, 7)) if one != base]
            near_small = [base + 2, base + 4] if base < _SMALL else []
            near = [2 * base, base // 2, 1, 3 * base, base + 1, *near_small, 32 * base]  # 1 may leave something out
            return [one for one in dict.fromkeys(near) if one != base and one > 0]
        if isinstance(base, str):
            return self._words(path, base, annotation)
        if isinstance(base, float):  # what is rounded shows where a ratio is uneven
            return [
                *(round(base * ratio, 6) for ratio in _UNEVEN if base),
                *moves.others(path, base, annotation, self.chance),
            ]
        return moves.others(path, base, annotation, self.chance, self.words.get(path.rpartition(".")[2], set()))

    def _words(self, path: str, base: str, annotation: str) -> list[str]:
        if ACTIVATION.search(path.rpartition(".")[2]):
            return [word for word in _ACTIVATIONS if word != base]
        return moves.others(path, base, annotation, self.chance, self.words.get(path.rpartition(".")[2], set()))

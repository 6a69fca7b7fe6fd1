"""The data of a run of a class: what went in, what came out, which comparisons it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tools.blueprints.symbolic import Trace
from tools.blueprints.terms import Term


class BuiltTensor(NamedTuple):
    """A tensor as the framework has it."""

    shape: tuple[int, ...]
    tied: str  # the first name of the same parameter
    frozen: bool
    buffer: str  # the dtype of a buffer; empty: a parameter


class Fact(NamedTuple):
    """The observation of one name in a run: its value (a shape, or a field's value), its kind, and the terms."""

    value: tuple[Any, ...]
    mark: tuple[str, bool, str]  # tied, frozen, buffer
    terms: tuple[Term, ...]


@dataclass(slots=True)
class Phase:
    """A config or a model being built: what went in, what came out, what was done on the way."""

    env: dict[str, Any]
    facts: dict[str, Fact] = field(default_factory=dict)
    trace: Trace = field(default_factory=Trace)

    @property
    def read_paths(self) -> set[str]:
        """The fields that code read."""
        return {path for path, _ in self.trace.reads}


@dataclass(slots=True)
class Run:
    """A symbolic run: the config class on the fields as given, then the model class on the config's attributes."""

    changes: dict[str, Any]
    config: Phase
    model: Phase
    same: set[str] = field(default_factory=set)  # attributes that are just the field of that name

    def agrees(self, truth: Mapping[str, BuiltTensor]) -> bool:
        """Return whether the model has the tensors that the framework has, and no others."""
        built = {name: (fact.value, *fact.mark) for name, fact in self.model.facts.items()}
        return built == {name: tuple(what) for name, what in truth.items()}

    def exceeds(self, one: str, other: str) -> bool:
        """Return whether a number of the config is more than another."""
        values = self.config.env.get(one), self.config.env.get(other)
        return isinstance(values[0], int) and isinstance(values[1], int) and values[0] > values[1]

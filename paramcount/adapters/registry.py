"""PEFT's methods by name: what each adds to a module that it adapts, or puts before the whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from paramcount.adapters.modules import Module
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import Function, Registry
from paramcount.schema.signature import Marker, Signature

Tensors = Iterator[Tensor]

TargetModule = Annotated[Module, Marker("input")]
"""The module that a method adapts."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method of PEFT: one that adapts modules, or one that learns a prompt."""

    name: str
    formula: Callable[..., Tensors]
    signature: Signature
    kinds: frozenset[str] = frozenset()  # of the modules that it adapts; none: it learns a prompt
    copies_to: str = ""  # the name under which a copy of each module trains instead of it
    shared: Callable[..., Tensors] | None = None  # what all adapted modules share, by the largest in and out
    overrides: Mapping[str, str] = field(default_factory=dict)  # argument -> the member that sets it for some modules

    def __str__(self) -> str:
        return f"{self.name} of {self.formula.__module__}"

    @property
    def is_prompt(self) -> bool:
        """True for a method that learns a prompt and leaves the modules of the model alone."""
        return not self.kinds


METHODS: Registry[Method] = Registry("method")


def method(
    name: str,
    kinds: str = "",
    *,
    copies_to: str = "",
    shared: Callable[..., Tensors] | None = None,
    **overrides: str,
) -> Callable[[Function], Function]:
    """Register the formula below: the tensors that method `name` adds to a module of one of `kinds` ("*": of any).

    Without `kinds`, they are those of the prompt encoder that it puts before a model. Names are PEFT's, of the adapter
    called "default". `overrides` names, for an argument, the member of the config that gives it other values where a
    path matches: r="rank_pattern".
    """

    def register(formula: Function) -> Function:
        signature = Signature(formula, name)
        METHODS.add(name, Method(name, formula, signature, frozenset(kinds.split()), copies_to, shared, overrides))
        return formula

    return register


def pair(name: str, *shapes: Sequence[int]) -> Tensors:
    """Yield the tensors name_A and name_B of two shapes."""
    for letter, shape in zip("AB", shapes, strict=True):
        yield Tensor(f"{name}_{letter}.default", tuple(shape))


__all__ = ["METHODS", "Method", "TargetModule", "Tensors", "method", "pair"]

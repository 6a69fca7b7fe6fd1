"""PEFT's methods by name: what each adds to a module that it adapts, or puts before the whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from paramcount.adapters.modules import Module
from paramcount.model.tensors import Formula, Tensor
from paramcount.schema.registry import Function, Registry
from paramcount.schema.signature import Marker, Signature

Tensors = Iterator[Tensor]

Adapted = Annotated[Module, Marker("input")]
"""The module that a method adapts."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method that adapts modules, or (with no `kinds`) one that learns a prompt."""

    name: str
    formula: Callable[..., Tensors]
    signature: Signature
    kinds: frozenset[str] = frozenset()
    patterns: Mapping[str, str] = field(default_factory=dict)  # argument -> the member that sets it for some modules
    shared: Callable[..., Tensors] | None = None  # what all adapted modules share, given the largest in and out
    copies: str = ""  # where a copy of each module stands that trains instead of it; it may be of any kind

    def __str__(self) -> str:
        return f"{self.name} of {self.formula.__module__}"


METHODS: Registry[Method] = Registry("method")


def method(
    name: str, kinds: str, shared: Callable[..., Tensors] | None = None, **patterns: str
) -> Callable[[Function], Function]:
    """Register the formula below: the tensors that method `name` adds to a module of one of `kinds`.

    Names are PEFT's, of the adapter called "default". `patterns` names, for an argument, the member of the config that
    gives it other values where a path matches.
    """

    def register(formula: Function) -> Function:
        signature = Signature(formula, name)
        METHODS.add(name, Method(name, formula, signature, frozenset(kinds.split()), patterns, shared))
        return formula

    return register


def prompt(name: str) -> Callable[[Function], Function]:
    """Register the formula below: the tensors of the prompt encoder that method `name` puts before a model."""

    def register(formula: Function) -> Function:
        METHODS.add(name, Method(name, formula, Signature(formula, name)))
        return formula

    return register


def shapes(name: str, *sides: Sequence[int], suffix: str = "default") -> Tensors:
    """Tensors name_A, name_B, ... of these shapes."""
    for letter, shape in zip("AB", sides, strict=True):
        yield Tensor(f"{name}_{letter}.{suffix}", tuple(shape))


def copying(name: str, where: str) -> None:
    """Register a method that trains a copy of each module, of whatever kind, and adds nothing else."""
    METHODS.add(name, Method(name, _nothing, Signature(_nothing, name), frozenset("*"), copies=where))


def _nothing() -> Formula:
    yield from ()
    return None


__all__ = ["METHODS", "Adapted", "Method", "Tensors", "copying", "method", "prompt", "shapes"]

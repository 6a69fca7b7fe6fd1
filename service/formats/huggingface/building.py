"""The tree of a config, remembered: many configs differ only in what builds nothing, or not at all."""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import NamedTuple

from service.formats.huggingface.blocks import Builder
from service.formats.huggingface.blueprints import Blueprint
from service.formats.huggingface.expressions import Expression, Scope
from service.formats.huggingface.notices import Said, of_experts, said
from service.formats.huggingface.planning import Plan, plan
from service.memory import Memory, key
from service.model import Layer

MOST_REMEMBERED = 20_000
"""How many layers, in all trees together."""


class Built(NamedTuple):
    """What a blueprint comes to."""

    root: Layer
    said: Said
    layers: int  # at most
    key: bytes | None  # what all this follows from


class Design(NamedTuple):
    """A blueprint with all that no config changes."""

    number: int
    plan: Plan
    asked: tuple[str, ...]  # the fields that the tree, and what is said of it, follow from


_REMEMBERED: Memory[Built] = Memory(MOST_REMEMBERED, lambda built: built.layers)
_NUMBERS = count()


def built(found: Blueprint, dtype: str, scope: Scope) -> Built:
    """What a blueprint comes to in a scope, with weights of a dtype. Raises Problems, TooLarge."""
    design = _design(found)
    own = key((design.number, dtype, *map(scope.get, design.asked)))
    if (known := _REMEMBERED.recall(own)) is not None:
        return known
    builder = Builder(scope, dtype)
    root = builder.build(design.plan, found.name)._replace(type=found.name)
    made = Built(root, said(builder, found.family.model_type), builder.looked, own)
    _REMEMBERED.keep(own, made)
    return made


@lru_cache(maxsize=256)
def _design(found: Blueprint) -> Design:
    asked = set(of_experts(found.family.defaults))
    for entry in found.entries:
        tied = [part for part in entry.tied if isinstance(part, Expression)]
        for expression in (*entry.shape, *entry.counts, entry.guard, *tied):
            asked |= expression.fields
    return Design(next(_NUMBERS), plan(found.entries), tuple(sorted(asked)))

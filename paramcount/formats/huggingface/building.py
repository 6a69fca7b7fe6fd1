"""The tree of a config, remembered: many configs differ only in what builds nothing, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blocks import Builder
from paramcount.formats.huggingface.blueprints import Blueprint
from paramcount.formats.huggingface.configs import ABSENT, Given
from paramcount.formats.huggingface.expressions import Expression
from paramcount.formats.huggingface.planning import Plan, plan
from paramcount.formats.huggingface.warnings import Said, of_experts, said
from paramcount.model.cache import Cache, fingerprint
from paramcount.model.layers import Layer

MOST_REMEMBERED = 20_000
"""How many layers, in all trees together."""


class Built(NamedTuple):
    """What a blueprint comes to."""

    root: Layer
    said: Said
    layers: int  # at most
    counts: dict[Any, Any]  # what counting made of it before


class Design(NamedTuple):
    """A blueprint with all that no config changes."""

    number: int
    plan: Plan
    asked: tuple[str, ...]  # the fields that anything depends on
    optional: tuple[str, ...]  # those that may be left out, which is not the same as null


_REMEMBERED: Cache[Built] = Cache(MOST_REMEMBERED, lambda built: built.layers)
_NUMBERS = count()


def built(found: Blueprint, dtype: str, payload: Mapping[str, Any]) -> Built:
    """What a blueprint comes to by a config, with weights of a dtype. Raises Problems, TooLarge."""
    design, given = _design(found), Given(payload, found)
    essence = given.essence(design.asked, design.optional)
    own = fingerprint((design.number, dtype, essence)) if essence is not None else None
    if (known := _REMEMBERED.get(own)) is not None:
        return known
    builder = Builder(given.scope(), dtype)
    root = builder.build(design.plan, found.name)._replace(type=found.name)
    made = Built(root, said(builder, found.family.model_type), builder.looked, {})
    _REMEMBERED.put(own, made)
    return made


@lru_cache(maxsize=256)
def _design(found: Blueprint) -> Design:
    expressions = [*found.given, *found.assumed]
    for rule in found.rules:
        expressions += (rule.value, *rule.counts, rule.guard)
    for entry in found.entries:
        tied = [part for part in entry.tied if isinstance(part, Expression)]
        expressions += (*entry.shape, *entry.counts, entry.guard, *tied)
    asked = found.fields.keys() | of_experts(found.family.defaults)
    asked = asked.union(*(expression.fields for expression in expressions))
    optional = [path for path, kinds in found.fields.items() if ABSENT in kinds]
    return Design(next(_NUMBERS), plan(found.entries), tuple(sorted(asked)), tuple(optional))

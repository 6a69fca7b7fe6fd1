"""The models that configs describe, cached: many configs differ in nothing that builds a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blocks import Builder
from paramcount.formats.huggingface.blueprints import Blueprint
from paramcount.formats.huggingface.configs import ABSENT, ConfigFields
from paramcount.formats.huggingface.expressions import Expression
from paramcount.formats.huggingface.plans import Plan, plan
from paramcount.formats.huggingface.routing import find_expert_fields
from paramcount.formats.huggingface.warnings import ModelNotes, describe
from paramcount.model.cache import Cache, fingerprint
from paramcount.model.layers import Layer

MAX_CACHED_LAYERS = 20_000
"""The most layers of all cached models together: a thousand models like Llama, with their counts in 10 MB."""


class BuiltModel(NamedTuple):
    """The layers that a class builds from a config, and what there is to say about them."""

    root: Layer
    notes: ModelNotes
    visited_layers: int  # no fewer than it has
    counts: dict[Any, Any]  # where counting keeps its result


class CompiledBlueprint(NamedTuple):
    """A blueprint, prepared once for all configs."""

    serial: int  # no two have the same
    plan: Plan
    used_fields: tuple[str, ...]  # the fields that anything depends on
    optional_fields: tuple[str, ...]  # those for which absent is not the same as null


_MODELS: Cache[BuiltModel] = Cache(
    MAX_CACHED_LAYERS,
    lambda model: model.visited_layers,
    admit_on_second_use=True,  # a model that is let go leaves its memory to the next one: a third less time for each
)
_SERIALS = count()


def build_model(blueprint: Blueprint, dtype: str, payload: Mapping[str, Any]) -> BuiltModel:
    """Build the model of a config, with weights of a dtype, or return it from the cache. Raises Problems, TooLarge."""
    compiled, fields = compile_blueprint(blueprint), ConfigFields(payload, blueprint)
    fields_key = fields.cache_key(compiled.used_fields, compiled.optional_fields)
    key = None if fields_key is None else fingerprint((compiled.serial, dtype, fields_key))
    if (cached := _MODELS.get(key)) is not None:
        return cached
    builder = Builder(fields.resolve(), dtype)
    root = builder.build(compiled.plan, blueprint.name)._replace(type=blueprint.name)
    model = BuiltModel(root, describe(builder, blueprint.family.model_type), builder.visited, {})
    _MODELS.put(key, model)
    return model


@lru_cache(maxsize=64)
def compile_blueprint(blueprint: Blueprint) -> CompiledBlueprint:
    """Compile a blueprint, once: its serial stands for it in the keys of cached models."""
    expressions = [*blueprint.stated_assumptions, *blueprint.derived_assumptions]
    for rule in blueprint.rules:
        expressions += (rule.value, *rule.counts, rule.guard)
    for entry in blueprint.entries:
        tied = [part for part in entry.tied if isinstance(part, Expression)]
        expressions += (*entry.shape, *entry.counts, entry.guard, *tied)
    used = blueprint.fields.keys() | find_expert_fields(blueprint.family.defaults)
    used = used.union(*(expression.fields for expression in expressions))
    optional = [path for path, kinds in blueprint.fields.items() if ABSENT in kinds]
    return CompiledBlueprint(next(_SERIALS), plan(blueprint.entries), tuple(sorted(used)), tuple(optional))

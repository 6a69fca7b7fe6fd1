"""Models inside a model: a config inside puts the blueprint of its model type into that of the model around it.

A slot whose default model type was verified there is empty in the blueprint around it, and always filled.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from paramcount.formats.huggingface.blueprints import (
    TRUE,
    Blueprint,
    Entry,
    Family,
    Rule,
    SubmodelSlot,
    load_blueprint,
    load_family,
)
from paramcount.formats.huggingface.expressions import INDICES, Expression, parse_node
from paramcount.formats.huggingface.forms import EACH

Submodels = tuple[tuple[str, str], ...]
"""(path, model type) of the configs inside whose blueprints stand apart."""

_BATCHES = "num_batches_tracked"

Renaming = Callable[[str], str]
"""From the path of a field to its new path."""


def find_submodels(payload: Mapping[str, Any], blueprint: Blueprint) -> Submodels:
    """The configs inside whose model type was verified there: not the default one, or one that always stands apart."""
    submodels = []
    for path, slot in blueprint.submodel_slots.items():
        default = blueprint.family.defaults[path]
        always = default in slot.accepts
        config = _find_config(payload, path)
        if config is None:
            submodels += [(path, default)] if always else []
            continue
        unstated = next(iter(slot.accepts)) if default is None else default if always else None
        model_type = config.get("model_type", unstated)
        if isinstance(model_type, str) and model_type in slot.accepts:
            submodels.append((path, model_type))
        elif always:  # the class does not read another, or reading the config refuses it
            submodels.append((path, default))
    return tuple(submodels)


def _find_config(payload: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    """The config at a path, "vision_config.backbone_config"; None where there is none."""
    config: Any = payload
    for name in path.split("."):
        config = config.get(name) if isinstance(config, Mapping) else None
    return config if isinstance(config, Mapping) else None


def fit_blueprint(blueprint: Blueprint, payload: Mapping[str, Any]) -> Blueprint:
    """The blueprint with the submodels that a config names."""
    return compose(blueprint, find_submodels(payload, blueprint)) if blueprint.submodel_slots else blueprint


@lru_cache(maxsize=32)
def compose(blueprint: Blueprint, submodels: Submodels) -> Blueprint:
    """The blueprint with submodels in their slots; it takes 4 ms or so to make."""
    for path, model_type in submodels:
        slot = blueprint.submodel_slots[path]
        submodel = load_blueprint(model_type, slot.accepts[model_type])
        submodel = replace(
            submodel,
            rules=(*submodel.rules, *slot.derives.get(model_type, ())),
            stated_assumptions=(*submodel.stated_assumptions, *slot.assumes.get(model_type, ())),
        )
        blueprint = insert_submodel(blueprint, path, slot, submodel)
    return blueprint


def insert_submodel(outer: Blueprint, path: str, slot: SubmodelSlot, inner: Blueprint) -> Blueprint:
    """Replace the tensors of a blueprint in a slot, and its config at `path`, by those of another blueprint."""
    prefix = f"{path}."

    def rename_inner(name: str) -> str:
        return prefix + name

    def rename_outer(name: str) -> str:
        field = name.removeprefix(prefix)
        is_alias = field not in inner.family.defaults and name.startswith(prefix)
        return prefix + inner.family.aliases.get(field, field) if is_alias else name

    entries = [
        _move_entry(entry, rename_outer, "") for entry in outer.entries if not entry.name.startswith(slot.prefix)
    ]
    default = outer.family.defaults[path]
    is_default = inner.family.model_type == default
    derivable = {rename_inner(rule.name.partition("[")[0]) for rule in inner.rules}
    rules = [
        _move_rule(rule, rename_outer) for rule in outer.rules
        if not rule.name.startswith(prefix) or (is_default and rule.name.partition("[")[0] not in derivable)
    ]  # fmt: skip
    declared = set(map(rename_inner, load_family(default).defaults)) if default and not is_default else set()

    def is_inner(name: str) -> bool:
        return name in declared or (not default and f"{name}.".startswith(prefix))

    stated, derived = (  # those about the default submodel's fields only are its own
        [_move(one, rename_outer) for one in assumptions if is_default or not all(map(is_inner, one.fields))]
        for assumptions in (outer.stated_assumptions, outer.derived_assumptions)
    )
    used = {
        name for expression in (*_iterate_expressions(entries, rules), *stated, *derived) for name in expression.fields
    }
    outer_fields = ((rename_outer(name), kinds) for name, kinds in outer.fields.items() if name != path)
    fields = dict(field for field in outer_fields if not field[0].startswith(prefix) or field[0] in used - derivable)
    inner_fields = {rename_inner(name): kinds for name, kinds in inner.fields.items()}
    return replace(
        outer,
        family=_merge_families(outer.family, path, inner.family, used),
        fields=fields | (_find_common_kinds(inner_fields, fields) if is_default else inner_fields),
        stated_assumptions=(*stated, *(_move(assumption, rename_inner) for assumption in inner.stated_assumptions)),
        derived_assumptions=(*derived, *(_move(assumption, rename_inner) for assumption in inner.derived_assumptions)),
        rules=(*rules, *(_move_rule(rule, rename_inner) for rule in inner.rules)),
        entries=(*entries, *_fill(slot, [_move_entry(entry, rename_inner, slot.prefix) for entry in inner.entries])),
        defaults_only=outer.defaults_only and inner.defaults_only,
        forms={field: form for field, form in outer.forms.items() if not field.startswith(prefix)}
        | {rename_inner(field): _move_form(form, rename_inner) for field, form in inner.forms.items()},
    )


def _fill(slot: SubmodelSlot, entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries as a slot has them: where it freezes norms, batch norms are buffers that count no batches."""
    if (flag := slot.freezes_norms) is None:
        yield from entries
        return
    norms = {entry.steps[:-1] for entry in entries if entry.steps[-1] == _BATCHES}
    for entry in entries:
        *module, name = entry.steps
        if tuple(module) not in norms or (entry.buffer and name != _BATCHES):
            yield entry
            continue
        yield replace(entry, guard=_both(entry.guard, ast.UnaryOp(ast.Not(), flag.node)))
        if not entry.buffer:
            yield replace(entry, guard=_both(entry.guard, flag.node), buffer="F32")


def _both(guard: Expression, other: ast.expr) -> Expression:
    return parse_node(other if guard is TRUE else ast.BoolOp(ast.And(), [guard.node, other]))


def _find_common_kinds(fields: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """The kinds of each field that both the model around and the one inside were verified with."""
    return {
        name: "".join(letter for letter in kinds if letter in others.get(name, kinds)) or kinds
        for name, kinds in fields.items()
    }


def _iterate_expressions(entries: Iterable[Entry], rules: Iterable[Rule]) -> Iterator[Expression]:
    for entry in entries:
        yield from (*entry.shape, *entry.counts, entry.guard)
    for rule in rules:
        yield from (rule.value, *rule.counts, rule.guard)


def _merge_families(outer: Family, path: str, inner: Family, used: set[str]) -> Family:
    """The outer config class with the inner one for its config at `path`; `used` fields that it lacks are null."""
    prefix = f"{path}."
    changed = outer.parts.get(path, {}) if inner.model_type == outer.defaults[path] else None

    def merge(outer_values: Mapping[str, Any], inner_values: Mapping[str, Any]) -> dict[str, Any]:
        kept = {
            name: value for name, value in outer_values.items()
            if name != path and (not name.startswith(prefix) or _is_kept(name, value))
        }  # fmt: skip
        return {prefix + name: value for name, value in inner_values.items()} | kept

    def _is_kept(name: str, value: Any) -> bool:
        """Null says that nothing of the model around reads the field, unless it is what the default config says."""
        return changed is not None and (value is not None or name in changed)

    parts = {part: {prefix + name: value for name, value in values.items()} for part, values in inner.parts.items()}
    return replace(
        outer,
        defaults={name: None for name in used if name.startswith(prefix)}
        | merge(outer.defaults, inner.defaults)
        | {path: inner.model_type},
        parts=merge(outer.parts, parts) | {path: changed or {}},
        aliases=merge(outer.aliases, {alias: prefix + name for alias, name in inner.aliases.items()}),
        auto=frozenset(part for part in outer.auto if not part.startswith(prefix))
        | {prefix + part for part in inner.auto},
        flat="" if outer.flat == path and changed is None else outer.flat,
    )


def _move_form(form: str, rename: Renaming) -> str:
    """A form with the field renamed that says how long a list is."""
    kind, _, argument = form.partition(" ")
    return f"{kind} {rename(argument)}" if kind == EACH else form


def _move_entry(entry: Entry, rename: Renaming, tensor_prefix: str) -> Entry:
    """An entry with its fields renamed, under a prefix."""
    tied = tuple(_move(part, rename) if isinstance(part, Expression) else part for part in entry.tied)
    return replace(
        entry,
        steps=(*tensor_prefix.split(".")[:-1], *entry.steps),
        shape=tuple(_move(length, rename) for length in entry.shape),
        counts=tuple(_move(count, rename) for count in entry.counts),
        guard=_move(entry.guard, rename),
        tied=(tensor_prefix, *tied) if tied else (),
    )


def _move_rule(rule: Rule, rename: Renaming) -> Rule:
    """A rule with its fields renamed."""
    name, bracket, index = rule.name.partition("[")
    return Rule(
        rename(name) + bracket + index,
        _move(rule.value, rename),
        tuple(_move(count, rename) for count in rule.counts),
        _move(rule.guard, rename),
    )


def _move(expression: Expression, rename: Renaming) -> Expression:
    """An expression with its fields renamed."""
    if all(rename(name) == name for name in expression.fields):
        return expression
    return parse_node(_FieldRenamer(rename).visit(expression.node))


class _FieldRenamer(ast.NodeTransformer):
    def __init__(self, rename: Renaming) -> None:
        self.rename = rename

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return node if node.id in INDICES else self._rename_field(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self._rename_field(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(arg) for arg in node.args]
        return node

    def _rename_field(self, node: ast.expr) -> ast.expr:
        return ast.parse(self.rename(ast.unparse(node)), mode="eval").body

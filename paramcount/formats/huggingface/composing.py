"""A model within a model: where a class builds what a config inside names, that one's blueprint is put."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, Entry, Family, Rule, blueprint, family
from paramcount.formats.huggingface.expressions import INDICES, Expression, parse

Chosen = tuple[tuple[str, str], ...]
"""Configs inside, by path, with their model types where those are not the default, or where the default is none."""

Renamed = Callable[[str], str]
"""The path of a field, by the one that it had."""


def chosen(payload: Mapping[str, Any], found: Blueprint) -> Chosen:
    """The configs inside of a model type other than the default that were verified in its place."""
    choices = []
    for path, within in found.within.items():
        if not isinstance(part := payload.get(path), Mapping):
            continue
        unstated = next(iter(within.takes)) if found.family.defaults[path] is None else None
        kind = part.get("model_type", unstated)
        if isinstance(kind, str) and kind in within.takes:
            choices.append((path, kind))
    return tuple(choices)


def fitting(found: Blueprint, payload: Mapping[str, Any]) -> Blueprint:
    """A blueprint with those in it that a config names."""
    return composed(found, chosen(payload, found)) if found.within else found


@lru_cache(maxsize=256)
def composed(found: Blueprint, choices: Chosen) -> Blueprint:
    """A blueprint with others in it."""
    for path, kind in choices:
        within = found.within[path]
        found = put(found, path, within.at, blueprint(kind, within.takes[kind]))
    return found


def put(found: Blueprint, path: str, at: str, inner: Blueprint) -> Blueprint:
    """A blueprint with another for what stands at `at` in its model, of the config at `path` in its own."""
    prefix = f"{path}."

    def inside(name: str) -> str:
        return prefix + name

    def outside(name: str) -> str:
        own = name.removeprefix(prefix)
        other = own not in inner.family.defaults and name.startswith(prefix)
        return prefix + inner.family.aliases.get(own, own) if other else name

    entries = [_entry(entry, outside, "") for entry in found.entries if not entry.name.startswith(at)]
    rules = [_rule(rule, outside) for rule in found.rules if not rule.name.startswith(prefix)]
    default = found.family.defaults[path]
    declared = set(map(inside, family(default).defaults)) if default else {path}  # what else is asked, the outer asks
    given, assumed = (
        [_moved(one, outside) for one in kept if not one.fields <= declared] for kept in (found.given, found.assumed)
    )
    needed = {name for one in (*_read(entries, rules), *given, *assumed) for name in one.fields}
    fields = {outside(name): kinds for name, kinds in found.fields.items() if name != path}
    fields = {name: kinds for name, kinds in fields.items() if name in needed or not name.startswith(prefix)}
    return replace(
        found,
        family=_family(found.family, path, inner.family, needed),
        fields=fields | {inside(name): kinds for name, kinds in inner.fields.items()},
        given=(*given, *(_moved(one, inside) for one in inner.given)),
        assumed=(*assumed, *(_moved(one, inside) for one in inner.assumed)),
        rules=(*rules, *(_rule(rule, inside) for rule in inner.rules)),
        entries=(*entries, *(_entry(entry, inside, at) for entry in inner.entries)),
        fixed=found.fixed and inner.fixed,
    )


def _read(entries: Iterable[Entry], rules: Iterable[Rule]) -> Iterator[Expression]:
    for entry in entries:
        yield from (*entry.shape, *entry.counts, entry.guard)
    for rule in rules:
        yield from (rule.value, *rule.counts, rule.guard)


def _family(outer: Family, path: str, inner: Family, needed: set[str]) -> Family:
    """The config class with another for the config inside."""
    prefix = f"{path}."

    def merged(own: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in own.items() if name != path and not name.startswith(prefix)}
        return kept | {prefix + name: value for name, value in others.items()}

    parts = {part: {prefix + name: value for name, value in changed.items()} for part, changed in inner.parts.items()}
    return replace(
        outer,
        defaults={name: None for name in needed if name.startswith(prefix)}
        | merged(outer.defaults, inner.defaults)
        | {path: inner.model_type},
        parts=merged(outer.parts, parts) | {path: {}},
        aliases=merged(outer.aliases, {name: prefix + real for name, real in inner.aliases.items()}),
        auto=frozenset(part for part in outer.auto if not part.startswith(prefix)) | {prefix + p for p in inner.auto},
        flat="" if outer.flat == path else outer.flat,
    )


def _entry(entry: Entry, renamed: Renamed, at: str) -> Entry:
    tied = tuple(_moved(part, renamed) if isinstance(part, Expression) else part for part in entry.tied)
    return replace(
        entry,
        steps=(*at.split(".")[:-1], *entry.steps),
        shape=tuple(_moved(one, renamed) for one in entry.shape),
        counts=tuple(_moved(one, renamed) for one in entry.counts),
        guard=_moved(entry.guard, renamed),
        tied=(at, *tied) if tied else (),
    )


def _rule(rule: Rule, renamed: Renamed) -> Rule:
    name, bracket, index = rule.name.partition("[")
    return Rule(
        renamed(name) + bracket + index,
        _moved(rule.value, renamed),
        tuple(_moved(one, renamed) for one in rule.counts),
        _moved(rule.guard, renamed),
    )


def _moved(found: Expression, renamed: Renamed) -> Expression:
    """An expression over the fields at other paths."""
    if not any(renamed(name) != name for name in found.fields):
        return found
    return parse(ast.unparse(_Moving(renamed).visit(ast.parse(found.text, mode="eval").body)))


class _Moving(ast.NodeTransformer):
    def __init__(self, renamed: Renamed) -> None:
        self.renamed = renamed

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return node if node.id in INDICES else self._field(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self._field(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(arg) for arg in node.args]
        return node

    def _field(self, node: ast.expr) -> ast.expr:
        return ast.parse(self.renamed(ast.unparse(node)), mode="eval").body

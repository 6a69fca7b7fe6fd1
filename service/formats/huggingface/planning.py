"""Entries to a plan: the tree of their names, and of each place with blocks what tells those blocks apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from service.formats.huggingface.blueprints import Entry
from service.formats.huggingface.expressions import INDICES, Expression, parse

HOLES = tuple(f"{{{name}}}" for name in INDICES)

Bits = int
"""A set of entries, one bit each."""


class Group(NamedTuple):
    """The entries that are in the same blocks: of so many, those where all guards hold."""

    entries: Bits
    number: Expression
    guards: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Node:
    """A place in the tree of names: the entries that end here, what lies beneath, and the blocks beneath."""

    tensors: list[tuple[Bits, Entry]] = field(default_factory=list)
    beneath: dict[str, Node] = field(default_factory=dict)
    blocks: Blocks | None = None
    entries: Bits = 0  # all beneath


@dataclass(slots=True, eq=False)
class Blocks:
    """Alike places in a row, told apart by an index."""

    axis: int
    inner: Node = field(default_factory=Node)
    found: list[tuple[Bits, Entry]] = field(default_factory=list)
    groups: tuple[Group, ...] = ()
    keys: tuple[tuple[Bits, Expression], ...] = ()  # what else of some entries follows from the index
    scattered: Bits = 0  # the entries of which that is not known before the blocks inside are looked at


class Plan(NamedTuple):
    """What a blueprint's entries come to, once and for all configs."""

    root: Node
    conditions: tuple[tuple[Bits, Expression], ...]  # guards that no index changes


def plan(entries: Sequence[Entry]) -> Plan:
    """The plan of a blueprint's entries."""
    root = Node()
    conditions: dict[Expression, Bits] = {}
    every: dict[int, Blocks] = {}
    for place, entry in enumerate(entries):
        bit = 1 << place
        for guard in _conjuncts(entry.guard):
            if not guard.indices:
                conditions[guard] = conditions.get(guard, 0) | bit
        for blocks in _place(root, bit, entry):
            blocks.found.append((bit, entry))
            every[id(blocks)] = blocks
    for blocks in every.values():
        _describe(blocks)
    return Plan(root, tuple((bits, guard) for guard, bits in conditions.items()))


def _place(node: Node, bit: Bits, entry: Entry) -> Iterator[Blocks]:
    """Put an entry where its name says; yields the blocks that it stands in."""
    axis = 0
    for step in entry.steps[:-1]:
        node.entries |= bit
        if step in HOLES:
            node.blocks = node.blocks or Blocks(axis)
            yield node.blocks
            node, axis = node.blocks.inner, axis + 1
        else:
            node = node.beneath.setdefault(step, Node())
    node.entries |= bit
    node.tensors.append((bit, entry))


def _conjuncts(guard: Expression) -> Iterator[Expression]:
    """What must all hold for a guard to hold."""
    if isinstance(guard.node, ast.BoolOp) and isinstance(guard.node.op, ast.And):
        for part in guard.node.values:
            yield from _conjuncts(parse(ast.unparse(part)))
    else:
        yield guard


def _describe(blocks: Blocks) -> None:
    """Settle what tells blocks apart."""
    axis = blocks.axis
    groups: dict[tuple[Expression, tuple[Expression, ...]], Bits] = {}
    keys: dict[Expression, Bits] = {}
    for bit, entry in blocks.found:
        guards = tuple(guard for guard in _conjuncts(entry.guard) if guard.indices)
        own = entry.counts[axis], tuple(guard for guard in guards if max(guard.indices) == axis)
        groups[own] = groups.get(own, 0) | bit
        for guard in guards:
            if axis in guard.indices and max(guard.indices) > axis:
                blocks.scattered |= bit
        tied = [part for part in entry.tied if isinstance(part, Expression)]
        for expression in (*entry.shape, *entry.counts[axis + 1 :], *tied):
            if axis not in expression.indices:
                continue
            if max(expression.indices) > axis:
                blocks.scattered |= bit
            else:
                keys[expression] = keys.get(expression, 0) | bit
    blocks.groups = tuple(Group(bits, *own) for own, bits in groups.items())
    blocks.keys = tuple((bits, expression) for expression, bits in keys.items())

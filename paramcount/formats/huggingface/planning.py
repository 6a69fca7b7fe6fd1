"""Entries to a plan: the tree of their names, and of each place with blocks what tells those blocks apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blueprints import Entry, hole
from paramcount.formats.huggingface.expressions import INDICES, Expression, parse
from paramcount.formats.huggingface.purposes import Purpose, purpose_of

Bits = int
"""A set of entries, one bit each."""


class Group(NamedTuple):
    """The entries that are in the same blocks: of so many, those where all guards hold."""

    entries: Bits
    number: Expression
    guards: tuple[Expression, ...]


class Own(NamedTuple):
    """A tensor of a layer: the entry that ends there."""

    bit: Bits
    entry: Entry
    reach: int  # how many indices, the outermost first, its shape follows from
    purpose: Purpose | None


class Kind(NamedTuple):
    """What a layer's own tensors come to, the same for many layers of a model: those of all its linear layers."""

    entries: Bits  # if all of these are there
    number: int
    reach: int


@dataclass(slots=True, eq=False)
class Node:
    """A place in the tree of names: the entries that end here, what lies beneath, and the blocks beneath."""

    tensors: list[Own] = field(default_factory=list)
    beneath: dict[str, Node] = field(default_factory=dict)
    blocks: dict[str, Blocks] = field(default_factory=dict)  # by the word that stands before their index, mostly none
    kind: Kind | None = None  # of its tensors; None: one is tied, or has a purpose
    leaf: bool = True  # nothing is beneath
    entries: Bits = 0  # all beneath
    indices: frozenset[int] = frozenset()  # that what is beneath follows from
    single: bool = False  # something beneath is tied to, or is said about, each by its own place
    reach: int | None = None  # it is the same layer wherever so many indices are, the outermost first; None: not known


@dataclass(slots=True, eq=False)
class Blocks:
    """Alike places in a row, told apart by an index."""

    axis: int
    inner: Node = field(default_factory=Node)
    found: list[tuple[Bits, Entry]] = field(default_factory=list)
    groups: tuple[Group, ...] = ()
    keys: tuple[tuple[Bits, Expression], ...] = ()  # what else of some entries follows from the index
    scattered: Bits = 0  # the entries of which it takes what is inside to tell whether two are alike
    apart: tuple[
        tuple[Bits, Expression], ...
    ] = ()  # of those, what follows from the index alone: where that is equal they are alike
    number: Expression | None = None  # how many, where nothing tells any from the others


class Plan(NamedTuple):
    """What a blueprint's entries come to, once and for all configs."""

    root: Node
    conditions: tuple[tuple[Bits, Expression], ...]  # guards that no index changes


def plan(entries: Sequence[Entry]) -> Plan:
    """The plan of a blueprint's entries."""
    root = Node()
    conditions: dict[Expression, Bits] = {}
    for place, entry in enumerate(entries):
        bit = 1 << place
        for guard in _conjuncts(entry.guard):
            if not guard.indices:
                conditions[guard] = conditions.get(guard, 0) | bit
        _put(root, bit, entry)
    _describe(root, 0, {}, known=False)
    return Plan(root, tuple((bits, guard) for guard, bits in conditions.items()))


def _put(root: Node, bit: Bits, entry: Entry) -> None:
    """Put an entry where its name says."""
    purpose = purpose_of(entry.name)
    single = bool(entry.tied) or purpose is not None
    follows = [_follows(entry, depth) for depth in range(len(entry.counts) + 1)]
    node, depth = root, 0
    for step in (*entry.steps[:-1], None):
        node.entries |= bit
        if follows[depth]:
            node.indices |= follows[depth]
        node.single |= single
        node.leaf &= step is None
        if step is None:
            break
        if (numbered := hole(step)) is None:
            node = node.beneath.setdefault(step, Node())
            continue
        blocks = node.blocks.setdefault(numbered[0], Blocks(depth))
        blocks.found.append((bit, entry))
        node, depth = blocks.inner, depth + 1
    reach = max([axis.reach for axis in entry.shape], default=0)
    node.tensors.append(Own(bit, entry, reach, purpose))


def _follows(entry: Entry, depth: int) -> set[int]:
    """The indices of blocks around some depth that what is inside there follows from; whether it is there at all is
    known outside, if no index inside changes that."""
    inside = [guard for guard in _conjuncts(entry.guard) if guard.reach > depth]
    return {i for one in (*entry.shape, *entry.counts[depth:], *inside) for i in one.indices if i < depth}


@lru_cache(maxsize=4096)
def _conjuncts(guard: Expression) -> tuple[Expression, ...]:
    """What must all hold for a guard to hold."""
    if isinstance(guard.node, ast.BoolOp) and isinstance(guard.node.op, ast.And):
        return tuple(found for part in guard.node.values for found in _conjuncts(parse(ast.unparse(part))))
    return (guard,)


def _describe(node: Node, depth: int, kinds: dict[Any, int], *, known: bool) -> None:
    """Settle what tells blocks apart, and which layers are the same in many of them; `known`: a layer around it is."""
    if node.tensors and not any(own.entry.tied or own.purpose for own in node.tensors):
        told = tuple((own.entry.steps[-1], own.entry.shape, own.entry.frozen, own.entry.buffer) for own in node.tensors)
        entries = sum(own.bit for own in node.tensors)
        node.kind = Kind(entries, kinds.setdefault(told, len(kinds)), max(own.reach for own in node.tensors))
    for beneath in node.beneath.values():
        reach = max(beneath.indices, default=-1) + 1
        if not known and not beneath.single and reach < depth:
            beneath.reach = reach
        _describe(beneath, depth, kinds, known=known or beneath.reach is not None)
    for blocks in node.blocks.values():
        _describe_blocks(blocks)
        _describe(blocks.inner, depth + 1, kinds, known=False)


def _describe_blocks(blocks: Blocks) -> None:
    axis = blocks.axis
    groups: dict[tuple[Expression, tuple[Expression, ...]], Bits] = {}
    keys: dict[Expression, Bits] = {}
    apart: dict[Expression, Bits] = {}
    for bit, entry in blocks.found:
        guards = tuple(guard for guard in _conjuncts(entry.guard) if guard.indices)
        own = entry.counts[axis], tuple(guard for guard in guards if guard.reach == axis + 1)
        groups[own] = groups.get(own, 0) | bit
        for expression in _sizes(entry, axis):
            if axis in expression.indices and expression.reach == axis + 1:
                keys[expression] = keys.get(expression, 0) | bit
        for expression in (*guards, *_sizes(entry, axis)):
            if axis in expression.indices and expression.reach > axis + 1:
                blocks.scattered |= bit
                for part in parts_of(expression, axis):
                    apart[part] = apart.get(part, 0) | bit
        if axis in entry.tied:
            apart[parse(INDICES[axis])] = blocks.inner.entries
    blocks.apart = tuple((bits, expression) for expression, bits in apart.items())
    blocks.groups = tuple(Group(bits, *own) for own, bits in groups.items())
    blocks.keys = tuple((bits, expression) for expression, bits in keys.items())
    numbers = {number for number, _ in groups}
    if len(numbers) == 1 and not (keys or blocks.scattered or any(guards for _, guards in groups)):
        (blocks.number,) = numbers


@lru_cache(maxsize=4096)
def parts_of(expression: Expression, axis: int) -> tuple[Expression, ...]:
    """The largest parts of an expression that follow from one index, and from none of those inside."""
    return tuple(parse(ast.unparse(part)) for part in _parts(expression.node, axis))


def _parts(node: ast.expr, axis: int) -> Iterator[ast.expr]:
    indices = {INDICES.index(name.id) for name in ast.walk(node) if isinstance(name, ast.Name) and name.id in INDICES}
    if axis not in indices:
        return
    if max(indices) == axis:
        yield node
        return
    match node:
        case ast.Subscript(value=ast.Dict() as table, slice=ast.Tuple(elts=[*elements])) if [
            element.id for element in elements if isinstance(element, ast.Name)
        ] == list(INDICES[: len(elements)]):
            yield _rows(ast.literal_eval(table), axis)
            return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _parts(child, axis)


def _rows(table: dict[tuple[int, ...], Any], axis: int) -> ast.expr:
    """Which rows of a table are equal, by the indices up to one: {(i, j, k): size} as {(i, j): number}."""
    rows: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
    for at, value in table.items():
        rows.setdefault(at[: axis + 1], {})[at[axis + 1 :]] = value
    numbers: dict[str, int] = {}
    found = {at: numbers.setdefault(repr(sorted(row.items())), len(numbers)) for at, row in rows.items()}
    indices = "".join(f"{name}, " for name in INDICES[: axis + 1])
    return ast.parse(f"{found}[({indices})]", mode="eval").body


def _sizes(entry: Entry, axis: int) -> Iterator[Expression]:
    """What tells the sizes of an entry in the blocks of an axis, and the names that it is tied to."""
    yield from entry.shape
    yield from entry.counts[axis + 1 :]
    yield from (part for part in entry.tied if isinstance(part, Expression))

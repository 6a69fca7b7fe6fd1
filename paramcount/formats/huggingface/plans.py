"""The plan of a blueprint: the tree of its entries' names, and what the blocks of each axis can differ in."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blueprints import Entry, index_placeholder
from paramcount.formats.huggingface.expressions import INDICES, Expression, depth_of, parse, parse_node
from paramcount.formats.huggingface.purposes import Purpose, detect_purpose

EntrySet = int
"""A set of a blueprint's entries: bit n is set where the n-th belongs to it."""

Signature = tuple[tuple[str, tuple[Expression, ...], bool, str], ...]
"""The names, shapes, freezing and buffer dtypes of a layer's own tensors."""


class EntryGroup(NamedTuple):
    """The entries that are in the same blocks: of the first `block_count`, in those where all guards hold."""

    entries: EntrySet
    block_count: Expression
    guards: tuple[Expression, ...]


class PlannedTensor(NamedTuple):
    """A tensor of a layer, and the number of outermost indices that decide its shape."""

    bit: EntrySet  # its entry alone
    entry: Entry
    index_depth: int
    purpose: Purpose | None


class TensorGroup(NamedTuple):
    """A layer's own tensors, where many layers of a model have equal ones: those of all its linear layers."""

    entries: EntrySet  # it stands for all of these at once
    number: int  # equal for layers with equal tensors
    index_depth: int  # the number of outermost indices that decide the shapes


@dataclass(slots=True, eq=False)
class Node:
    """A layer in the tree of names: its own tensors, its children, and the blocks in it."""

    tensors: list[PlannedTensor] = field(default_factory=list)
    children: dict[str, Node] = field(default_factory=dict)
    blocks: dict[str, Blocks] = field(default_factory=dict)  # by the word before their index, mostly the empty one
    tensor_group: TensorGroup | None = None  # None: one of its tensors is tied, or has a purpose
    is_leaf: bool = True
    entries: EntrySet = 0  # of it and of all below
    axes: frozenset[int] = frozenset()  # of the blocks around it, those whose index it depends on
    has_individual: bool = False  # a tensor in it is tied, or has a purpose: each copy of it is built by itself
    index_depth: int | None = None  # it is equal wherever so many outermost indices are; None: it is never reused


@dataclass(slots=True, eq=False)
class Blocks:
    """The blocks of one axis: a row of layers that are named by an index."""

    axis: int
    block: Node = field(default_factory=Node)
    members: list[tuple[EntrySet, Entry]] = field(default_factory=list)
    groups: tuple[EntryGroup, ...] = ()
    keys: tuple[tuple[EntrySet, Expression], ...] = ()  # by these, besides their entries, blocks differ
    inner_dependent: EntrySet = 0  # the entries that depend on this index and on one further in, together
    outer_keys: tuple[tuple[EntrySet, Expression], ...] = ()  # of those: blocks with equal keys are equal
    block_count: Expression | None = None  # the number of blocks, where all are equal


class Plan(NamedTuple):
    """The plan of a blueprint, which holds for all configs."""

    root: Node
    conditions: tuple[tuple[EntrySet, Expression], ...]  # the guards without an index, with the entries they guard


def plan(entries: Sequence[Entry]) -> Plan:
    """Plan the layers of a blueprint's entries."""
    root = Node()
    conditions: dict[Expression, EntrySet] = {}
    for position, entry in enumerate(entries):
        bit = 1 << position
        for guard in split_conjunction(entry.guard):
            if not guard.axes:
                conditions[guard] = conditions.get(guard, 0) | bit
        _insert(root, bit, entry)
    _find_equal_layers(root, 0, {}, in_reused=False)
    return Plan(root, tuple((entries, guard) for guard, entries in conditions.items()))


def _insert(root: Node, bit: EntrySet, entry: Entry) -> None:
    """Add an entry to the tree, and to the nodes that its name passes."""
    purpose = detect_purpose(entry.name)
    is_individual = bool(entry.tied) or purpose is not None
    outer_axes = [_find_outer_axes(entry, depth) for depth in range(len(entry.counts) + 1)]
    node, depth = root, 0
    for step in (*entry.steps[:-1], None):
        node.entries |= bit
        if outer_axes[depth]:
            node.axes |= outer_axes[depth]
        node.has_individual |= is_individual
        node.is_leaf &= step is None
        if step is None:
            break
        if (placeholder := index_placeholder(step)) is None:
            node = node.children.setdefault(step, Node())
            continue
        word, _ = placeholder
        blocks = node.blocks.setdefault(word, Blocks(depth))
        blocks.members.append((bit, entry))
        node, depth = blocks.block, depth + 1
    index_depth = max([length.index_depth for length in entry.shape], default=0)
    node.tensors.append(PlannedTensor(bit, entry, index_depth, purpose))


def _find_outer_axes(entry: Entry, depth: int) -> set[int]:
    """Those of the first `depth` axes whose index changes an entry's shape, or whether it exists, in a block.

    Guards that read outer indices only are left out: a block that they exclude does not hold the entry at all.
    """
    inner_guards = [guard for guard in split_conjunction(entry.guard) if guard.index_depth > depth]
    expressions = (*entry.shape, *entry.counts[depth:], *inner_guards)
    return {axis for expression in expressions for axis in expression.axes if axis < depth}


@lru_cache(maxsize=4096)
def split_conjunction(guard: Expression) -> tuple[Expression, ...]:
    """Split `a and b` into its terms; cached, since an entry's guard is split at each of its depths."""
    node = guard.node
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return tuple(term for part in node.values for term in split_conjunction(parse_node(part)))
    return (guard,)


def _find_equal_layers(node: Node, depth: int, numbers: dict[Signature, int], *, in_reused: bool) -> None:
    """Find the tensors and layers that are equal in many blocks, for a node in blocks of `depth` axes.

    `numbers` are those of the tensor groups; `in_reused`: a layer around the node is reused as a whole.
    """
    node.tensor_group = _group_tensors(node, numbers)
    for child in node.children.values():
        child_depth = depth_of(child.axes)
        if not in_reused and not child.has_individual and child_depth < depth:
            child.index_depth = child_depth
        _find_equal_layers(child, depth, numbers, in_reused=in_reused or child.index_depth is not None)
    for blocks in node.blocks.values():
        _find_differences(blocks)
        _find_equal_layers(blocks.block, depth + 1, numbers, in_reused=False)


def _group_tensors(node: Node, numbers: dict[Signature, int]) -> TensorGroup | None:
    tensors = node.tensors
    if not tensors or any(tensor.entry.tied or tensor.purpose for tensor in tensors):
        return None
    entries = [tensor.entry for tensor in tensors]
    signature = tuple((entry.steps[-1], entry.shape, entry.frozen, entry.buffer) for entry in entries)
    number = numbers.setdefault(signature, len(numbers))
    return TensorGroup(sum(tensor.bit for tensor in tensors), number, max(tensor.index_depth for tensor in tensors))


def _find_differences(blocks: Blocks) -> None:
    """Find the expressions by which the blocks of an axis can differ."""
    axis = blocks.axis
    groups: dict[tuple[Expression, tuple[Expression, ...]], EntrySet] = {}
    keys: dict[Expression, EntrySet] = {}
    outer_keys: dict[Expression, EntrySet] = {}
    for bit, entry in blocks.members:
        guards = tuple(guard for guard in split_conjunction(entry.guard) if guard.axes)
        group = entry.counts[axis], tuple(guard for guard in guards if guard.index_depth == axis + 1)
        groups[group] = groups.get(group, 0) | bit
        for expression in _iterate_sizes(entry, axis):
            if axis in expression.axes and expression.index_depth == axis + 1:
                keys[expression] = keys.get(expression, 0) | bit
        for expression in (*guards, *_iterate_sizes(entry, axis)):
            if axis in expression.axes and expression.index_depth > axis + 1:
                blocks.inner_dependent |= bit
                for part in split_by_axis(expression, axis):
                    outer_keys[part] = outer_keys.get(part, 0) | bit
        if axis in entry.tied:
            outer_keys[parse(INDICES[axis])] = blocks.block.entries
    blocks.outer_keys = tuple((entries, expression) for expression, entries in outer_keys.items())
    blocks.groups = tuple(EntryGroup(entries, count, guards) for (count, guards), entries in groups.items())
    blocks.keys = tuple((entries, expression) for expression, entries in keys.items())
    counts = {group.block_count for group in blocks.groups}
    has_differences = keys or blocks.inner_dependent or any(group.guards for group in blocks.groups)
    if len(counts) == 1 and not has_differences:
        (blocks.block_count,) = counts


def split_by_axis(expression: Expression, axis: int) -> list[Expression]:
    """The largest parts of an expression that read the index of an axis, and none further in."""
    return [parse_node(part) for part in _find_parts(expression.node, axis)]


def _find_parts(node: ast.expr, axis: int) -> Iterator[ast.expr]:
    axes = {INDICES.index(name.id) for name in ast.walk(node) if isinstance(name, ast.Name) and name.id in INDICES}
    if axis not in axes:
        return
    if max(axes) == axis:
        yield node
        return
    match node:
        case ast.Subscript(value=ast.Dict() as table, slice=ast.Tuple(elts=[*elements])) if [
            element.id for element in elements if isinstance(element, ast.Name)
        ] == list(INDICES[: len(elements)]):
            yield _number_rows(ast.literal_eval(table), axis)
            return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _find_parts(child, axis)


def _number_rows(table: dict[tuple[int, ...], Any], axis: int) -> ast.expr:
    """A table by the indices up to an axis, equal where the rows are: {(i, j, k): size} -> {(i, j): row number}."""
    rows: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
    for key, value in table.items():
        rows.setdefault(key[: axis + 1], {})[key[axis + 1 :]] = value
    numbers: dict[str, int] = {}
    numbered = {key: numbers.setdefault(repr(sorted(row.items())), len(numbers)) for key, row in rows.items()}
    indices = "".join(f"{name}, " for name in INDICES[: axis + 1])
    return ast.parse(f"{numbered}[({indices})]", mode="eval").body


def _iterate_sizes(entry: Entry, axis: int) -> Iterator[Expression]:
    """Yield the expressions of an entry's sizes inside the blocks of an axis, and of the name that it is tied to."""
    yield from entry.shape
    yield from entry.counts[axis + 1 :]
    yield from (part for part in entry.tied if isinstance(part, Expression))

"""Entries to layers: blocks that are alike become one, straight from the entries' guards and never one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from service.errors import InvalidConfig, Problems
from service.formats.huggingface.blueprints import Entry
from service.formats.huggingface.expressions import INDICES, Expression, Scope, integer
from service.formats.huggingface.places import each, everywhere, first, joined, limit_unlike, where
from service.model import Layer, Tensor

_HOLES = tuple(f"{{{name}}}" for name in INDICES)


@dataclass(slots=True, eq=False)
class Node:
    """A place in the tree of names: the entries that end here, what lies beneath, and the blocks beneath."""

    tensors: list[Entry] = field(default_factory=list)
    beneath: dict[str, Node] = field(default_factory=dict)
    blocks: Node | None = None
    axis: int = 0  # of its blocks
    entries: list[Entry] = field(default_factory=list)  # all beneath
    differ: bool = False  # blocks whose shapes depend on where they stand
    alike: Expression | None = None  # blocks that all hold the same, so many


def plan(entries: Sequence[Entry]) -> Node:
    """The tree of names that entries make, once and for all configs."""
    root = Node()
    for entry in entries:
        node, axis = root, 0
        node.entries.append(entry)
        for step in entry.steps[:-1]:
            if step in _HOLES:
                node.axis = axis
                node.blocks = node = node.blocks or Node()
                axis += 1
            else:
                node = node.beneath.setdefault(step, Node())
            node.entries.append(entry)
        node.tensors.append(entry)
    _describe(root)
    return root


def _describe(node: Node) -> None:
    """Settle what of the blocks' likeness holds for all configs."""
    for beneath in node.beneath.values():
        _describe(beneath)
    if (blocks := node.blocks) is None:
        return
    _describe(blocks)
    blocks.differ = any(_differs(entry, node.axis) for entry in blocks.entries)
    counts = {entry.counts[node.axis] for entry in blocks.entries}
    if not blocks.differ and len(counts) == 1 and not any(node.axis in e.guard.indices for e in blocks.entries):
        blocks.alike = counts.pop()


@dataclass(slots=True)
class Builder:
    """Builds the layers of one config."""

    scope: Scope
    dtype: str = ""  # of the weights
    cache: dict[tuple[int, int, int, tuple[int, ...]], int] = field(default_factory=dict)
    lengths: dict[Expression, int | None] = field(default_factory=dict)  # of what no index changes
    truths: dict[Expression, bool] = field(default_factory=dict)

    def layer(self, node: Node, name: str, at: tuple[int, ...], names: tuple[str, ...]) -> Layer:
        """The layer at a node, in the blocks `at`, which stand for all of `names`."""
        tensors = [tensor for entry in node.tensors if (tensor := self._tensor(entry, at, names)) is not None]
        children = []
        for step, beneath in node.beneath.items():
            child = self.layer(beneath, step, at, names)
            if child.tensors or child.children:
                children.append(child)
        if node.blocks is not None:
            children += self._blocks(node.blocks, node.axis, at, names)
        return Layer(name, "", tensors=tuple(tensors), children=tuple(children))

    def _blocks(self, node: Node, axis: int, at: tuple[int, ...], names: tuple[str, ...]) -> Iterator[Layer]:
        if node.alike is not None:
            total = self._count(node.alike, at)
            if total:
                name = f"0-{total - 1}" if total > 1 else "0"
                layer = self.layer(node, name, (*at, 0), (*names, name))
                if layer.tensors or layer.children:
                    yield layer._replace(repeat=total)
            return
        members = self._members(node, axis, at)
        if node.differ:
            yield from self._one_by_one(node, members, at, names)
            return
        classes = [everywhere(max(found.bit_length() for found in members))] if members else []
        for found in set(members):
            classes = [part for places in classes for part in (places & found, places & ~found) if part]
        for places in sorted(classes, key=first):
            name = joined(places)
            layer = self.layer(node, name, (*at, first(places)), (*names, name))
            if layer.tensors or layer.children:
                yield layer._replace(repeat=places.bit_count())

    def _one_by_one(
        self, node: Node, members: list[int], at: tuple[int, ...], names: tuple[str, ...]
    ) -> Iterator[Layer]:
        """Blocks whose shapes depend on where they stand; those that turn out alike become one."""
        total = max((found.bit_length() for found in members), default=0)
        limit_unlike(total)
        alike: dict[Layer, int] = {}
        for place in range(total):
            layer = self.layer(node, "", (*at, place), (*names, str(place)))
            if layer.tensors or layer.children:
                alike[layer] = alike.get(layer, 0) | 1 << place
        for layer, places in alike.items():
            yield layer._replace(name=joined(places), repeat=places.bit_count())

    def _members(self, node: Node, axis: int, at: tuple[int, ...]) -> list[int]:
        """For each entry beneath, the blocks that may hold it."""
        found = []
        for entry in node.entries:
            total = self._count(entry.counts[axis], at)
            if axis in entry.guard.indices and max(entry.guard.indices) == axis:
                key = id(entry.guard), axis, total, at
                if key not in self.cache:
                    self.cache[key] = where(entry.guard, axis, total, self.scope, at)
                found.append(self.cache[key])
            elif entry.guard.indices or self._holds(entry.guard, ()):
                found.append(everywhere(total))
        return found

    def _tensor(self, entry: Entry, at: tuple[int, ...], names: tuple[str, ...]) -> Tensor | None:
        if not self._holds(entry.guard, at):
            return None
        for place, number in zip(at, entry.counts, strict=True):
            if place >= self._count(number, at):
                return None
        shape = tuple(self._length(length, entry, at) for length in entry.shape)
        role = "buffer" if entry.buffer else "weight"
        return Tensor(
            entry.steps[-1],
            shape,
            role,  # type: ignore[arg-type]
            entry.buffer or self.dtype,
            not entry.frozen and not entry.buffer,
            _named(entry.tied, names) if entry.tied else "",
        )

    def _holds(self, guard: Expression, at: tuple[int, ...]) -> bool:
        if guard.indices:
            return bool(guard.truth(self.scope, at))
        if guard not in self.truths:
            self.truths[guard] = bool(guard.truth(self.scope, ()))
        return self.truths[guard]

    def _integer(self, expression: Expression, at: tuple[int, ...]) -> int | None:
        if expression.indices:
            return integer(expression, self.scope, at)
        if expression not in self.lengths:
            self.lengths[expression] = integer(expression, self.scope, ())
        return self.lengths[expression]

    def _count(self, expression: Expression, at: tuple[int, ...]) -> int:
        return max(self._integer(expression, at) or 0, 0)

    def _length(self, expression: Expression, entry: Entry, at: tuple[int, ...]) -> int:
        length = self._integer(expression, at)
        if length is None or length < 0:
            size = "not known" if length is None else length
            raise Problems([InvalidConfig(f"{entry.name} would have an axis {expression.text}, which is {size}")])
        return length


def _differs(entry: Entry, axis: int) -> bool:
    """Whether an entry depends on an axis in other ways than by a guard on that axis alone."""
    others = [*entry.shape, *entry.counts[axis + 1 :]]
    if max(entry.guard.indices, default=-1) > axis and axis in entry.guard.indices:
        return True
    return any(axis in expression.indices for expression in others)


def _named(template: str, names: Sequence[str]) -> str:
    for hole, name in zip(_HOLES, names, strict=False):
        template = template.replace(hole, name)
    return template


def tensors(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a tree by its full name, blocks written out."""
    for tensor in layer.tensors:
        yield prefix + tensor.name, tensor
    for child in layer.children:
        for name in _indices(child.name) if child.repeat > 1 else [child.name]:
            yield from tensors(child, f"{prefix}{name}.")


def _indices(name: str) -> Iterator[str]:
    for part in name.split(","):
        start, _, end = part.partition("-")
        yield from map(str, range(int(start), int(end or start) + 1))


__all__ = ["Builder", "Node", "each", "plan", "tensors"]

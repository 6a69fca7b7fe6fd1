"""A plan to layers: blocks that are alike become one, straight from what tells them apart and never one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from service.errors import InvalidConfig, Problems
from service.formats.huggingface.blueprints import Entry
from service.formats.huggingface.expressions import Expression, Scope, count, integer, value_or_none
from service.formats.huggingface.places import each, everywhere, first, joined, limit_unlike, where
from service.formats.huggingface.planning import Bits, Blocks, Node, Plan
from service.model import Layer, Tensor


class Stands(NamedTuple):
    """A weight that is counted, the blueprint's entry that it is, and in how many places it stands."""

    entry: Entry
    tensor: Tensor
    times: int


class Spot(NamedTuple):
    """Where in the blocks a layer is built: for which block of each axis, in the name of all that are like it."""

    at: tuple[int, ...]
    names: tuple[str, ...]  # of those blocks
    entries: Bits  # that are there
    times: int

    def inside(self, place: int, name: str, entries: Bits, repeat: int) -> Spot:
        return Spot((*self.at, place), (*self.names, name), entries, self.times * repeat)


class Builder:
    """Builds the layers of one config."""

    def __init__(self, scope: Scope, dtype: str = "") -> None:
        """`dtype`: of the weights."""
        self.scope, self.dtype = scope, dtype
        self.weights: list[Stands] = []
        self._lengths: dict[tuple[Expression, tuple[int, ...]], int] = {}

    def build(self, plan: Plan, name: str) -> Layer:
        """The root. Raises Problems, TooLarge."""
        entries = plan.root.entries
        for guarded, condition in plan.conditions:
            if guarded & entries and not condition.truth(self.scope, ()):
                entries &= ~guarded
        return self._layer(plan.root, name, Spot((), (), entries, 1))

    def _layer(self, node: Node, name: str, spot: Spot, repeat: int = 1) -> Layer:
        tensors = tuple([self._tensor(entry, spot) for bit, entry in node.tensors if bit & spot.entries])
        children = []
        for step, beneath in node.beneath.items():
            if beneath.entries & spot.entries:
                child = self._layer(beneath, step, spot)
                if child.tensors or child.children:
                    children.append(child)
        if node.blocks is not None and node.blocks.inner.entries & spot.entries:
            children += self._blocks(node.blocks, spot)
        return Layer(name, "", None, tuple(children), tensors, (), None, True, repeat)

    def _blocks(self, blocks: Blocks, spot: Spot) -> Iterator[Layer]:
        """The layers of some blocks, each for all that are alike."""
        groups = [group for group in blocks.groups if group.entries & spot.entries]
        keys = [expression for entries, expression in blocks.keys if entries & spot.entries]
        scattered = blocks.scattered & spot.entries
        if len({group.number for group in groups}) == 1 and not (scattered or keys or any(g.guards for g in groups)):
            total = self.count(groups[0].number, spot.at)
            name = f"0-{total - 1}" if total > 1 else "0"
            if total:
                yield self._layer(blocks.inner, name, spot.inside(0, name, spot.entries, total), total)
            return
        members = []
        for group in groups:
            total = self.count(group.number, spot.at)
            places = everywhere(total)
            for guard in group.guards:
                places &= where(guard, blocks.axis, total, self.scope, spot.at)
            members.append((group.entries & spot.entries, places))
        if scattered:
            yield from self._one_by_one(blocks, members, spot)
            return
        for places in self._classes(members, keys, spot.at):
            inside = sum(entries for entries, found in members if found & places)
            name, repeat = joined(places), places.bit_count()
            layer = self._layer(blocks.inner, name, spot.inside(first(places), name, inside, repeat), repeat)
            if layer.tensors or layer.children:
                yield layer

    def _classes(self, members: list[tuple[Bits, int]], keys: list[Expression], at: tuple[int, ...]) -> list[int]:
        """Sets of blocks that are alike, in the order of their first ones."""
        classes = [everywhere(max(places.bit_length() for _, places in members))]
        for found in {places for _, places in members}:
            classes = [part for places in classes for part in (places & found, places & ~found) if part]
        if keys:
            classes = [part for places in classes for part in self._by_key(places, keys, at)]
        return sorted(filter(None, classes), key=first)

    def _by_key(self, places: int, keys: list[Expression], at: tuple[int, ...]) -> Iterator[int]:
        limit_unlike(places.bit_count())
        found: dict[tuple[int | None, ...], int] = {}
        for place in each(places):
            key = tuple([value_or_none(expression, self.scope, (*at, place)) for expression in keys])
            found[key] = found.get(key, 0) | 1 << place
        yield from found.values()

    def _one_by_one(self, blocks: Blocks, members: list[tuple[Bits, int]], spot: Spot) -> Iterator[Layer]:
        """Blocks of which only the blocks inside tell whether they are alike."""
        total = max(places.bit_length() for _, places in members)
        limit_unlike(total)
        alike: dict[Layer, int] = {}
        for place in range(total):
            inside = sum(entries for entries, places in members if places >> place & 1)
            layer = self._layer(blocks.inner, "", spot.inside(place, str(place), inside, 1))
            if layer.tensors or layer.children:
                alike[layer] = alike.get(layer, 0) | 1 << place
        for layer, places in alike.items():
            yield layer._replace(name=joined(places), repeat=places.bit_count())

    def _tensor(self, entry: Entry, spot: Spot) -> Tensor:
        at, known = spot.at, self._lengths
        shape = tuple([known.get((axis, at[: axis.reach])) or self._length(axis, entry, at) for axis in entry.shape])
        name = entry.steps[-1]
        if entry.buffer:
            return Tensor(name, shape, "buffer", entry.buffer, trainable=False)
        tied = "".join([self._tied(part, spot) for part in entry.tied]) if entry.tied else ""
        tensor = Tensor(name, shape, "weight", self.dtype, not entry.frozen, tied)
        if not tied:
            self.weights.append(Stands(entry, tensor, spot.times))
        return tensor

    def _tied(self, part: str | int | Expression, spot: Spot) -> str:
        if isinstance(part, str):
            return part
        return spot.names[part] if isinstance(part, int) else str(integer(part, self.scope, spot.at))

    def count(self, expression: Expression, at: tuple[int, ...] = ()) -> int:
        """How many blocks: none where that has no value."""
        return count(expression, self.scope, at)

    def _length(self, expression: Expression, entry: Entry, at: tuple[int, ...]) -> int:
        length = integer(expression, self.scope, at)
        if length is None or length < 0:
            size = "not known" if length is None else length
            raise Problems([InvalidConfig(f"{entry.name} would have an axis {expression.text}, which is {size}")])
        self._lengths[expression, at[: expression.reach]] = length
        return length


def tensors(layer: Layer, prefix: str = "", blocks: tuple[tuple[str, str], ...] = ()) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a tree by its full name, blocks written out: `blocks` are the names of those around it, folded,
    each with that of the one."""
    for tensor in layer.tensors:
        yield prefix + tensor.name, tensor._replace(tied_to=_unfolded(tensor.tied_to, blocks))
    for child in layer.children:
        for name in _indices(child.name) if child.repeat > 1 else [child.name]:
            inside = (*blocks, (child.name, name)) if child.name[:1].isdigit() else blocks
            yield from tensors(child, f"{prefix}{name}.", inside)


def _unfolded(tied: str, blocks: Sequence[tuple[str, str]]) -> str:
    """The name of the tensor that one is: where it has the folded index of the block that is as deep, that block's."""
    steps, depth = tied.split("."), 0
    for place, step in enumerate(steps):
        if step[:1].isdigit():
            if depth < len(blocks) and step == blocks[depth][0]:
                steps[place] = blocks[depth][1]
            depth += 1
    return ".".join(steps)


def _indices(name: str) -> Iterator[str]:
    for part in name.split(","):
        start, _, end = part.partition("-")
        yield from map(str, range(int(start), int(end or start) + 1))

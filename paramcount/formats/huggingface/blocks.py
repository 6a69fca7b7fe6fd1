"""A plan to layers: blocks that are alike become one, straight from what tells them apart and never one by one."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blueprints import Entry
from paramcount.formats.huggingface.expressions import Expression, Scope, count, integer, value_or_none
from paramcount.formats.huggingface.places import MOST_UNLIKE, each, everywhere, first, joined, limit_unlike, where
from paramcount.formats.huggingface.planning import Bits, Blocks, Node, Own, Plan
from paramcount.formats.huggingface.purposes import Purpose
from paramcount.model.errors import InvalidConfig, Problems, TooLarge
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

MOST_LOOKED_AT = 40_000
"""How many layers of one config are looked at, those that are alike before that is known included."""

_GUARDS = 8
"""In how many blocks it is told whether a guard holds while one layer is built."""


class Stands(NamedTuple):
    """A weight that is counted: its purpose, the blueprint's entry that it is, and in how many places it stands."""

    purpose: Purpose
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
        self.looked = 0  # at so many layers
        self._lengths: dict[tuple[Expression, tuple[int, ...]], int] = {}
        self._shapes: dict[tuple[tuple[Expression, ...], tuple[int, ...]], tuple[int, ...]] = {}
        self._kinds: dict[tuple[int, tuple[int, ...]], tuple[Tensor, ...]] = {}
        self._alike: dict[tuple[Node, Bits, tuple[int, ...]], Layer] = {}

    def build(self, plan: Plan, name: str) -> Layer:
        """The root. Raises Problems, TooLarge."""
        entries = plan.root.entries
        for guarded, condition in plan.conditions:
            if guarded & entries and not condition.truth(self.scope, ()):
                entries &= ~guarded
        return self._layer(plan.root, name, Spot((), (), entries, 1))

    def _layer(self, node: Node, name: str, spot: Spot, repeat: int = 1) -> Layer:
        tensors = self._tensors(node, spot) if node.tensors else ()
        children: list[Layer] = []
        for step, beneath in node.beneath.items():
            if not beneath.entries & spot.entries:
                continue
            if beneath.leaf:
                children.append(Layer(step, "", None, (), self._tensors(beneath, spot)))
                self.looked += 1
                continue
            child = self._layer(beneath, step, spot) if beneath.reach is None else self._again(beneath, step, spot)
            if child.tensors or child.children:
                children.append(child)
        for word, blocks in node.blocks.items():
            if blocks.inner.entries & spot.entries:
                found = self._blocks(blocks, spot)
                children += self._apart(word, found) if word else found
        self._look(1)
        return Layer(name, "", None, tuple(children), tensors, repeat=repeat)

    def _look(self, layers: int) -> None:
        """Keep to how many may be looked at."""
        self.looked += layers
        if self.looked > MOST_LOOKED_AT:
            raise TooLarge(f"has more than {MOST_LOOKED_AT:,} layers that may differ from each other")

    def _again(self, node: Node, name: str, spot: Spot) -> Layer:
        """A layer that is the same in many blocks, built once."""
        key = node, node.entries & spot.entries, spot.at[: node.reach]
        if (layer := self._alike.get(key)) is None:
            layer = self._alike[key] = self._layer(node, name, spot)
        return layer

    def _blocks(self, blocks: Blocks, spot: Spot) -> Iterator[Layer]:
        """The layers of some blocks, each for all that are alike."""
        if blocks.number is not None:
            total = self.count(blocks.number, spot.at)
            name = f"0-{total - 1}" if total > 1 else "0"
            if total:
                yield self._layer(blocks.inner, name, spot.inside(0, name, spot.entries, total), total)
            return
        members = list(self._members(blocks, spot))
        keys = [expression for entries, expression in blocks.keys if entries & spot.entries]
        scattered = blocks.scattered & spot.entries
        if scattered:
            keys += [expression for entries, expression in blocks.apart if entries & spot.entries]
        layers = self._each(blocks, members, self._classes(members, keys, spot.at), spot)
        if not scattered:
            yield from (layer for layer, _ in layers)
            return
        alike: dict[tuple[Any, ...], int] = {}
        for layer, places in layers:
            made = layer.children, layer.tensors
            alike[made] = alike.get(made, 0) | places
        for (children, tensors), places in alike.items():
            yield Layer(joined(places), "", None, children, tensors, repeat=places.bit_count())

    def _apart(self, word: str, folded: Iterable[Layer]) -> list[Layer]:
        """Blocks that are numbered within a word, each by its own name: expert_0, expert_1."""
        found: dict[int, Layer] = {}
        for layer in folded:
            self._look(layer.repeat)
            for number in _indices(layer.name):
                found[int(number)] = layer._replace(name=word + number, repeat=1)
        return [found[number] for number in sorted(found)]

    def _members(self, blocks: Blocks, spot: Spot) -> Iterator[tuple[Bits, int]]:
        """In which blocks which entries are."""
        for group in blocks.groups:
            if entries := group.entries & spot.entries:
                total = self.count(group.number, spot.at)
                places = everywhere(total)
                if blocks.axis:  # in each of the blocks around
                    self._look(len(group.guards) * min(total, MOST_UNLIKE) // _GUARDS)
                for guard in group.guards:
                    places &= where(guard, blocks.axis, total, self.scope, spot.at)
                yield entries, places

    def _each(
        self, blocks: Blocks, members: list[tuple[Bits, int]], classes: list[int], spot: Spot
    ) -> Iterator[tuple[Layer, int]]:
        """The layer of each class of blocks, with its places, where it has any tensor."""
        for places in classes:
            inside = sum(entries for entries, found in members if found & places)
            name, repeat = joined(places), places.bit_count()
            layer = self._layer(blocks.inner, name, spot.inside(first(places), name, inside, repeat), repeat)
            if layer.tensors or layer.children:
                yield layer, places

    def _classes(self, members: list[tuple[Bits, int]], keys: list[Expression], at: tuple[int, ...]) -> list[int]:
        """Sets of blocks that are alike, in the order of their first ones."""
        classes = [everywhere(max(places.bit_length() for _, places in members))]
        for found in {places for _, places in members}:
            classes = [part for places in classes for part in (places & found, places & ~found) if part]
        if keys:
            classes = [part for places in classes for part in self._by_key(places, keys, at)]
        return sorted(filter(None, classes), key=first)

    def _by_key(self, places: int, keys: list[Expression], at: tuple[int, ...]) -> Iterator[int]:
        if not places & (places - 1):
            yield places
            return
        limit_unlike(count := places.bit_count())
        self._look(count)
        found: dict[bytes, int] = {}
        for place in each(places):
            values = [value_or_none(expression, self.scope, (*at, place)) for expression in keys]
            key = marshal.dumps(values, 2)  # 1 is not 1.0 here
            found[key] = found.get(key, 0) | 1 << place
        yield from found.values()

    def _tensors(self, node: Node, spot: Spot) -> tuple[Tensor, ...]:
        """A layer's own tensors, made once for all layers that have the like."""
        kind = node.kind
        if kind is None or kind.entries & spot.entries != kind.entries:
            return tuple([self._tensor(own, spot) for own in node.tensors if own.bit & spot.entries])
        key = kind.number, spot.at[: kind.reach]
        if (found := self._kinds.get(key)) is None:
            found = self._kinds[key] = tuple([self._tensor(own, spot) for own in node.tensors])
        return found

    def _tensor(self, own: Own, spot: Spot) -> Tensor:
        entry = own.entry
        key = entry.shape, spot.at[: own.reach]
        if (shape := self._shapes.get(key)) is None:
            shape = self._shapes[key] = tuple([self._length(axis, entry, spot.at) for axis in entry.shape])
        if entry.buffer:
            return Tensor(entry.steps[-1], shape, "buffer", entry.buffer, trainable=False)
        tied = "".join([self._tied(part, spot) for part in entry.tied]) if entry.tied else ""
        tensor = Tensor(entry.steps[-1], shape, "weight", self.dtype, not entry.frozen, tied)
        if own.purpose and not tied:
            self.weights.append(Stands(own.purpose, entry, tensor, spot.times))
        return tensor

    def _tied(self, part: str | int | Expression, spot: Spot) -> str:
        if isinstance(part, str):
            return part
        return spot.names[part] if isinstance(part, int) else str(integer(part, self.scope, spot.at))

    def count(self, expression: Expression, at: tuple[int, ...] = ()) -> int:
        """How many blocks: none where that has no value."""
        return count(expression, self.scope, at)

    def _length(self, axis: Expression, entry: Entry, at: tuple[int, ...]) -> int:
        key = axis, at[: axis.reach]
        if (length := self._lengths.get(key)) is None:
            length = integer(axis, self.scope, at)
            if length is None or length < 0:
                size = "not known" if length is None else length
                raise Problems([InvalidConfig(f"{entry.name} would have an axis {axis.text}, which is {size}")])
            self._lengths[key] = length
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

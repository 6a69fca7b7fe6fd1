"""From a plan to layers: equal blocks become one layer, found from what they can differ in and not one by one."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blueprints import Entry
from paramcount.formats.huggingface.expressions import Expression, Scope, evaluate, evaluate_count, evaluate_integer
from paramcount.formats.huggingface.index_sets import (
    MAX_EVALUATED_BLOCKS,
    IndexSet,
    all_indices,
    check_evaluated_blocks,
    first_index,
    format_indices,
    indices_where,
    iterate,
)
from paramcount.formats.huggingface.plans import Blocks, EntrySet, Node, Plan, PlannedTensor
from paramcount.formats.huggingface.purposes import Purpose
from paramcount.model import block_ranges
from paramcount.model.errors import InvalidConfig, Problems, TooLarge
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

MAX_VISITED_LAYERS = 40_000
"""The most layers of one config that are visited, equal ones included."""

_GUARDS_PER_VISIT = 8
"""The number of blocks that a guard is evaluated for in the time that a visit of a layer takes."""


class CountedWeight(NamedTuple):
    """A weight that has a purpose, the blueprint's entry that it is of, and how many copies the model holds."""

    purpose: Purpose
    entry: Entry
    tensor: Tensor
    copies: int


class BlockContext(NamedTuple):
    """The blocks around a layer that is built: one of each axis, which stands for all that are equal to it."""

    indices: tuple[int, ...]  # of that block, by axis
    names: tuple[str, ...]  # of all that it stands for: 0-31
    entries: EntrySet  # that are in it
    copies: int

    def enter(self, index: int, name: str, entries: EntrySet, repeat: int) -> BlockContext:
        """The context in one more block."""
        return BlockContext((*self.indices, index), (*self.names, name), entries, self.copies * repeat)


class Builder:
    """Builds the layers of one config."""

    def __init__(self, scope: Scope, dtype: str = "") -> None:
        """`dtype` is that of the weights."""
        self.scope, self.dtype = scope, dtype
        self.weights: list[CountedWeight] = []
        self.visited = 0  # layers
        self._lengths: dict[tuple[Expression, tuple[int, ...]], int] = {}
        self._shapes: dict[tuple[tuple[Expression, ...], tuple[int, ...]], tuple[int, ...]] = {}
        self._tensor_groups: dict[tuple[int, tuple[int, ...]], tuple[Tensor, ...]] = {}
        self._reused: dict[tuple[Node, EntrySet, tuple[int, ...]], Layer] = {}

    def build(self, plan: Plan, name: str) -> Layer:
        """Build the root. Raises Problems, TooLarge."""
        entries = plan.root.entries
        for guarded, condition in plan.conditions:
            if guarded & entries and not condition.truth(self.scope, ()):
                entries &= ~guarded
        return self._build_layer(plan.root, name, BlockContext((), (), entries, 1))

    def count(self, expression: Expression, indices: tuple[int, ...] = ()) -> int:
        """Return a number of blocks; 0 where the expression has no value."""
        return evaluate_count(expression, self.scope, indices)

    def _build_layer(self, node: Node, name: str, context: BlockContext, repeat: int = 1) -> Layer:
        tensors = self._build_tensors(node, context) if node.tensors else ()
        children: list[Layer] = []
        for step, child_node in node.children.items():
            if not child_node.entries & context.entries:
                continue
            if child_node.is_leaf:
                children.append(Layer(step, "", None, (), self._build_tensors(child_node, context)))
                self.visited += 1
                continue
            build = self._build_layer if child_node.index_depth is None else self._reuse_layer
            child = build(child_node, step, context)
            if child.tensors or child.children:
                children.append(child)
        for word, blocks in node.blocks.items():
            if blocks.block.entries & context.entries:
                layers = self._build_blocks(blocks, context)
                children += self._unfold(word, layers) if word else layers
        self._visit(1)
        return Layer(name, "", None, tuple(children), tensors, repeat=repeat)

    def _visit(self, layers: int) -> None:
        """Count visited layers. Raises TooLarge."""
        self.visited += layers
        if self.visited > MAX_VISITED_LAYERS:
            raise TooLarge(f"has more than {MAX_VISITED_LAYERS:,} layers that may differ from each other")

    def _reuse_layer(self, node: Node, name: str, context: BlockContext) -> Layer:
        """A layer that is equal in many blocks, built once."""
        key = node, node.entries & context.entries, context.indices[: node.index_depth]
        if (layer := self._reused.get(key)) is None:
            layer = self._reused[key] = self._build_layer(node, name, context)
        return layer

    def _build_blocks(self, blocks: Blocks, context: BlockContext) -> Iterator[Layer]:
        """The layers of the blocks of one axis, one for all that are equal."""
        if blocks.block_count is not None:
            total = self.count(blocks.block_count, context.indices)
            if total:
                name = block_ranges.format_runs([(0, total - 1)])
                yield self._build_layer(blocks.block, name, context.enter(0, name, context.entries, total), total)
            return
        members = list(self._find_members(blocks, context))
        keys = [expression for entries, expression in blocks.keys if entries & context.entries]
        has_inner_dependent = bool(blocks.inner_dependent & context.entries)
        if has_inner_dependent:
            keys += [expression for entries, expression in blocks.outer_keys if entries & context.entries]
        layers = self._build_classes(blocks, members, self._find_classes(members, keys, context.indices), context)
        if has_inner_dependent:  # different keys may still make equal blocks
            layers = _merge_equal(layers)
        for layer, _ in layers:
            yield layer

    def _unfold(self, word: str, folded: Iterable[Layer]) -> list[Layer]:
        """Blocks that are numbered within a word, each under its own name: expert_0, expert_1."""
        layers: dict[int, Layer] = {}
        for layer in folded:
            self._visit(layer.repeat * layer.count_layers())  # the count walks over each of them
            for index in block_ranges.expand(layer.name, layer.repeat):
                layers[int(index)] = layer._replace(name=word + index, repeat=1)
        return [layers[index] for index in sorted(layers)]

    def _find_members(self, blocks: Blocks, context: BlockContext) -> Iterator[tuple[EntrySet, IndexSet]]:
        """Yield the entries, each set with its blocks."""
        for group in blocks.groups:
            if entries := group.entries & context.entries:
                total = self.count(group.block_count, context.indices)
                indices = all_indices(total)
                if blocks.axis:  # these guards are evaluated again in each of the blocks around
                    self._visit(len(group.guards) * min(total, MAX_EVALUATED_BLOCKS) // _GUARDS_PER_VISIT)
                for guard in group.guards:
                    indices &= indices_where(guard, blocks.axis, total, self.scope, context.indices)
                yield entries, indices

    def _build_classes(
        self,
        blocks: Blocks,
        members: list[tuple[EntrySet, IndexSet]],
        classes: list[IndexSet],
        context: BlockContext,
    ) -> Iterator[tuple[Layer, IndexSet]]:
        """The layer of each class of blocks that holds a tensor, with the indices of the blocks."""
        for indices in classes:
            entries = sum(entries for entries, holders in members if holders & indices)
            name, repeat = format_indices(indices), indices.bit_count()
            layer = self._build_layer(
                blocks.block, name, context.enter(first_index(indices), name, entries, repeat), repeat
            )
            if layer.tensors or layer.children:
                yield layer, indices

    def _find_classes(
        self, members: list[tuple[EntrySet, IndexSet]], keys: list[Expression], outer: tuple[int, ...]
    ) -> list[IndexSet]:
        """Sets of blocks with equal entries and keys, in the order of their first ones."""
        classes = [all_indices(max(indices.bit_length() for _, indices in members))]
        for holders in {indices for _, indices in members}:
            classes = [part for indices in classes for part in (indices & holders, indices & ~holders) if part]
        if keys:
            classes = [part for indices in classes for part in self._split_by_keys(indices, keys, outer)]
        return sorted(filter(None, classes), key=first_index)

    def _split_by_keys(self, indices: IndexSet, keys: list[Expression], outer: tuple[int, ...]) -> Iterator[IndexSet]:
        count = indices.bit_count()
        if count <= 1:
            yield indices
            return
        check_evaluated_blocks(count)
        self._visit(count)
        classes: dict[bytes, IndexSet] = {}
        for index in iterate(indices):
            values = [evaluate(expression, self.scope, (*outer, index)) for expression in keys]
            key = marshal.dumps(values, 2)  # where 1 and 1.0 differ
            classes[key] = classes.get(key, 0) | 1 << index
        yield from classes.values()

    def _build_tensors(self, node: Node, context: BlockContext) -> tuple[Tensor, ...]:
        """A layer's own tensors, made once for all layers that have equal ones."""
        group = node.tensor_group
        if group is None or group.entries & context.entries != group.entries:
            return tuple(
                [self._build_tensor(planned, context) for planned in node.tensors if planned.bit & context.entries]
            )
        key = group.number, context.indices[: group.index_depth]
        if (tensors := self._tensor_groups.get(key)) is None:
            tensors = self._tensor_groups[key] = tuple(
                [self._build_tensor(planned, context) for planned in node.tensors]
            )
        return tensors

    def _build_tensor(self, planned: PlannedTensor, context: BlockContext) -> Tensor:
        entry = planned.entry
        key = entry.shape, context.indices[: planned.index_depth]
        if (shape := self._shapes.get(key)) is None:
            lengths = [self._evaluate_length(length, entry, context.indices) for length in entry.shape]
            shape = self._shapes[key] = tuple(lengths)
        if entry.buffer:
            return Tensor(entry.steps[-1], shape, "buffer", entry.buffer, trainable=False)
        tied = "".join([self._name_tied_part(part, context) for part in entry.tied]) if entry.tied else ""
        tensor = Tensor(entry.steps[-1], shape, "weight", self.dtype, not entry.frozen, tied)
        if planned.purpose and not tied:
            self.weights.append(CountedWeight(planned.purpose, entry, tensor, context.copies))
        return tensor

    def _name_tied_part(self, part: str | int | Expression, context: BlockContext) -> str:
        """A part of a tied tensor's name: text, the name of the blocks of an axis, or an index that is computed."""
        if isinstance(part, str):
            return part
        return (
            context.names[part] if isinstance(part, int) else str(evaluate_integer(part, self.scope, context.indices))
        )

    def _evaluate_length(self, expression: Expression, entry: Entry, indices: tuple[int, ...]) -> int:
        """The length of one dimension. Raises Problems."""
        key = expression, indices[: expression.index_depth]
        if (length := self._lengths.get(key)) is None:
            length = evaluate_integer(expression, self.scope, indices)
            if length is None or length < 0:
                size = "not known" if length is None else length
                raise Problems([InvalidConfig(f"{entry.name} would have an axis {expression.text}, which is {size}")])
            self._lengths[key] = length
        return length


def _merge_equal(layers: Iterable[tuple[Layer, IndexSet]]) -> Iterator[tuple[Layer, IndexSet]]:
    """Make one layer of those with equal children and tensors, named by all their indices."""
    merged: dict[tuple[Any, ...], IndexSet] = {}
    for layer, indices in layers:
        content = layer.children, layer.tensors
        merged[content] = merged.get(content, 0) | indices
    for (children, tensors), indices in merged.items():
        yield Layer(format_indices(indices), "", None, children, tensors, repeat=indices.bit_count()), indices


def expand_tensors(
    layer: Layer, prefix: str = "", blocks: tuple[tuple[str, str], ...] = ()
) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a tree under its full name, each copy of a block by itself.

    `blocks` are those around the layer: the name that stands for several, and the name of the one.
    """
    for tensor in layer.tensors:
        yield prefix + tensor.name, tensor._replace(tied_to=_expand_tied(tensor.tied_to, blocks))
    for child in layer.children:
        for name in block_ranges.expand(child.name, child.repeat) if child.repeat > 1 else [child.name]:
            outer = (*blocks, (child.name, name)) if child.name[:1].isdigit() else blocks
            yield from expand_tensors(child, f"{prefix}{name}.", outer)


def _expand_tied(tied_to: str, blocks: Sequence[tuple[str, str]]) -> str:
    """The name of a tied tensor in one copy: a name of several blocks becomes that of the one at the same depth."""
    steps, depth = tied_to.split("."), 0
    for position, step in enumerate(steps):
        if step[:1].isdigit():
            if depth < len(blocks):
                folded, name = blocks[depth]
                steps[position] = name if step == folded else step
            depth += 1
    return ".".join(steps)

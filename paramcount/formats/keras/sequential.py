"""The graph of a Sequential model: its layers in line, or after branches that its first layer merges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.tensors import Dimensions


def find_free_name(name: str, names: set[str]) -> str:
    """Return `name`, with as many underscores that it is none of `names`."""
    while name in names:
        name += "_"
    return name


def chain(layers: Iterable[Layer], feed: Ref) -> tuple[Layer, ...]:
    """Return the layers, each called on the output of the one before, the first one on `feed`."""
    chained = []
    for layer in layers:
        chained.append(layer.with_calls((Call((feed,)),)))
        feed = Ref(layer.name)
    return tuple(chained)


def join_branches(
    model: Layer, branches: Sequence[tuple[Layer, list[Dimensions | None]]], merge: Layer, others: Sequence[Layer]
) -> Layer:
    """Return a Sequential of Keras 1 that begins with branches, each with the shapes of its own inputs, and a Merge."""
    names = {layer.name for layer in (merge, *others, *(branch for branch, _ in branches))}
    entries: list[str] = []
    stated: list[Dimensions | None] = []
    layers: list[Layer] = []
    for branch, shapes in branches:
        refs = [Ref(find_free_name(f"input_{len(entries) + index}", names)) for index in range(len(shapes))]
        entries += [ref.layer for ref in refs]
        stated += shapes
        layers.append(branch.with_calls((Call((refs[0] if len(refs) == 1 else refs,)),)))
    layers.append(merge.with_calls((Call(([Ref(branch.name) for branch, _ in branches],)),)))
    layers += chain(others, Ref(merge.name))
    return model._replace(children=tuple(layers), graph=Graph(tuple(entries), Ref(layers[-1].name), tuple(stated)))

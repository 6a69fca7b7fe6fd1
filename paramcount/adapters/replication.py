"""layer_replication: a model whose blocks stand in another order, some more than once and then with shared weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paramcount.model import block_ranges
from paramcount.model.errors import InvalidDocument, TooLarge
from paramcount.model.layers import Layer

_LISTS = (("layers",), ("encoder", "layer"), ("h",))
"""Where the blocks of a llama, a bert and a falcon stand (tuners/tuners_utils.py, replicate_layers)."""


def replicated(root: Layer, ranges: Sequence[Sequence[int]], most: int) -> Layer:
    """The model with the blocks of each range [first, end) one after the other, at most so many. Raises
    InvalidDocument or TooLarge."""
    if sum(max(end - first, 0) for first, end in ranges) > most:
        raise TooLarge(f"makes more than {most:,} blocks", "/layer_replication")
    path = _blocks(root)
    return _changed(root, path, "", [place for first, end in ranges for place in range(first, end)])


def _blocks(root: Layer) -> tuple[str, ...]:
    """The path of the blocks."""
    path: tuple[str, ...] = ()
    layer = root
    for name in ("model",) * 10 + ("bert",):
        if (inner := _child(layer, name)) is not None:
            layer, path = inner, (*path, name)
    for steps in _LISTS:
        found: Layer | None = layer
        for step in steps:
            found = found and _child(found, step)
        if found is not None:
            return (*path, *steps)
    raise InvalidDocument("finds no blocks called layers, encoder.layer or h", "/layer_replication", "no_match")


def _child(layer: Layer, name: str) -> Layer | None:
    return next((child for child in layer.children if child.name == name), None)


def _changed(layer: Layer, path: Sequence[str], at: str, order: list[int]) -> Layer:
    if not path:
        return layer._replace(children=tuple(_ordered(layer, at, order)))
    children = tuple(
        _changed(child, path[1:], f"{at}.{path[0]}".lstrip("."), order) if child.name == path[0] else child
        for child in layer.children
    )
    return layer._replace(children=children)


def _ordered(layer: Layer, at: str, order: list[int]) -> Iterator[Layer]:
    """The blocks in this order; those that are alike and stand there for the first time stay one."""
    sources = {int(name): child for child in layer.children for name in block_ranges.expand(child.name, 10**6)}
    first: dict[int, int] = {}
    alike: dict[int, list[int]] = {}
    shared: list[Layer] = []
    for place, source in enumerate(order):
        if source not in sources:
            detail = f"names block {source} of {at}, which has {len(sources):,}"
            raise InvalidDocument(detail, "/layer_replication", "no_match")
        if source in first:
            block = _tied(sources[source], f"{at}.{first[source]}")
            shared.append(block._replace(name=str(place), repeat=1))
        else:
            first[source] = place
            alike.setdefault(id(sources[source]), []).append(place)
    for child in layer.children:
        if places := alike.get(id(child)):
            yield child._replace(name=block_ranges.format(places), repeat=len(places))
    yield from shared


def _tied(layer: Layer, path: str) -> Layer:
    """A layer whose weights are those of another, at `path`."""
    tensors = tuple(
        tensor._replace(tied_to=tensor.tied_to or f"{path}.{tensor.name}") if tensor.role == "weight" else tensor
        for tensor in layer.tensors
    )
    return layer._replace(
        tensors=tensors, children=tuple(_tied(child, f"{path}.{child.name}") for child in layer.children)
    )

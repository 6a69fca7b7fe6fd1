"""layer_replication: a model whose blocks stand in another order, some more than once and then with shared weights."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from paramcount.model import block_ranges
from paramcount.model.errors import InvalidDocument, TooLarge
from paramcount.model.layers import Layer

_LISTS = (("layers",), ("encoder", "layer"), ("h",))
"""The paths of the blocks of a llama, a bert and a falcon (tuners/tuners_utils.py, replicate_layers)."""


def replicate_blocks(root: Layer, ranges: Sequence[Sequence[int]], max_copies: int) -> Layer:
    """Return the model with the blocks of each range [first, end), one range after the other.

    Raises InvalidDocument, or TooLarge for more than `max_copies` blocks.
    """
    if sum(max(end - first, 0) for first, end in ranges) > max_copies:
        raise TooLarge(f"makes more than {max_copies:,} blocks", "/layer_replication")
    order = [source for first, end in ranges for source in range(first, end)]
    return _replace_blocks(root, _find_list(root), "", order)


def _find_list(root: Layer) -> tuple[str, ...]:
    """Return the path of the list of blocks. Raises InvalidDocument."""
    path: tuple[str, ...] = ()
    layer = root
    while (inner := _find_child(layer, "model")) is not None:
        layer, path = inner, (*path, "model")
    if (inner := _find_child(layer, "bert")) is not None:
        layer, path = inner, (*path, "bert")
    for names in _LISTS:
        blocks: Layer | None = layer
        for name in names:
            blocks = blocks and _find_child(blocks, name)
        if blocks is not None:
            return (*path, *names)
    raise InvalidDocument("finds no blocks called layers, encoder.layer or h", "/layer_replication", "no_match")


def _find_child(layer: Layer, name: str) -> Layer | None:
    return next((child for child in layer.children if child.name == name), None)


def _replace_blocks(layer: Layer, steps: Sequence[str], path: str, order: list[int]) -> Layer:
    """Return a layer whose blocks, at `steps` from it, have this order; `path` is that of the layer."""
    if not steps:
        return layer._replace(children=tuple(_order_blocks(layer, path, order)))
    inner_path = f"{path}.{steps[0]}".lstrip(".")
    children = [
        _replace_blocks(child, steps[1:], inner_path, order) if child.name == steps[0] else child
        for child in layer.children
    ]
    return layer._replace(children=tuple(children))


def _order_blocks(layer: Layer, path: str, order: list[int]) -> Iterator[Layer]:
    """Yield the blocks in this order; equal blocks that come for the first time stay one layer."""
    sources = _find_sources(layer, set(order))
    first_use: dict[int, int] = {}  # source -> the index of the block that owns its weights
    indices: dict[int, list[int]] = {}  # id of a child -> the blocks that are it
    repeated: list[Layer] = []
    for index, source in enumerate(order):
        if source not in sources:
            detail = f"names block {source} of {path}, which has {sum(child.repeat for child in layer.children):,}"
            raise InvalidDocument(detail, "/layer_replication", "no_match")
        if source in first_use:
            block = _tie_weights(sources[source], f"{path}.{first_use[source]}")
            repeated.append(block._replace(name=str(index), repeat=1))
        else:
            first_use[source] = index
            indices.setdefault(id(sources[source]), []).append(index)
    for child in layer.children:
        if used := indices.get(id(child)):
            yield child._replace(name=block_ranges.format(used), repeat=len(used))
    yield from repeated


def _find_sources(layer: Layer, indices: set[int]) -> Mapping[int, Layer]:
    """Return the blocks of these indices that a list has. Its size does not matter: a block may be 10**12 copies."""
    runs = sorted(
        (first, last, number)
        for number, child in enumerate(layer.children)
        for first, last in block_ranges.parse(child.name)
    )
    starts = [first for first, _, _ in runs]
    sources = {}
    for index in indices:
        if (position := bisect_right(starts, index)) and index <= runs[position - 1][1]:
            sources[index] = layer.children[runs[position - 1][2]]
    return sources


def _tie_weights(layer: Layer, path: str) -> Layer:
    """Return a layer whose weights are those of another, at `path`."""
    tensors = [
        tensor._replace(tied_to=tensor.tied_to or f"{path}.{tensor.name}") if tensor.role == "weight" else tensor
        for tensor in layer.tensors
    ]
    children = [_tie_weights(child, f"{path}.{child.name}") for child in layer.children]
    return layer._replace(tensors=tuple(tensors), children=tuple(children))

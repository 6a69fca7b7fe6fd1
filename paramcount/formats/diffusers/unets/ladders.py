"""The way down of a UNet, which halves the picture after each block, and the way up, which takes what that one kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from paramcount.formats.diffusers.blocks import resampler, stack
from paramcount.formats.diffusers.values import Values
from paramcount.model.layers import Layer

Pairs = list[tuple[int, int]]
"""The widths that each layer of a block takes and makes."""

Block = Callable[[int, Pairs], Iterable[Layer]]
"""The modules of a block, by its position and the widths of its layers."""


def down_pairs(widths: Sequence[int], position: int, count: int) -> Pairs:
    width = widths[position]
    return [(widths[max(position - 1, 0)], width), *[(width, width)] * (count - 1)]


def up_pairs(upwards: Sequence[int], position: int, count: int) -> Pairs:
    """The widths of the layers of a block on the way up, each of which takes a layer of the way down too."""
    width, before = upwards[position], upwards[max(position - 1, 0)]
    kept = upwards[min(position + 1, len(upwards) - 1)]
    return [
        ((before if layer == 0 else width) + (kept if layer == count - 1 else width), width) for layer in range(count)
    ]


def read_transformers(values: Values, name: str, layers: Sequence[int], *, upwards: bool = False) -> list[list[int]]:
    """The numbers of blocks of each transformer of each block of so many layers.

    On the way up `reverse_{name}` states them, or they are those of the way down, which must not be lists then.
    """
    if upwards and values.get(f"reverse_{name}") is not None:
        return values.layer_lists(f"reverse_{name}", layers)
    if not upwards:
        return values.layer_lists(name, layers)
    downwards = values.layer_lists(name, layers[::-1], nested=False)
    return downwards[::-1]


def build_down(widths: Sequence[int], kinds: Sequence[str], counts: Sequence[int], block: Block) -> Layer:
    """The blocks on the way down, of so many layers."""
    pairs = [down_pairs(widths, position, count) for position, count in enumerate(counts)]
    return _build("down", widths, kinds, pairs, block)


def build_up(upwards: Sequence[int], kinds: Sequence[str], counts: Sequence[int], block: Block) -> Layer:
    """The blocks on the way up, of widths and of numbers of layers in this order."""
    pairs = [up_pairs(upwards, position, count) for position, count in enumerate(counts)]
    return _build("up", upwards, kinds, pairs, block)


def _build(way: str, widths: Sequence[int], kinds: Sequence[str], pairs: Sequence[Pairs], block: Block) -> Layer:
    layers = []
    for position, (kind, each) in enumerate(zip(kinds, pairs, strict=True)):
        children = [*block(position, each)]
        if position < len(widths) - 1:
            children.append(resampler(f"{way}samplers", widths[position]))
        layers.append(Layer("", kind, children=tuple(children)))
    return stack(f"{way}_blocks", layers)

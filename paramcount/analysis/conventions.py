"""One model as each convention counts it, item by item: each total is the sum of the items that it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from paramcount.model.report import Report, Row
from paramcount.model.tensors import UNKNOWN_SIZE, Tensor

View = Literal["torch", "keras", "stored", "state_dict", "unpacked"]

DEFINITIONS: Mapping[View, str] = {
    "torch": "weights: sum(p.numel() for p in model.parameters())",
    "keras": "weights and buffers: model.count_params()",
    "stored": "every element of a file, a tied tensor once, as safetensors writes it",
    "state_dict": "every element under every name, as model.state_dict() holds it",
    "unpacked": "weights, packed ones as the values that they stand for",
}

MAX_ITEMS = 20
"""How many items of a kind are told one by one."""

Kind = Literal["weight", "buffer", "tied", "packed", "unpacked"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Tied tensors are counted where they stand first; scales and zero points are no weights.
_COUNTED_BY: Mapping[Kind, tuple[View, ...]] = {
    "weight": ("torch", "keras", "stored", "state_dict", "unpacked"),
    "buffer": ("keras", "stored", "state_dict"),
    "tied": ("state_dict",),
    "packed": ("torch", "keras", "stored", "state_dict"),
    "unpacked": ("unpacked",),
}


class Item(NamedTuple):
    """Tensors that the same views count."""

    kind: Kind
    name: str
    tensors: int
    elements: int

    @property
    def counted_by(self) -> tuple[View, ...]:
        return _COUNTED_BY[self.kind]


@dataclass(frozen=True, slots=True)
class Views:
    """The total of each view, and the items that these are the sums of."""

    totals: Mapping[View, int]
    items: tuple[Item, ...]


def count_by_view(report: Report) -> Views:
    """The views of a report; `unpacked` only where there are packed weights and all of them are understood."""
    found: dict[tuple[Kind, str], tuple[int, int]] = {}
    known = True
    for tensor, times in _tensors(report.root):
        known &= tensor.logical_size != UNKNOWN_SIZE
        for kind, name, elements in _items(tensor):
            tensors, before = found.get((kind, name), (0, 0))
            found[kind, name] = tensors + times, before + elements * times
    items = tuple(_few([Item(*key, *counts) for key, counts in found.items()]))
    if not known:
        items = tuple(item for item in items if item.kind != "unpacked")
    told = [view for view in DEFINITIONS if view != "unpacked" or any(item.kind == "unpacked" for item in items)]
    return Views({view: sum(i.elements for i in items if view in i.counted_by) for view in told}, items)


def _tensors(root: Row) -> Iterator[tuple[Tensor, int]]:
    """Every tensor, and how many copies of it the model holds."""
    return ((tensor, copies) for row, copies in root.walk() for tensor in row.tensors)


def _items(tensor: Tensor) -> Iterator[tuple[Kind, str, int]]:
    """What a tensor is to the views: its kind, what it is told as, its elements."""
    name = tensor.name.rpartition(".")[2]
    if tensor.tied_to:
        yield "tied", tensor.tied_to, tensor.size
    elif tensor.role == "buffer":
        yield "buffer", name, tensor.size
    elif tensor.logical_size is not None:
        yield "packed", "packed weights", tensor.size
        yield "unpacked", "their values", max(0, tensor.logical_size)
    else:
        yield "weight", "weights", tensor.size


def _few(items: list[Item]) -> Iterator[Item]:
    """The items by kind, and of very many of a kind the largest, with the others as one."""
    for kind in _COUNTED_BY:
        ours = sorted((item for item in items if item.kind == kind), key=lambda item: -item.elements)
        yield from ours[:MAX_ITEMS]
        if more := ours[MAX_ITEMS:]:
            name = f"{len(more):,} others"
            yield Item(kind, name, sum(item.tensors for item in more), sum(item.elements for item in more))

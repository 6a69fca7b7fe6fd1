"""One model as each convention counts it, item by item: each total is the sum of the items that it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from paramcount.model.report import Report
from paramcount.model.tensors import UNKNOWN_SIZE, Tensor

View = Literal["torch", "keras", "stored", "state_dict", "unpacked"]

DEFINITIONS: Mapping[View, str] = {
    "torch": "weights: sum(p.numel() for p in model.parameters())",
    "keras": "weights and buffers: model.count_params()",
    "stored": "every element of a file, a tied tensor once, as safetensors writes it",
    "state_dict": "every element under every name, as model.state_dict() holds it",
    "unpacked": "weights, packed ones as the values that they stand for",
}

MAX_ITEMS_PER_KIND = 20
"""The items of a kind that are listed; all others share one."""

ItemKind = Literal["weight", "buffer", "tied", "packed", "unpacked"]
ITEM_KINDS: tuple[ItemKind, ...] = get_args(ItemKind)

# A tied tensor is counted under its first name; scales and zero points are no weights.
_COUNTED_BY: Mapping[ItemKind, tuple[View, ...]] = {
    "weight": ("torch", "keras", "stored", "state_dict", "unpacked"),
    "buffer": ("keras", "stored", "state_dict"),
    "tied": ("state_dict",),
    "packed": ("torch", "keras", "stored", "state_dict"),
    "unpacked": ("unpacked",),
}


class ViewItem(NamedTuple):
    """Tensors that the same views count."""

    kind: ItemKind
    name: str
    tensors: int
    elements: int

    @property
    def counted_by(self) -> tuple[View, ...]:
        """The views that count these tensors."""
        return _COUNTED_BY[self.kind]


@dataclass(frozen=True, slots=True)
class Views:
    """The total of each view, and the items that these are the sums of."""

    totals: Mapping[View, int]
    items: tuple[ViewItem, ...]


def count_by_view(report: Report) -> Views:
    """Count a report in each view; in `unpacked` only where there are packed weights and the size of all is known."""
    counts: dict[tuple[ItemKind, str], tuple[int, int]] = {}
    sizes_known = True
    for row, copies in report.root.walk():
        for tensor in row.tensors:
            sizes_known &= tensor.logical_size != UNKNOWN_SIZE
            for kind, name, elements in _classify(tensor):
                tensors_before, elements_before = counts.get((kind, name), (0, 0))
                counts[kind, name] = tensors_before + copies, elements_before + elements * copies
    items = [ViewItem(kind, name, tensors, elements) for (kind, name), (tensors, elements) in counts.items()]
    if not sizes_known:
        items = [item for item in items if item.kind != "unpacked"]
    has_unpacked = any(item.kind == "unpacked" for item in items)
    listed = tuple(_top_items(items))
    totals: dict[View, int] = {
        view: sum(item.elements for item in listed if view in item.counted_by)
        for view in DEFINITIONS
        if view != "unpacked" or has_unpacked
    }
    return Views(totals, listed)


def _classify(tensor: Tensor) -> Iterator[tuple[ItemKind, str, int]]:
    """Yield the items that a tensor belongs to: kind, name, its elements there."""
    name = tensor.name.rpartition(".")[2]
    if tensor.tied_to:
        yield "tied", tensor.tied_to, tensor.size
        return
    if tensor.role == "buffer":
        yield "buffer", name, tensor.size
    elif tensor.logical_size is None:
        yield "weight", "weights", tensor.size
    else:
        yield "packed", "packed weights" if tensor.logical_size else "their scales", tensor.size
    if tensor.logical_size:
        yield "unpacked", "their values", max(0, tensor.logical_size)


def _top_items(items: list[ViewItem]) -> Iterator[ViewItem]:
    """Yield the items by kind, the largest of each first; those above MAX_ITEMS_PER_KIND as one."""
    for kind in ITEM_KINDS:
        largest = sorted((item for item in items if item.kind == kind), key=lambda item: -item.elements)
        yield from largest[:MAX_ITEMS_PER_KIND]
        if others := largest[MAX_ITEMS_PER_KIND:]:
            tensors, elements = sum(item.tensors for item in others), sum(item.elements for item in others)
            yield ViewItem(kind, f"{len(others):,} others", tensors, elements)

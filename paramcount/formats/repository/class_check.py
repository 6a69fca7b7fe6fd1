"""Weights held against the class that their config builds: ties, buffers, and what only one of the two has."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from paramcount.counting.count import count
from paramcount.formats.named_tensors.tree import build_tree, list_tensors
from paramcount.model import block_ranges
from paramcount.model.document import Document
from paramcount.model.errors import Problems
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor

_MAX_PREFIXES = 3
"""The most prefixes of names that are tried."""

_MAX_TRIED_NAMES = 500
"""The most names by which a prefix is tried."""

_LEGACY_LEAVES = {"gamma": "weight", "beta": "bias"}
"""The names that transformers' layer norms had in TensorFlow, which it still reads."""

Rename = Callable[[str], str]


def check_class(document: Document, model: Document, class_name: str) -> Document:
    """Return a document of weights as the class loads them; `model` is what its config builds.

    Warns where the two differ; the count is not exact where the class has weights that are not there.
    """
    try:
        totals = count(model).root.totals
    except Problems:
        return document
    tensors = list_tensors(document.root)
    if any(tensor.logical_size is not None for tensor in tensors.values()):
        return document  # packed weights have other names and shapes than the class
    expected = totals.trainable + totals.frozen
    if not totals.frozen and expected == _sum_weights(tensors.values()):
        return document._replace(roles=model.roles)
    loaded = _match(tensors, model.root)
    present = sum(tensor.size for name, tensor in loaded.tensors.items() if _is_counted(tensor, name, loaded))
    total = _sum_weights(loaded.tensors.values())
    warnings: list[ReportWarning] = []
    if total != expected and present == expected:
        total = present
        loaded, warning = _leave_out(loaded, class_name)
        warnings.append(warning)
    elif total != expected:
        warnings.append(_differs(class_name, expected, total, present, loaded))
    roles = model.roles if total == expected else None
    return document._replace(
        root=build_tree(loaded.tensors), warnings=(*document.warnings, *warnings), roles=roles, counts=None
    )


class _Loaded(NamedTuple):
    """The tensors of a checkpoint as a class loads them, and the names that the class does not have in that shape."""

    tensors: dict[str, Tensor]
    unexpected: frozenset[str]


def _is_counted(tensor: Tensor, name: str, loaded: _Loaded) -> bool:
    return tensor.role == "weight" and not tensor.tied_to and name not in loaded.unexpected


def _sum_weights(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.size for tensor in tensors if tensor.role == "weight" and not tensor.tied_to)


def _match(tensors: Mapping[str, Tensor], root: Layer) -> _Loaded:
    """Return the tensors with the roles and ties that the class gives them."""
    tree = _ClassTree()
    some = list(tensors)[:: len(tensors) // _MAX_TRIED_NAMES + 1]
    rename = max(
        _renames(tensors, root), key=lambda each: sum(tree.find(root, each(name)) is not None for name in some)
    )
    loaded: dict[str, Tensor] = {}
    owners: dict[str, str] = {}  # the first name of each tied tensor, by the path of its owner in the class
    unexpected = set()
    for name, tensor in tensors.items():
        class_name = rename(name)
        expected = tree.find(root, class_name)
        if expected is None or expected.shape != tensor.shape:
            unexpected.add(name)
            loaded[name] = tensor
            continue
        owner = owners.setdefault(expected.tied_to or class_name, name)
        tied_to = tensor.tied_to or (owner if owner != name else "")
        trainable = tensor.trainable and expected.trainable
        loaded[name] = tensor._replace(role=expected.role, trainable=trainable, tied_to=tied_to)
    return _Loaded(loaded, frozenset(unexpected))


def _renames(tensors: Mapping[str, Tensor], root: Layer) -> list[Rename]:
    """Return the ways in which names of a checkpoint become names of a class: with a prefix more, or less."""
    firsts = Counter(name.partition(".")[0] for name in tensors).most_common(_MAX_PREFIXES)
    stripped = [f"{first}." for first, _ in firsts]
    added = [f"{child.name}." for child in root.children[:_MAX_PREFIXES]]
    return [
        lambda name: name,
        *(lambda name, prefix=prefix: name.removeprefix(prefix) for prefix in stripped),
        *(lambda name, prefix=prefix: prefix + name for prefix in added),
    ]


class _Children(NamedTuple):
    """The children of a layer by name, and those that stand for several blocks by their indices."""

    by_name: Mapping[str, Layer]
    firsts: list[int]
    blocks: list[tuple[int, Layer]]  # the last index of each range


class _ClassTree:
    """Finds tensors by name in a tree of layers whose equal blocks are one."""

    def __init__(self) -> None:
        self._children: dict[int, _Children] = {}

    def find(self, root: Layer, name: str) -> Tensor | None:
        """Return the tensor of that name below `root`."""
        *parts, leaf = name.split(".")
        layer: Layer | None = root
        for part in parts:
            layer = layer and self._child(layer, part)
        names = {leaf, _LEGACY_LEAVES.get(leaf, leaf)}
        return next((tensor for tensor in layer.tensors if tensor.name in names), None) if layer else None

    def _child(self, layer: Layer, name: str) -> Layer | None:
        children = self._children.get(id(layer))
        if children is None:
            children = self._children[id(layer)] = _index_children(layer)
        if (child := children.by_name.get(name)) or not (name.isdecimal() and len(name) <= 18):
            return child
        position = bisect_right(children.firsts, int(name)) - 1
        if position < 0:
            return None
        last, block = children.blocks[position]
        return block if int(name) <= last else None


def _index_children(layer: Layer) -> _Children:
    ranges = sorted(
        (first, last, position)
        for position, child in enumerate(layer.children)
        if child.repeat > 1
        for first, last in block_ranges.parse(child.name)
    )
    blocks = [(last, layer.children[position]) for _, last, position in ranges]
    by_name = {child.name: child for child in layer.children if child.repeat == 1}
    return _Children(by_name, [first for first, _, _ in ranges], blocks)


def _leave_out(loaded: _Loaded, class_name: str) -> tuple[_Loaded, ReportWarning]:
    """Return the tensors of which those that a class does not load are buffers, and the warning that says so."""
    names = sorted(loaded.unexpected)
    elements = sum(loaded.tensors[name].size for name in names)
    tensors = {
        name: tensor._replace(role="buffer") if name in loaded.unexpected else tensor
        for name, tensor in loaded.tensors.items()
    }
    detail = (
        f"{len(names):,} tensors ({_quote(names)}), {elements:,} elements, are not in {class_name}, which does not "
        "load them: they count as buffers"
    )
    return loaded._replace(tensors=tensors), ReportWarning("not_in_class", "", detail)


def _differs(class_name: str, expected: int, total: int, present: int, loaded: _Loaded) -> ReportWarning:
    detail = f"the config describes {expected:,} parameters ({class_name}), and the weights hold {total:,}"
    if loaded.unexpected:
        names = sorted(loaded.unexpected)
        detail += f"; {len(names):,} tensors are not in the class in that name and shape ({_quote(names)})"
    if present < expected:
        detail += f"; {expected - present:,} parameters of the class are in no tensor of that name"
    return ReportWarning("differs_from_config", "", f"{detail}: the weights are counted", exact=False)


def _quote(names: list[str]) -> str:
    listed = ", ".join(f'"{name[:100]}"' for name in names[:3])
    return f"{listed}, ..." if len(names) > 3 else listed

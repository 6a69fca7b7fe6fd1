"""A tree of layers from named tensors: "h.0.attn.weight" is in h, 0, attn; equal blocks become one layer."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from paramcount.model import block_ranges
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

MAX_LEVELS = 90
"""The most layers that one name makes; the rest of a deeper name stays in one piece. It fits Limits.max_depth."""


_TO_FIRST_INDEX = re.compile(r"(?:.*?\.)??[0-9]+\.", re.DOTALL)
"""The beginning of a name, up to its first index and the dot after it."""


class NameRun(NamedTuple):
    """Consecutive tensors and their names: whole names, or what follows a common prefix."""

    names: tuple[str, ...]
    tensors: tuple[Tensor, ...]


_NO_RUN = NameRun((), ())


def build_tree(tensors: Mapping[str, Tensor], name: str = "") -> Layer:
    """Return the layers that hold the tensors, each of which is given by its full dotted name."""
    root = _Branch()
    branches: dict[str, _Branch] = {"": root}
    for prefix, run in _split_into_runs(tensors):
        if prefix:
            stem, _, index = prefix[:-1].rpartition(".")
            _branch(stem, branches).child(index).runs.append(run)
        else:
            _put_all(run, branches)
    return _fold(root, {})._replace(name=name)


def _split_into_runs(tensors: Mapping[str, Tensor]) -> list[tuple[str, NameRun]]:
    """Return the tensors in order, as (prefix, run): in one run those whose names begin with one first index.

    The prefix of a name without an index is "". If any name needs splitting, all tensors are one run without a prefix.
    """
    paths, values = tuple(tensors), tuple(tensors.values())
    runs: list[tuple[str, NameRun]] = []
    interned: dict[NameRun, NameRun] = {}  # equal runs are one object
    run = _NO_RUN
    splitting = False
    end = 0
    while (start := end) < len(paths):
        match = _TO_FIRST_INDEX.match(paths[start])
        prefix = match[0] if match else ""
        names = run.names
        end = start + len(names)
        if start == end or paths[start:end] != tuple([prefix + name for name in names]):  # most are as the one before
            end = start + 1
            while prefix and end < len(paths) and paths[end].startswith(prefix):
                end += 1
            names = tuple([path[len(prefix) :] for path in paths[start:end]])
            splitting = any(map(_needs_splitting, names))
        if splitting or _needs_splitting(prefix):
            return [("", NameRun(paths, values))]
        if run != (this_run := NameRun(names, values[start:end])):
            run = interned.setdefault(this_run, this_run)
        runs.append((prefix, run))
    return runs


def _needs_splitting(name: str) -> bool:
    """Return whether a name, or a part of one, must go through `_split`: it is deep, or has an empty component."""
    return ".." in name or name[:1] == "." or name.count(".") > MAX_LEVELS // 2


def _put_all(run: NameRun, branches: dict[str, _Branch]) -> None:
    for name, tensor in zip(run.names, run.tensors, strict=True):
        _put(name, tensor, branches)


def _put(name: str, tensor: Tensor, branches: dict[str, _Branch]) -> None:
    """Put a tensor below `branches[""]`, where its name says."""
    prefix, _, leaf = name.rpartition(".")
    if _needs_splitting(name):
        *components, leaf = _split(name)
        branch = branches[""].descend(components)
    else:
        branch = _branch(prefix, branches)
    branch.tensors.append(tensor.with_name(leaf))


def list_tensors(root: Layer) -> dict[str, Tensor]:
    """Return the tensors of a tree that `build_tree` made, by their full names."""
    tensors: dict[str, Tensor] = {}
    pending = [("", root)]
    while pending:
        prefix, layer = pending.pop()
        tensors |= {prefix + tensor.name: tensor for tensor in layer.tensors}
        for child in reversed(layer.children):
            names = block_ranges.expand(child.name, child.repeat) if child.repeat > 1 else [child.name]
            pending += [(f"{prefix}{name}.", child) for name in reversed(names)]
    return tensors


def count_buffers(root: Layer) -> int:
    """Return the number of elements of all buffers in a tree; a block's copies are not listed, however many."""
    direct = sum(tensor.size for tensor in root.tensors if tensor.role == "buffer")
    return root.repeat * (direct + sum(map(count_buffers, root.children)))


class _Branch:
    __slots__ = ("children", "runs", "tensors")

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.runs: list[NameRun] = []  # of an index: everything below it
        self.children: dict[str, _Branch] | None = None

    def child(self, name: str) -> _Branch:
        """Return the child of that name, made if it is new."""
        if self.children is None:
            self.children = {}
        if (child := self.children.get(name)) is None:
            child = self.children[name] = _Branch()
        return child

    def descend(self, names: Iterable[str]) -> _Branch:
        """Return the branch at the end of these names, one below the other."""
        branch = self
        for name in names:
            branch = branch.child(name)
        return branch


def _branch(prefix: str, branches: dict[str, _Branch]) -> _Branch:
    """Return the branch at a dotted prefix, made if it is new."""
    branch = branches.get(prefix)
    return _grow(prefix, branches) if branch is None else branch


def _grow(prefix: str, branches: dict[str, _Branch]) -> _Branch:
    """Make the branch at a dotted prefix, and those above it that are missing."""
    missing: list[str] = []
    path = prefix
    while (branch := branches.get(path)) is None:
        path, _, name = path.rpartition(".")
        missing.append(name)
    for name in reversed(missing):
        branch = branch.child(name)
        path = f"{path}.{name}" if path else name
        branches[path] = branch
    return branch


def _split(name: str) -> list[str]:
    """Return the components of a tensor's name, at most MAX_LEVELS + 1.

    An empty component's dot goes to the next one: a layer without a name would have its parent's path.
    """
    *components, leaf = name.split(".", MAX_LEVELS)
    names: list[str] = []
    dots = ""
    for component in components:
        if component:
            names.append(dots + component)
            dots = ""
        else:
            dots += "."
    return [*names, dots + leaf]


_NO_CHILDREN: Mapping[str, _Branch] = {}


def _fold(branch: _Branch, interned: dict[object, Layer]) -> Layer:
    """Return the layer, without a name, that a branch makes. Equal branches make one object, kept in `interned`: so
    comparing two of them costs nothing."""
    run_ids = tuple(map(id, branch.runs))
    if run_ids and (layer := interned.get(run_ids)):
        return layer
    branches = {"": branch}
    for run in branch.runs:
        _put_all(run, branches)
    # The names of equal children, by the id of their layer, and by name if that is no index.
    groups: dict[tuple[int, str], list[str]] = {}
    layers: dict[int, Layer] = {}  # by id
    for name, child in (branch.children or _NO_CHILDREN).items():
        layer = _fold(child, interned)
        layers[id(layer)] = layer
        kind = id(layer), "" if is_index(name) else name
        if kind in groups:
            groups[kind].append(name)
        else:
            groups[kind] = [name]
    tensors = branch.tensors
    key: tuple[object, ...] = tuple(tensors if len(tensors) < 2 else sorted(tensors))
    if groups:
        key += tuple(sorted([(layer_id, name) for (layer_id, _), names in groups.items() for name in names]))
    if (folded := interned.get(key)) is None:
        children = [
            child_layer
            for (layer_id, _), names in groups.items()
            for child_layer in name_layers(names, layers[layer_id], branch.children or _NO_CHILDREN)
        ]
        folded = interned[key] = Layer("", "", tensors=tuple(tensors), children=tuple(children))
    if run_ids:
        interned[run_ids] = folded
    return folded


def name_layers(names: list[str], layer: Layer, taken: Container[str]) -> Iterator[Layer]:
    """Yield one layer for equal blocks; one for each block if another child has their common name."""
    if len(names) > 1 and (name := block_ranges.format(sorted(map(int, names)))) not in taken:
        yield layer._replace(name=name, repeat=len(names))
    else:
        for name in names:
            yield Layer(name, layer.type, children=layer.children, tensors=layer.tensors)


def is_index(name: str) -> bool:
    """Return whether a name is a number as Python writes it."""
    return name.isdecimal() and name.isascii() and len(name) <= 18 and (name[0] != "0" or name == "0")

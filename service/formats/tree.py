"""Named tensors to a tree of layers: "h.0.attn.weight" stands in h, in 0, in attn; blocks that are alike become one."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from service.model import Layer, Tensor
from service.repeats import joined

DEEPEST = 90
"""How many levels a name makes; the rest of a deeper one stays in one piece."""


_INDEXED = re.compile(r"(?:(.*?)\.)??([0-9]+)\.(.*)", re.DOTALL)
"""A name by its first index: what is before, the index, what is beneath."""


def tree(tensors: Iterable[Tensor], name: str = "") -> Layer:
    """The layers that tensors, each with its full dotted name, stand in."""
    tensors = list(tensors)
    root = _Branch()
    known: dict[str, _Branch] = {"": root}
    odd = any(_is_odd(tensor.name) for tensor in tensors)  # pieces of such a name may meet those of another anywhere
    indexed: dict[tuple[str, str], list[tuple[str, Tensor]]] = {}
    for tensor in tensors:
        found = None if odd else _INDEXED.fullmatch(tensor.name)
        if found is None:
            _put(tensor.name, tensor, known)
            continue
        stem, index, rest = found.groups("")
        if (stem, index) not in indexed:
            indexed[stem, index] = []
            _at(stem, known).step(index)  # here, in the order of the document
        indexed[stem, index].append((rest, tensor))
    _plant(indexed, known)
    return _folded(root, {})._replace(name=name)


def _is_odd(name: str) -> bool:
    return ".." in name or name[:1] == "." or name.count(".") > DEEPEST


def _plant(indexed: Mapping[tuple[str, str], Sequence[tuple[str, Tensor]]], known: dict[str, _Branch]) -> None:
    """Grow what is beneath the indices. Nearly all blocks are as another is: those share what grows."""
    grown: dict[object, _Branch] = {}
    for (stem, index), members in indexed.items():
        essence = tuple([(name, tensor[1:]) for name, tensor in members])
        if (branch := grown.get(essence)) is None:
            branch = grown[essence] = _Branch()
            below = {"": branch}
            for name, tensor in members:
                _put(name, tensor, below)
        branches = known[stem].branches
        assert branches is not None
        branches[index] = branch


def _put(name: str, tensor: Tensor, known: dict[str, _Branch]) -> None:
    """A tensor where its name says, beneath `known[""]`."""
    prefix, _, leaf = name.rpartition(".")
    if _is_odd(name):
        *steps, leaf = _pieces(name)
        branch = known[""].at(steps)
    else:
        branch = _at(prefix, known)
    branch.tensors.append(Tensor._make((leaf, *tensor[1:])))


class _Branch:
    __slots__ = ("branches", "layer", "tensors")

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.branches: dict[str, _Branch] | None = None
        self.layer: Layer | None = None  # what it is folded to

    def step(self, name: str) -> _Branch:
        """The branch beneath, grown where it is not there yet."""
        if self.branches is None:
            self.branches = {}
        if (found := self.branches.get(name)) is None:
            found = self.branches[name] = _Branch()
        return found

    def at(self, steps: Iterable[str]) -> _Branch:
        found = self
        for name in steps:
            found = found.step(name)
        return found


def _at(prefix: str, known: dict[str, _Branch]) -> _Branch:
    """The branch at a prefix."""
    found = known.get(prefix)
    return _grow(prefix, known) if found is None else found


def _grow(prefix: str, known: dict[str, _Branch]) -> _Branch:
    """The branch at a prefix, and those that it stands on."""
    steps: list[str] = []
    at = prefix
    while (found := known.get(at)) is None:
        at, _, name = at.rpartition(".")
        steps.append(name)
    for name in reversed(steps):
        found = found.step(name)
        at = f"{at}.{name}" if at else name
        known[at] = found
    return found


def _pieces(name: str) -> list[str]:
    """The steps to a tensor, and its own name last. A dot with nothing before it belongs to what follows it: a layer
    without a name would have its parent's path."""
    *steps, leaf = name.split(".", DEEPEST)
    found: list[str] = []
    dots = ""
    for step in steps:
        if step:
            found.append(dots + step)
            dots = ""
        else:
            dots += "."
    return [*found, dots + leaf]


_NONE: Mapping[str, _Branch] = {}


def _folded(branch: _Branch, bodies: dict[object, Layer]) -> Layer:
    """The layer, without a name, that a branch makes. Branches that are alike make one and the same object, which
    `bodies` keeps: so comparing two of them costs nothing."""
    if branch.layer is not None:
        return branch.layer
    alike: dict[tuple[int, str], list[str]] = {}
    beneath: dict[int, Layer] = {}
    for name, below in (branch.branches or _NONE).items():
        body = _folded(below, bodies)
        beneath[id(body)] = body
        kind = id(body), "" if _is_index(name) else name
        if kind in alike:
            alike[kind].append(name)
        else:
            alike[kind] = [name]
    own = branch.tensors
    essence: tuple[object, ...] = tuple(own if len(own) < 2 else sorted(own))
    if alike:
        essence += tuple(sorted([(body, name) for (body, _), names in alike.items() for name in names]))
    if (found := bodies.get(essence)) is None:
        children = [
            layer
            for (body, _), names in alike.items()
            for layer in _layers(names, beneath[body], branch.branches or _NONE)
        ]
        found = bodies[essence] = Layer("", "", tensors=tuple(own), children=tuple(children))
    branch.layer = found
    return found


def _layers(names: list[str], body: Layer, taken: Container[str]) -> Iterator[Layer]:
    """One layer for blocks that are alike; one for each where another has their common name already."""
    if len(names) > 1 and (name := joined(sorted(map(int, names)))) not in taken:
        yield body._replace(name=name, repeat=len(names))
    else:
        for name in names:
            yield Layer(name, "", children=body.children, tensors=body.tensors)


def _is_index(name: str) -> bool:
    return name.isdecimal() and name.isascii() and len(name) <= 18 and (name[0] != "0" or name == "0")

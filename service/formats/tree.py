"""Named tensors to a tree of layers: "h.0.attn.weight" stands in h, in 0, in attn; blocks that are alike become one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from service.model import Layer, Tensor
from service.repeats import joined

DEEPEST = 90
"""How many levels a name makes; the rest of a deeper one stays in one piece."""


def tree(tensors: Iterable[Tensor], name: str = "") -> Layer:
    """The layers that tensors, each with its full dotted name, stand in."""
    root = _Branch()
    known: dict[str, _Branch] = {"": root}
    for tensor in tensors:
        full = tensor.name
        prefix, _, leaf = full.rpartition(".")
        if ".." in full or full[:1] == "." or ((branch := known.get(prefix)) is None and full.count(".") > DEEPEST):
            *steps, leaf = _pieces(full)
            branch = root.at(steps)
        elif branch is None:
            branch = _grow(prefix, known)
        branch.tensors.append(Tensor._make((leaf, *tensor[1:])))
    bodies: dict[object, Layer] = {}
    return _folded(root, bodies)._replace(name=name)


class _Branch:
    __slots__ = ("branches", "tensors")

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.branches: dict[str, _Branch] | None = None

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

"""Named tensors to a tree of layers: "h.0.attn.weight" stands in h, in 0, in attn; blocks that are alike become one."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping

from paramcount.model import block_ranges
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

DEEPEST = 90
"""How many levels a name makes; the rest of a deeper one stays in one piece."""


_INDEXED = re.compile(r"(?:.*?\.)??[0-9]+\.", re.DOTALL)
"""What of a name is before and with its first index."""

_Run = tuple[tuple[str, ...], tuple[Tensor, ...]]
"""Some names, and the tensors of those names."""


def tree(tensors: Mapping[str, Tensor], name: str = "") -> Layer:
    """The layers that tensors stand in, each by its full dotted name; what it calls itself does not matter."""
    root = _Branch()
    known: dict[str, _Branch] = {"": root}
    for prefix, run in _runs(tensors):
        if prefix:
            stem, _, index = prefix[:-1].rpartition(".")
            _at(stem, known).step(index).runs.append(run)
        else:
            _put_all(run, known)
    return _folded(root, {})._replace(name=name)


def _runs(tensors: Mapping[str, Tensor]) -> list[tuple[str, _Run]]:
    """The tensors in their order, those together that stand together beneath one index: all up to that and its dot, and
    what follows. A name without an index has no such prefix; all are taken for such if one is odd."""
    paths, values = tuple(tensors), tuple(tensors.values())
    runs: list[tuple[str, _Run]] = []
    alike: dict[_Run, _Run] = {}  # those that are alike are one object
    run: _Run = (), ()
    end = 0
    while (start := end) < len(paths):
        found = _INDEXED.match(paths[start])
        prefix = found[0] if found else ""
        names = run[0]
        end = start + len(names)
        if start == end or paths[start:end] != tuple([prefix + name for name in names]):  # most are as the one before
            end = start + 1
            while prefix and end < len(paths) and paths[end].startswith(prefix):
                end += 1
            names = tuple([path[len(prefix) :] for path in paths[start:end]])
            odd = any(map(_is_odd, names))
        if odd or _is_odd(prefix):
            return [("", (paths, values))]
        if run != (own := (names, values[start:end])):
            run = alike.setdefault(own, own)
        runs.append((prefix, run))
    return runs


def _is_odd(name: str) -> bool:
    """Whether the pieces of a name, or of one that begins or ends so, may meet those of any other."""
    return ".." in name or name[:1] == "." or name.count(".") > DEEPEST // 2


def _put_all(run: _Run, known: dict[str, _Branch]) -> None:
    for name, tensor in zip(*run, strict=True):
        _put(name, tensor, known)


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
    __slots__ = ("branches", "runs", "tensors")

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.runs: list[_Run] = []  # of an index: all that is beneath
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
    runs = tuple(map(id, branch.runs))
    if runs and (found := bodies.get(runs)):
        return found
    known = {"": branch}
    for run in branch.runs:
        _put_all(run, known)
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
    if runs:
        bodies[runs] = found
    return found


def _layers(names: list[str], body: Layer, taken: Container[str]) -> Iterator[Layer]:
    """One layer for blocks that are alike; one for each where another has their common name already."""
    if len(names) > 1 and (name := block_ranges.format(sorted(map(int, names)))) not in taken:
        yield body._replace(name=name, repeat=len(names))
    else:
        for name in names:
            yield Layer(name, "", children=body.children, tensors=body.tensors)


def _is_index(name: str) -> bool:
    return name.isdecimal() and name.isascii() and len(name) <= 18 and (name[0] != "0" or name == "0")

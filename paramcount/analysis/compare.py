"""Two reports side by side: what was added, removed, resized, renamed, frozen; matched by path, else by shape."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from paramcount.model import block_ranges
from paramcount.model.errors import TooLarge
from paramcount.model.report import Report, Row
from paramcount.model.tensors import Convention, Tensor, Totals

MAX_MATCH_STEPS = 2_000_000
"""How many pairs of layers one comparison may look at."""

Likeness = Literal["name and shape", "shape", "name and layout", "layout"]
"""In what two layers of other paths are alike; of another layout are the axes of what is the same."""

Kind = Literal["added", "removed", "renamed", "resized", "frozen", "unfrozen", "tied", "untied", "converted"]


class Change(NamedTuple):
    """What became of a layer (of all that is beneath it too, where it was added or removed)."""

    path: str  # where it is now; of one that is gone, where it was
    was: str  # where it was, if it is a renamed one
    type: str
    kinds: dict[Kind, int]  # each with the elements that it concerns; of `resized`, how many there are more
    before: Totals
    after: Totals
    detail: str = ""
    tensors: Mapping[str, int] = {}  # of `resized`: the elements that there are more, by the tensor's name


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports and what is different, in one convention; the changes add up to the difference of the totals."""

    before: Report
    after: Report
    convention: Convention
    changes: tuple[Change, ...]


class _Part(NamedTuple):
    """A layer at a place: `copies` of it in one parent, `times` in the model."""

    row: Row
    path: str
    copies: int
    times: int

    def beneath(self, row: Row, name: str, copies: int) -> _Part:
        path = f"{self.path}.{name}" if self.path else name
        return _Part(row, path, copies, self.times * copies)

    @property
    def own(self) -> Totals:
        return self.row.own_totals * self.times

    @property
    def all(self) -> Totals:
        return self.row.totals // self.row.repeat * self.times


@dataclass(slots=True)
class _Lost:
    """A layer that the other report has nothing for by its path, and those in it that own tensors."""

    part: _Part
    owners: list[_Part]
    matched: set[int] = field(default_factory=set)


def compare(before: Report, after: Report) -> Comparison:
    """What is different in `after`. Where the conventions differ, both are counted as Keras counts.

    Raises TooLarge.
    """
    walk = _Walk()
    walk.pair(_Part(before.root, "", 1, 1), _Part(after.root, "", 1, 1))
    walk.rename("name and shape")
    walk.rename("shape")
    if before.framework != after.framework:  # which each have axes in an order of their own
        walk.rename("name and layout")
        walk.rename("layout")
    changes = [*walk.changes, *walk.left(walk.removed, "removed"), *walk.left(walk.added, "added")]
    convention = before.convention if before.convention == after.convention else "keras"
    return Comparison(before, after, convention, tuple(changes))


class _Walk:
    def __init__(self) -> None:
        self.steps = 0
        self.changes: list[Change] = []
        self.removed: list[_Lost] = []
        self.added: list[_Lost] = []

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_MATCH_STEPS:
            raise TooLarge(
                f"differ in more than the {MAX_MATCH_STEPS:,} pairs of layers that one comparison may look at"
            )

    def pair(self, before: _Part, after: _Part) -> None:
        """Compare what two layers own, and whatever is beneath both."""
        self._step()
        if change := _change(before, after):
            self.changes.append(change)
        for old, new in _matched(before, after):
            self._step()
            if old and new:
                self.pair(old, new)
            elif old:
                self.removed.append(_Lost(old, list(self._owners(old))))
            elif new:
                self.added.append(_Lost(new, list(self._owners(new))))

    def _owners(self, part: _Part) -> Iterator[_Part]:
        self._step()
        if part.row.tensors:
            yield part
        for child in part.row.children:
            yield from self._owners(part.beneath(child, child.name, child.repeat))

    def rename(self, alike: Likeness) -> None:
        """Match what is gone with what is new, in order."""
        waiting: dict[Hashable, deque[tuple[_Lost, int]]] = defaultdict(deque)
        for lost in self.added:
            for index in _open(lost):
                waiting[_likeness(lost.owners[index], alike)].append((lost, index))
        for lost in self.removed:
            for index in _open(lost):
                if found := waiting.get(_likeness(lost.owners[index], alike)):
                    new, place = found.popleft()
                    lost.matched.add(index)
                    new.matched.add(place)
                    change = _change(lost.owners[index], new.owners[place], alike)
                    assert change
                    self.changes.append(change)

    @staticmethod
    def left(losses: Iterable[_Lost], kind: Literal["added", "removed"]) -> Iterator[Change]:
        """What has no match: a layer with all that is beneath, where none of that has one either."""
        for lost in losses:
            whole = not lost.matched
            parts = [lost.part] if whole else [lost.owners[index] for index in _open(lost)]
            for part in parts:
                totals = part.all if whole else part.own
                size = totals.trainable + totals.frozen + totals.buffers
                sides = (Totals(), totals) if kind == "added" else (totals, Totals())
                if lost.owners:
                    yield Change(part.path, "", part.row.type, {kind: size}, *sides)


def _open(lost: _Lost) -> list[int]:
    return [index for index in range(len(lost.owners)) if index not in lost.matched]


def _likeness(part: _Part, alike: Likeness) -> Hashable:
    tensors = part.row.tensors
    name = part.path.rpartition(".")[2] if alike.startswith("name") else ""
    if alike.endswith("shape"):
        return part.times, tuple((tensor.shape, tensor.role) for tensor in tensors), name
    # The kernels, which one layer has in any framework; where there are none, the vectors.
    shapes = [_layout(tensor) for tensor in tensors]
    rank = 2 if any(len(shape) > 1 for shape in shapes) else 1
    return part.times, tuple(sorted(shape for shape in shapes if len(shape) >= rank)), name


def _layout(tensor: Tensor) -> tuple[int, ...]:
    """A shape in whatever order of axes."""
    return tuple(sorted(tensor.shape))


def _matched(before: _Part, after: _Part) -> Iterator[tuple[_Part | None, _Part | None]]:
    """The children of two layers, side by side: by name, blocks by their indices, however these are folded."""
    old, new = _Children(before.row.children), _Children(after.row.children)
    for name in dict.fromkeys((*old.named, *new.named)):
        pair = old.named.get(name), new.named.get(name)
        yield _side(before, pair[0], name), _side(after, pair[1], name)
    runs: dict[tuple[int, int], tuple[Row | None, Row | None, list[tuple[int, int]]]] = {}
    for (first, left), (end, _) in pairwise(_sweep(old.blocks, new.blocks)):
        if any(left):
            runs.setdefault((id(left[0]), id(left[1])), (*left, []))[2].append((first, end - 1))
    for one, other, spans in runs.values():
        name = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
        copies = sum(last - first + 1 for first, last in spans)
        yield _side(before, one, name, copies), _side(after, other, name, copies)


def _side(parent: _Part, row: Row | None, name: str, copies: int = 0) -> _Part | None:
    return row and parent.beneath(row, name, copies or row.repeat)


class _Children:
    """Layers by name, and blocks by the indices that they have."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.blocks: list[tuple[int, int, Row]] = []
        self.named: dict[str, Row] = {}
        for row in rows:
            spans = block_ranges.parse(row.name)
            if spans and sum(last - first + 1 for first, last in spans) == row.repeat:
                self.blocks += [(*span, row) for span in spans]
            else:
                self.named[row.name] = row
        self.blocks.sort(key=lambda block: block[:2])
        if any(one[1] >= other[0] for one, other in pairwise(self.blocks)):  # no two are the same block
            self.named, self.blocks = {row.name: row for row in rows}, []


def _sweep(
    old: list[tuple[int, int, Row]], new: list[tuple[int, int, Row]]
) -> Iterator[tuple[int, tuple[Row | None, Row | None]]]:
    """From which index on the two sides have which blocks."""
    events: dict[int, list[Row | Literal["same"] | None]] = {}
    for side, blocks in enumerate((old, new)):
        for first, last, row in blocks:
            events.setdefault(first, ["same", "same"])[side] = row
            end = events.setdefault(last + 1, ["same", "same"])
            if end[side] == "same":
                end[side] = None
    here: list[Row | None] = [None, None]
    for index in sorted(events):
        for side, found in enumerate(events[index]):
            if found != "same":
                here[side] = found
        yield index, (here[0], here[1])


def _change(before: _Part, after: _Part, alike: Likeness | None = None) -> Change | None:
    """What became of the tensors that two matched layers own; None where nothing did."""
    kinds: dict[Kind, int] = defaultdict(int)
    tensors: dict[str, int] = defaultdict(int)
    old, new = before.own, after.own
    if alike:
        kinds["renamed"] = _size(new)
    details = []
    for one, other in _tensor_pairs(before.row.tensors, after.row.tensors, alike):
        if more := _counted(other) * after.times - _counted(one) * before.times:
            tensors[(other or one or _NOTHING).name] += more
        if one is None or other is None or _differ(one, other, alike):
            details.append(f"{(other or one or _NOTHING).name} {_shape(one)} → {_shape(other)}")
        if one and other:
            for kind in _fates(one, other):
                kinds[kind] += other.size * min(before.times, after.times)
    if details or (before.times != after.times and (before.row.tensors or after.row.tensors)):
        kinds["resized"] = _size(new) - _size(old)
        details += [f"{before.times:,} → {after.times:,} copies"] * (before.times != after.times)
    if not kinds:
        return None
    was = before.path if alike else ""
    resized = dict(tensors) if "resized" in kinds else {}
    return Change(after.path, was, after.row.type, dict(kinds), old, new, "; ".join(details), resized)


def _counted(tensor: Tensor | None) -> int:
    """The elements of a tensor that are counted where it stands."""
    return 0 if tensor is None or tensor.tied_to else tensor.size


def _differ(one: Tensor, other: Tensor, alike: Likeness | None) -> bool:
    return _layout(one) != _layout(other) if alike and alike.endswith("layout") else one.shape != other.shape


_NOTHING = Tensor("", ())


def _fates(one: Tensor, other: Tensor) -> Iterator[Kind]:
    if bool(one.tied_to) != bool(other.tied_to):
        yield "tied" if other.tied_to else "untied"
    if one.dtype != other.dtype:
        yield "converted"
    if one.trainable != other.trainable and one.role == other.role and not other.tied_to:
        yield "unfrozen" if other.trainable else "frozen"


def _tensor_pairs(
    before: Sequence[Tensor], after: Sequence[Tensor], alike: Likeness | None
) -> Iterator[tuple[Tensor | None, Tensor | None]]:
    """The tensors of two layers, side by side; those of another framework by their roles and layouts, in order."""
    if alike and alike.endswith("shape"):
        yield from zip(before, after, strict=True)
        return
    old, new = (dict(_keyed(tensors, alike)) for tensors in (before, after))
    for key in dict.fromkeys((*old, *new)):
        yield old.get(key), new.get(key)


def _keyed(tensors: Sequence[Tensor], alike: Likeness | None) -> Iterator[tuple[Hashable, Tensor]]:
    seen: Counter[Hashable] = Counter()
    for tensor in tensors:
        key: Hashable = (tensor.role, _layout(tensor)) if alike else tensor.name
        seen[key] += 1
        yield (key, seen[key]), tensor


def _shape(tensor: Tensor | None) -> str:
    return "nothing" if tensor is None else "×".join(map(str, tensor.shape)) or "1"


def _size(totals: Totals) -> int:
    return totals.trainable + totals.frozen + totals.buffers

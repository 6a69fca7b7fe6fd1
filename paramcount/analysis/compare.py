"""Two reports side by side: what was added, removed, resized, renamed, frozen; matched by path, else by shape."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from paramcount.model import block_ranges
from paramcount.model.errors import Problems, TooLarge
from paramcount.model.report import Report, Row
from paramcount.model.tensors import Convention, Tensor, Totals

MAX_MATCH_STEPS = 2_000_000
"""The pairs of layers that one comparison may look at."""

ChangeKind = Literal["added", "removed", "renamed", "resized", "frozen", "unfrozen", "tied", "untied", "converted"]


MatchedBy = Literal["name_and_shape", "shape_and_order"]
"""The properties by which two layers of different paths were taken for one; the second is a guess."""


class Change(NamedTuple):
    """The change of one layer; an added or removed one includes all its children."""

    path: str  # in the second report; of a removed layer, in the first
    was: str  # the path in the first report, where it was renamed
    type: str
    kinds: dict[ChangeKind, int]  # each with the elements that it concerns; of `resized`, how many there are more
    before: Totals
    after: Totals
    detail: str = ""
    tensors: Mapping[str, int] = {}  # of `resized`: the elements that there are more, by the tensor's name
    matched_by: MatchedBy | None = None  # of `renamed`


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports and their changes, in one convention; the changes add up to the difference of the totals."""

    before: Report
    after: Report
    convention: Convention
    changes: tuple[Change, ...]


class MatchLevel(NamedTuple):
    """The properties that two layers of different paths must share to be one renamed layer, beside their copies."""

    by_name: bool  # the last component of the path
    by_layout: bool  # only the kernels' shapes, in whatever order of axes; else every tensor's shape and role

    @property
    def matched_by(self) -> MatchedBy:
        """The match in the contract's words."""
        return "name_and_shape" if self.by_name else "shape_and_order"


_MATCH_LEVELS = (MatchLevel(by_name=True, by_layout=False), MatchLevel(by_name=False, by_layout=False))
_MATCH_LEVELS_ACROSS_FRAMEWORKS = (  # each has an order of axes of its own
    MatchLevel(by_name=True, by_layout=True),
    MatchLevel(by_name=False, by_layout=True),
)


class _Placed(NamedTuple):
    """A row at a path, and how many copies of it the model holds."""

    row: Row
    path: str
    copies: int

    def child(self, row: Row, name: str, copies: int) -> _Placed:
        path = f"{self.path}.{name}" if self.path else name
        return _Placed(row, path, self.copies * copies)

    @property
    def tensor_totals(self) -> Totals:
        """The totals of its tensors alone, in all copies."""
        return self.row.direct_totals * self.copies

    @property
    def totals(self) -> Totals:
        """The totals of it and its children, in all copies."""
        return self.row.totals // self.row.repeat * self.copies


@dataclass(slots=True)
class _Unmatched:
    """A layer that the other report has nothing for by its path, and the layers in it that own tensors."""

    layer: _Placed
    owners: list[_Placed]
    matched: set[int] = field(default_factory=set)  # the indices of owners that are renamed ones

    def remaining(self) -> list[int]:
        """Return the indices of the owners without a match."""
        return [index for index in range(len(self.owners)) if index not in self.matched]


def compare(before: Report, after: Report) -> Comparison:
    """Compare two reports. Where the conventions differ, both are counted as Keras counts.

    Raises Problems for models that differ in too much.
    """
    matcher = _Matcher()
    levels = _MATCH_LEVELS + (_MATCH_LEVELS_ACROSS_FRAMEWORKS if before.framework != after.framework else ())
    try:
        matcher.pair(_Placed(before.root, "", 1), _Placed(after.root, "", 1))
        for level in levels:
            matcher.match_renamed(level)
    except TooLarge as error:
        raise Problems([error]) from None
    changes = (
        *matcher.changes,
        *_list_unmatched(matcher.removed, "removed"),
        *_list_unmatched(matcher.added, "added"),
    )
    convention = before.convention if before.convention == after.convention else "keras"
    return Comparison(before, after, convention, changes)


class _Matcher:
    """Pairs the layers of two reports, and collects the changes of each pair and what has no pair."""

    def __init__(self) -> None:
        self.steps = 0
        self.changes: list[Change] = []
        self.removed: list[_Unmatched] = []
        self.added: list[_Unmatched] = []

    def _step(self) -> None:
        """Count one more pair of layers. Raises TooLarge."""
        self.steps += 1
        if self.steps > MAX_MATCH_STEPS:
            limit = f"{MAX_MATCH_STEPS:,} pairs of layers that one comparison may look at"
            raise TooLarge(f"differ in more than the {limit}")

    def pair(self, before: _Placed, after: _Placed) -> None:
        """Compare the tensors of two layers, and their children by name."""
        self._step()
        if change := _compare_tensors(before, after):
            self.changes.append(change)
        for old, new in _match_children(before, after):
            self._step()
            if old and new:
                self.pair(old, new)
            elif old:
                self.removed.append(_Unmatched(old, self._list_owners(old)))
            elif new:
                self.added.append(_Unmatched(new, self._list_owners(new)))

    def _list_owners(self, layer: _Placed) -> list[_Placed]:
        owners = []
        for row, copies in layer.row.walk():
            self._step()
            if row.tensors:
                path = layer.path + row.path.removeprefix(layer.row.path)
                owners.append(_Placed(row, path, layer.copies * copies // layer.row.repeat))
        return owners

    def match_renamed(self, level: MatchLevel) -> None:
        """Match what was removed with what was added, in order."""
        candidates: dict[Hashable, deque[tuple[_Unmatched, int]]] = defaultdict(deque)
        for added in self.added:
            for index in added.remaining():
                candidates[_match_key(added.owners[index], level)].append((added, index))
        for removed in self.removed:
            for index in removed.remaining():
                owner = removed.owners[index]
                if queue := candidates.get(_match_key(owner, level)):
                    added, added_index = queue.popleft()
                    removed.matched.add(index)
                    added.matched.add(added_index)
                    change = _compare_tensors(owner, added.owners[added_index], level)
                    assert change
                    self.changes.append(change)


def _list_unmatched(layers: Iterable[_Unmatched], kind: Literal["added", "removed"]) -> Iterator[Change]:
    """Yield a change for each layer without a match; for each of its owners, where others of them have one."""
    for unmatched in layers:
        if not unmatched.owners:
            continue
        if unmatched.matched:
            owners = [unmatched.owners[index] for index in unmatched.remaining()]
            changed = [(owner, owner.tensor_totals) for owner in owners]
        else:
            changed = [(unmatched.layer, unmatched.layer.totals)]
        for layer, totals in changed:
            before, after = (Totals(), totals) if kind == "added" else (totals, Totals())
            yield Change(layer.path, "", layer.row.type, {kind: _elements(totals)}, before, after)


def _match_key(layer: _Placed, level: MatchLevel) -> Hashable:
    """Return what is equal of two layers that match at that level."""
    tensors = layer.row.tensors
    name = layer.path.rpartition(".")[2] if level.by_name else ""
    if not level.by_layout:
        return layer.copies, tuple((tensor.shape, tensor.role) for tensor in tensors), name
    # The kernels, which one layer has in any framework; where there are none, the vectors.
    layouts = [_layout(tensor) for tensor in tensors]
    min_rank = 2 if any(len(layout) > 1 for layout in layouts) else 1
    return layer.copies, tuple(sorted(layout for layout in layouts if len(layout) >= min_rank)), name


def _layout(tensor: Tensor) -> tuple[int, ...]:
    """Return a shape without its order of axes."""
    return tuple(sorted(tensor.shape))


class _Block(NamedTuple):
    """A run of equal blocks."""

    first: int
    last: int
    row: Row


class _ChildIndex:
    """The children of a layer: blocks by their indices, all others by name."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.blocks: list[_Block] = []
        self.named: dict[str, Row] = {}
        for row in rows:
            ranges = block_ranges.parse(row.name)
            if ranges and sum(last - first + 1 for first, last in ranges) == row.repeat:
                self.blocks += [_Block(first, last, row) for first, last in ranges]
            else:
                self.named[row.name] = row
        self.blocks.sort(key=lambda block: (block.first, block.last))
        if any(block.last >= following.first for block, following in pairwise(self.blocks)):  # an index twice
            self.named, self.blocks = {row.name: row for row in rows}, []
        self._first_indices = [block.first for block in self.blocks]

    def block_at(self, index: int) -> Row | None:
        """Return the row of the block with that index."""
        position = bisect_right(self._first_indices, index) - 1
        if position < 0:
            return None
        block = self.blocks[position]
        return block.row if index <= block.last else None


def _match_children(before: _Placed, after: _Placed) -> Iterator[tuple[_Placed | None, _Placed | None]]:
    """Yield the children of two layers side by side: by name, blocks by their indices, however these are folded."""
    old, new = _ChildIndex(before.row.children), _ChildIndex(after.row.children)
    for name in dict.fromkeys((*old.named, *new.named)):
        old_row, new_row = old.named.get(name), new.named.get(name)
        yield (
            old_row and before.child(old_row, name, old_row.repeat),
            new_row and after.child(new_row, name, new_row.repeat),
        )
    for old_row, new_row, ranges in _match_blocks(old, new):
        name = block_ranges.format_runs(ranges)
        copies = sum(last - first + 1 for first, last in ranges)
        yield old_row and before.child(old_row, name, copies), new_row and after.child(new_row, name, copies)


def _match_blocks(old: _ChildIndex, new: _ChildIndex) -> Iterator[tuple[Row | None, Row | None, list[tuple[int, int]]]]:
    """Yield each pair of rows that blocks of the same indices have, and the ranges of these indices."""
    pairs: dict[tuple[int, int], tuple[Row | None, Row | None, list[tuple[int, int]]]] = {}
    bounds = sorted({bound for block in (*old.blocks, *new.blocks) for bound in (block.first, block.last + 1)})
    for first, end in pairwise(bounds):
        old_row, new_row = old.block_at(first), new.block_at(first)
        if old_row or new_row:
            _, _, ranges = pairs.setdefault((id(old_row), id(new_row)), (old_row, new_row, []))
            ranges.append((first, end - 1))
    yield from pairs.values()


def _compare_tensors(before: _Placed, after: _Placed, level: MatchLevel | None = None) -> Change | None:
    """Compare the tensors that two matched layers own; None where nothing changed. A level: they were renamed."""
    kinds: dict[ChangeKind, int] = defaultdict(int)
    resized: dict[str, int] = defaultdict(int)
    before_totals, after_totals = before.tensor_totals, after.tensor_totals
    if level:
        kinds["renamed"] = _elements(after_totals)
    details = []
    for old, new in _pair_tensors(before.row.tensors, after.row.tensors, level):
        name = (new or old or _NO_TENSOR).name
        if more := _count_elements(new) * after.copies - _count_elements(old) * before.copies:
            resized[name] += more
        if old is None or new is None or _is_resized(old, new, level):
            details.append(f"{name} {_shape(old)} → {_shape(new)}")
        if old and new:
            for kind in _tensor_changes(old, new):
                kinds[kind] += new.size * min(before.copies, after.copies)
    other_copies = before.copies != after.copies and bool(before.row.tensors or after.row.tensors)
    if other_copies:
        details.append(f"{before.copies:,} → {after.copies:,} copies")
    if details:
        kinds["resized"] = _elements(after_totals) - _elements(before_totals)
    if not kinds:
        return None
    return Change(
        path=after.path,
        was=before.path if level else "",
        type=after.row.type,
        kinds=dict(kinds),
        before=before_totals,
        after=after_totals,
        detail="; ".join(details),
        tensors=dict(resized) if "resized" in kinds else {},
        matched_by=level.matched_by if level else None,
    )


def _count_elements(tensor: Tensor | None) -> int:
    """Return the elements of a tensor that are counted in its layer."""
    return 0 if tensor is None or tensor.tied_to else tensor.size


def _is_resized(old: Tensor, new: Tensor, level: MatchLevel | None) -> bool:
    return _layout(old) != _layout(new) if level and level.by_layout else old.shape != new.shape


_NO_TENSOR = Tensor("", ())


def _tensor_changes(old: Tensor, new: Tensor) -> Iterator[ChangeKind]:
    if bool(old.tied_to) != bool(new.tied_to):
        yield "tied" if new.tied_to else "untied"
    if old.dtype != new.dtype:
        yield "converted"
    if old.trainable != new.trainable and old.role == new.role and not new.tied_to:
        yield "unfrozen" if new.trainable else "frozen"


def _pair_tensors(
    before: Sequence[Tensor], after: Sequence[Tensor], level: MatchLevel | None
) -> Iterator[tuple[Tensor | None, Tensor | None]]:
    """Yield the tensors of two layers side by side; those of another framework by their roles and layouts, in order."""
    if level and not level.by_layout:
        yield from zip(before, after, strict=True)
        return
    old, new = (dict(_key_tensors(tensors, level)) for tensors in (before, after))
    for key in dict.fromkeys((*old, *new)):
        yield old.get(key), new.get(key)


def _key_tensors(tensors: Sequence[Tensor], level: MatchLevel | None) -> Iterator[tuple[Hashable, Tensor]]:
    """Yield each tensor under its name or its layout, numbered where several have the same."""
    seen: Counter[Hashable] = Counter()
    for tensor in tensors:
        key: Hashable = (tensor.role, _layout(tensor)) if level else tensor.name
        seen[key] += 1
        yield (key, seen[key]), tensor


def _shape(tensor: Tensor | None) -> str:
    return "nothing" if tensor is None else "×".join(map(str, tensor.shape)) or "1"


def _elements(totals: Totals) -> int:
    return totals.trainable + totals.frozen + totals.buffers

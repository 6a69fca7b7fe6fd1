"""The layout of a report's picture: an icicle, its columns levels, its heights parameters, its order the model's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from paramcount.model.report import Report, Row
from paramcount.rendering.columns import clip
from paramcount.rendering.fields import FrozenElements, first_rows, part_rows, printable, reason_names, total_fields

LINE = 14
"""The height of a line of text in pixels; no box is lower."""

MAX_HEIGHT = 560  # of all boxes
_HEIGHT_PER_BOX = 40

MAX_LEVELS = 6
"""The levels that are drawn; deeper ones are in the numbers of the last one."""

_MAX_CHAIN_NAMES = 100
_MAX_TEXT_COLUMNS = 300
_MAX_ADDED_SHARE = 0.12  # of a column's height that low boxes may take from high ones, beside two lines
_SMALL_SHARE = 0.05  # a trainable part of a box that is smaller than this has boxes of its own
_MAX_LINES = 24  # that one box takes for them


class Box(NamedTuple):
    """One drawn box: a layer, a chain of layers that are one inside the other, or a run of small ones."""

    names: tuple[str, ...]
    type: str
    path: str
    total: int  # in all copies of its parent
    trainable: int
    layers: int = 1
    min_lines: int = 1  # the lines that it takes at least
    reasons: str = ""  # why some of it is frozen
    parts: tuple[tuple[Row, int], ...] = ()  # rows, and how many copies of each one's parent the model holds

    @property
    def trains(self) -> bool:
        """Return whether any of it trains."""
        return self.trainable > 0

    def label(self, columns: int) -> str:
        """Return its name; of a chain of many, the first and the last."""
        names = self.names if len(self.names) < 4 else (self.names[0], "…", self.names[-1])
        return clip_name(" › ".join(names), columns)


class Area(NamedTuple):
    level: int
    y: float
    height: float


class PlacedBox(NamedTuple):
    box: Box
    area: Area
    is_leaf: bool  # no box is drawn inside


class Icicle:
    """The boxes of a report: a column a level, each box as high as its part of all parameters, and at least a line."""

    def __init__(self, report: Report, depth: int) -> None:
        self.convention, self.frozen = report.convention, FrozenElements(report)
        self.total = total_fields(report.root.totals, report.convention)["total"]
        self.first_level = self._make_boxes([(row, 1) for row in first_rows(report)])
        self.levels, most_boxes = self._measure(min(depth, MAX_LEVELS))
        lines = sum(box.min_lines for box in self.first_level)
        self.height = min(MAX_HEIGHT, max(2 * LINE * max(1, self.levels), _HEIGHT_PER_BOX * most_boxes, LINE * lines))

    def _make_boxes(self, rows: Iterable[tuple[Row, int]]) -> list[Box]:
        """Return the boxes of the rows with parameters; a layer that only holds another one shares its box."""
        boxes = []
        for row, parent_copies in rows:
            names, copies, inner = [_row_label(row)], parent_copies, row
            while len(inner.children) == 1 and not inner.tensors and len(names) < _MAX_CHAIN_NAMES:
                copies *= inner.repeat
                (inner,) = inner.children
                names.append(_row_label(inner))
            totals = total_fields(row.totals, self.convention)
            if totals["total"]:
                box = Box(
                    names=tuple(names),
                    type=inner.type,
                    path=inner.path,
                    total=totals["total"] * parent_copies,
                    trainable=totals["trainable"] * parent_copies,
                    min_lines=self._count_lines(inner, MAX_LEVELS),
                    reasons=reason_names(self.frozen.of(row)),
                    parts=tuple((part, copies * inner.repeat) for part in part_rows(inner)),
                )
                boxes.append(box)
        return boxes

    def _count_lines(self, row: Row, levels: int) -> int:
        """Return the lines that a row takes: where a small part of it trains, one for each box that shows this part."""
        totals = total_fields(row.totals, self.convention)
        if not levels or not 0 < totals["trainable"] < totals["total"] * _SMALL_SHARE:
            return 1
        lines, follows_frozen = 0, False
        for part in part_rows(row):
            trains = total_fields(part.totals, self.convention)["trainable"] > 0
            lines += self._count_lines(part, levels - 1) if trains else not follows_frozen
            follows_frozen = not trains
            if lines >= _MAX_LINES:
                return _MAX_LINES
        return max(lines, 1)

    def _measure(self, depth: int) -> tuple[int, int]:
        """Return how many levels there are to draw, and how many boxes the fullest of them has."""
        boxes, most_boxes, levels = self.first_level, 0, 0
        while boxes and levels < depth:
            levels += 1
            most_boxes = max(most_boxes, len(boxes))
            large = [box for box in boxes if box.total * MAX_HEIGHT >= 2 * LINE * self.total or box.min_lines > 1]
            boxes = [inner for box in large for inner in self._make_boxes(box.parts)]
        return levels, most_boxes

    def lay_out(self) -> Iterator[PlacedBox]:
        """Yield every box that is drawn, with its area."""
        pending = [(self.first_level, Area(0, 0.0, self.height))] if self.levels and self.total else []
        while pending:
            boxes, (level, y, height) = pending.pop()
            for box, box_height in _arrange(boxes, height):
                area = Area(level, y, box_height)
                has_room = level + 1 < self.levels and box_height >= 2 * LINE
                inner = self._make_boxes(box.parts) if has_room else []
                if len(_group(inner, box_height)) < 2:
                    inner = []  # one box would say the same again
                yield PlacedBox(box, area, is_leaf=not inner)
                if inner:
                    pending.append((inner, area._replace(level=level + 1)))
                y += box_height


def _arrange(boxes: Sequence[Box], height: float) -> list[tuple[Box, float]]:
    """Return the boxes of a column, small ones in runs, with their heights: shares of it, and at least a line."""
    groups = _group(boxes, height)
    least = [float(LINE * box.min_lines) for box in groups]
    if sum(least) > height:
        least = [float(LINE)] * len(groups)
    heights = [0.0] * len(groups)
    free, total, open_groups = height, sum(box.total for box in groups), list(range(len(groups)))
    while open_groups:
        low = [index for index in open_groups if groups[index].total * free < least[index] * total]
        for index in low:
            heights[index] = least[index]
        if not low:
            for index in open_groups:
                heights[index] = groups[index].total * free / total
            break
        free -= sum(least[index] for index in low)
        total -= sum(groups[index].total for index in low)
        open_groups = [index for index in open_groups if not heights[index]]
    return list(zip(groups, heights, strict=True))


def _group(boxes: Sequence[Box], height: float) -> list[Box]:
    """Return the boxes in order, with so many of the small ones in runs that all have a line and most of the height.

    What trains and what does not are in one run only where there is no room for both.
    """
    if not boxes:
        return []
    total = sum(box.total for box in boxes)
    per_pixel = total / height
    mostly_frozen = 2 * sum(box.trainable for box in boxes) < total
    for separate in (True, False):
        least = 0.0  # elements: a smaller run does not stand alone beside a large box
        limit = LINE * per_pixel  # elements: a larger box stands alone
        while limit < 2 * height * per_pixel:
            groups = _merge_small(boxes, limit, least, separate=separate)
            charged = [box for box in groups if not (separate and mostly_frozen and box.trains)]
            added = sum(max(0.0, LINE - box.total / per_pixel) for box in charged)
            if len(groups) * LINE <= height and added <= max(2 * LINE, _MAX_ADDED_SHARE * height):
                return groups
            limit, least = (limit * 2 if least else limit), LINE * per_pixel / 2
    return [_merge(boxes)]


def _merge_small(boxes: Sequence[Box], limit: float, least: float, *, separate: bool) -> list[Box]:
    """Return the boxes in order: those of `limit` elements alone, smaller ones in runs of so many.

    A run of fewer than `least` is joined with the box that ends it, unless there are boxes inside that one.
    """
    groups: list[Box] = []
    run: list[Box] = []
    total = 0
    for box in boxes:
        differs = bool(run) and separate and run[-1].trains != box.trains
        if run and (differs or (box.total >= limit and (total >= least or box.parts))):
            groups.append(_merge(run))
            run, total = [], 0
        run.append(box)
        total += box.total
        if total >= limit:
            groups.append(_merge(run))
            run, total = [], 0
    return [*groups, _merge(run)] if run else groups


def _merge(boxes: Sequence[Box]) -> Box:
    if len(boxes) == 1:
        return boxes[0]
    names = f"{len(boxes):,} layers: {boxes[0].label(100)} … {boxes[-1].label(100)}"
    return Box(
        names=(names,),
        type="",
        path=names,
        total=sum(box.total for box in boxes),
        trainable=sum(box.trainable for box in boxes),
        layers=len(boxes),
    )


def _row_label(row: Row) -> str:
    copies = f" ×{row.repeat:,}" if row.repeat > 1 else ""
    return f"{clip_name(row.name or row.type or 'model', _MAX_TEXT_COLUMNS)}{copies}"


def clip_name(text: str, columns: int) -> str:
    """Return a client's text in so many columns, cut in the middle."""
    return clip(printable(text), columns, (columns - 1) // 2)

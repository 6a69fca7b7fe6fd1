"""A report as a picture: an icicle, its columns levels, its heights parameters, the frozen part of each box hatched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape
from zlib import crc32

from paramcount.model.report import Report, Row
from paramcount.rendering.columns import clip, column_width
from paramcount.rendering.fields import (
    NO_LIMIT,
    FrozenElements,
    first_rows,
    part_rows,
    printable,
    reason_names,
    total_fields,
)

# In pixels
WIDTH = 960
_MARGIN, _HEAD, _FOOT = 16, 64, 16
_MAX_HEIGHT = 560  # of all boxes
_LINE = 14  # the height of a box with a label, which is the smallest that is drawn alone
_LETTER, _WIDE_LETTER = 6.6, 11  # the width of a letter of a font of 11 pixels: on average, and of an M

MAX_LEVELS = 6
"""The levels that are drawn; deeper ones are in the numbers of the last one."""

_MAX_TEXT_COLUMNS = 300
_MAX_CHAIN_NAMES = 100

_STYLE = """
#{id} {{font: 11px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif}}
#{id} .card {{fill: #fff; stroke: #d0d7de}}
#{id} text {{fill: #1f2328}}
#{id} .head {{font-size: 15px; font-weight: 600}}
#{id} .box text {{paint-order: stroke; stroke-width: 3px; stroke-linejoin: round}}
#{id} .count {{text-anchor: end}}
#{id} .trains {{fill: #a8d1ff}}
#{id} .frozen {{fill: #e4e7eb}}
#{id} .line {{stroke: #818b98; stroke-width: 1.6}}
#{id} .on-trains text {{stroke: #a8d1ff}}
#{id} .on-frozen text {{stroke: #e4e7eb}}
#{id} .edge {{fill: none; stroke: #fff; stroke-width: 1.2}}
#{id} .box:hover .edge {{stroke: #0550ae; stroke-width: 2}}
@media (prefers-color-scheme: dark) {{
#{id} .card {{fill: #0d1117; stroke: #3d444d}}
#{id} text {{fill: #f0f6fc}}
#{id} .trains {{fill: #1b4b91}}
#{id} .frozen {{fill: #2a313c}}
#{id} .line {{stroke: #7d8590}}
#{id} .on-trains text {{stroke: #1b4b91}}
#{id} .on-frozen text {{stroke: #2a313c}}
#{id} .edge {{stroke: #0d1117}}
#{id} .box:hover .edge {{stroke: #79c0ff}}
}}
"""


class _Box(NamedTuple):
    """One drawn box: a layer, a chain of layers that are one inside the other, or several small ones."""

    names: tuple[str, ...]
    type: str
    path: str
    total: int  # in all copies of its parent
    trainable: int
    layers: int = 1
    reasons: str = ""  # why some of it is frozen
    parts: tuple[tuple[Row, int], ...] = ()  # rows, and how many copies of each one's parent the model holds


class _Area(NamedTuple):
    level: int
    y: float
    height: float


class _PlacedBox(NamedTuple):
    box: _Box
    area: _Area
    is_leaf: bool  # no box is drawn inside


def as_svg(report: Report, depth: int = NO_LIMIT) -> str:
    """Draw `depth` levels of the report, at most MAX_LEVELS. Names are escaped, and clipped where there is no room."""
    totals = total_fields(report.root.totals, report.convention)
    name = escape_xml(_clip(report.root.name, 60)) or "model"
    numbers = f"{totals['total']:,} parameters: {totals['trainable']:,} train, {totals['frozen']:,} frozen"
    about = f"{escape_xml(report.format)}, counted as {report.convention} does" + (
        "" if report.exact else "; NOT EXACT"
    )
    icicle = _Icicle(report, min(depth, MAX_LEVELS))
    boxes = list(icicle.lay_out())
    key = _make_key(numbers, about, boxes)
    height = _HEAD + icicle.height + _FOOT
    head = f'''\
<svg xmlns="http://www.w3.org/2000/svg" id="{key}" role="img" aria-labelledby="{key}-title {key}-desc" \
viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" style="max-width: 100%; height: auto">
<title id="{key}-title">Where the parameters of {name} sit</title>
<desc id="{key}-desc">{numbers} ({about}). {icicle.describe()} The hatched part of a box is frozen.</desc>
<style>{_STYLE.format(id=key)}</style>
<defs><pattern id="{key}-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect class="frozen" width="7" height="7"/><line class="line" y2="7"/></pattern></defs>
<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>
<text class="head" x="{_MARGIN}" y="26">{name}</text>
<text x="{_MARGIN}" y="46">{numbers} ({about})</text>
'''
    drawn = [icicle.draw(placed, key) for placed in boxes]
    if not boxes:
        drawn = [f'<text x="{_MARGIN}" y="{_HEAD + _LINE}">{"" if icicle.total else "no parameters"}</text>\n']
    return "".join((head, _draw_legend(key), *drawn, "</svg>\n"))


def _make_key(numbers: str, about: str, boxes: Sequence[_PlacedBox]) -> str:
    """Return an id by which two pictures on one page do not share their styles and patterns."""
    content = [(box.names, box.path, box.total, box.trainable, area.level) for box, area, _ in boxes]
    return f"paramcount-{crc32(f'{numbers}{about}{content}'.encode()):08x}"


def _draw_legend(key: str) -> str:
    x = WIDTH - _MARGIN - 150
    return (
        f'<rect class="trains" x="{x}" y="16" width="14" height="12"/><text x="{x + 20}" y="26">trainable</text>'
        f'<rect fill="url(#{key}-hatch)" x="{x + 84}" y="16" width="14" height="12"/>'
        f'<text x="{x + 104}" y="26">frozen</text>\n'
    )


class _Icicle:
    """The boxes of a report: a column a level, each box as high as its part of all parameters."""

    def __init__(self, report: Report, depth: int) -> None:
        self.convention, self.frozen = report.convention, FrozenElements(report)
        self.total = total_fields(report.root.totals, report.convention)["total"]
        self.first_level = self.make_boxes([(row, 1) for row in first_rows(report)])
        self.levels, most_boxes = self._measure(depth)
        self.height = self._fit_height(most_boxes) if self.levels and self.total else _LINE * 2

    def make_boxes(self, rows: Iterable[tuple[Row, int]]) -> list[_Box]:
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
                box = _Box(
                    names=tuple(names),
                    type=inner.type,
                    path=inner.path,
                    total=totals["total"] * parent_copies,
                    trainable=totals["trainable"] * parent_copies,
                    reasons=reason_names(self.frozen.of(row)),
                    parts=tuple((part, copies * inner.repeat) for part in part_rows(inner)),
                )
                boxes.append(box)
        return boxes

    def _measure(self, depth: int) -> tuple[int, int]:
        """Return how many levels there are to draw, and how many boxes the fullest of them has."""
        boxes, most_boxes, levels = self.first_level, 0, 0
        while boxes and levels < depth:
            levels += 1
            most_boxes = max(most_boxes, len(boxes))
            large = [box for box in boxes if box.total * _MAX_HEIGHT >= 2 * _LINE * self.total]
            boxes = [inner for box in large for inner in self.make_boxes(box.parts)]
        return levels, most_boxes

    def _fit_height(self, most_boxes: int) -> int:
        """Return a height at which every box of the first level has room for its label, where that can be."""
        labelled = -(-_LINE * self.total // min(box.total for box in self.first_level))
        return max(_LINE * 2, min(_MAX_HEIGHT, 24 * most_boxes), labelled if labelled <= _MAX_HEIGHT else 0)

    def describe(self) -> str:
        """Return the largest parts in words, for a reader who cannot see them."""
        largest = sorted(self.first_level, key=lambda box: -box.total)[:5]
        return " ".join(f"{escape_xml(_box_label(box, 40))}: {_percentage(box.total, self.total)}." for box in largest)

    def lay_out(self) -> Iterator[_PlacedBox]:
        """Yield every box that is drawn, with its area."""
        if not self.levels or not self.total:
            return
        pending = [(self.first_level, 0, float(_HEAD))]
        scale = self.height / self.total
        while pending:
            boxes, level, y = pending.pop()
            for box in _merge_small(boxes, scale):
                area = _Area(level, y, box.total * scale)
                has_room = level + 1 < self.levels and area.height >= 2 * _LINE
                inner = self.make_boxes(box.parts) if has_room else []
                yield _PlacedBox(box, area, is_leaf=not inner)
                if inner:
                    pending.append((inner, level + 1, y))
                y += area.height

    def draw(self, placed: _PlacedBox, key: str) -> str:
        """Return the elements of a box."""
        box, area, is_leaf = placed
        level_width = (WIDTH - 2 * _MARGIN) / self.levels
        x = _MARGIN + area.level * level_width
        width = WIDTH - _MARGIN - x if is_leaf else level_width
        trainable = width * box.trainable / box.total
        rows = f'y="{area.y:.2f}" height="{area.height:.2f}"'
        drawn = ["<g class='box'><title>", escape_xml(_tooltip(box, self.total)), "</title>"]
        if trainable:
            drawn.append(f'<rect class="trains" x="{x:.2f}" width="{trainable:.2f}" {rows}/>')
        if trainable < width:
            hatched = f'x="{x + trainable:.2f}" width="{width - trainable:.2f}"'
            drawn.append(f'<rect fill="url(#{key}-hatch)" {hatched} {rows}/>')
        drawn.append(f'<rect class="edge" x="{x:.2f}" width="{width:.2f}" {rows}/>')
        if area.height >= _LINE - 1:
            drawn += _draw_label(box, x, area.y + min(area.height / 2 + 4, 16), width)
        drawn.append("</g>\n")
        return "".join(drawn)


def _merge_small(boxes: Sequence[_Box], scale: float) -> Iterator[_Box]:
    """Yield boxes in order; small ones as "12 layers: a … l", wherever they are together as high as a label."""
    small: list[_Box] = []
    total = 0
    for box in boxes:
        if box.total * scale >= _LINE:
            yield box
            continue
        small.append(box)
        total += box.total
        if total * scale >= _LINE:
            yield _merge(small)
            small, total = [], 0
    if small:
        yield _merge(small)


def _merge(boxes: Sequence[_Box]) -> _Box:
    if len(boxes) == 1:
        return boxes[0]
    names = f"{len(boxes):,} layers: {_box_label(boxes[0], 100)} … {_box_label(boxes[-1], 100)}"
    return _Box(
        names=(names,),
        type="",
        path=names,
        total=sum(box.total for box in boxes),
        trainable=sum(box.trainable for box in boxes),
        layers=len(boxes),
    )


def _draw_label(box: _Box, x: float, y: float, width: float) -> Iterator[str]:
    """Yield the name, and at the right the number, where there is room for both."""
    letters = int((width - 10) / _LETTER)
    number = f"{box.total:,}"
    shows_number = letters >= len(number) + 12
    room = letters - len(number) - 2 if shows_number else letters
    background = "on-trains" if box.trainable * 2 > box.total else "on-frozen"
    if room < 3:
        return
    name = escape_xml(_box_label(box, room))
    max_width = width - 10 - (len(number) + 1) * _LETTER * shows_number
    yield f'<g class="{background}">'
    if column_width(name) * _WIDE_LETTER > max_width:  # a wide name of a wide font ends at the number
        clipped = f'<svg x="{x + 5:.2f}" y="{y - 12:.2f}" width="{max_width:.2f}" height="16">'
        yield f'{clipped}<text y="12">{name}</text></svg>'
    else:
        yield f'<text x="{x + 5:.2f}" y="{y:.2f}">{name}</text>'
    if shows_number:
        yield f'<text class="count" x="{x + width - 5:.2f}" y="{y:.2f}">{number}</text>'
    yield "</g>"


def _tooltip(box: _Box, total: int) -> str:
    """Return all that is known of a box, shown when the pointer rests on it."""
    name = _clip(box.path, _MAX_TEXT_COLUMNS) or _box_label(box, _MAX_TEXT_COLUMNS)
    layer_type = f" ({_clip(box.type, 100)})" if box.type and box.layers == 1 else ""
    frozen = f"; {box.total - box.trainable:,} frozen" if box.trainable < box.total else ""
    reasons = f" by {box.reasons}" if box.reasons else ""
    return f"{name}{layer_type}\n{box.total:,} parameters, {_percentage(box.total, total)} of all{frozen}{reasons}"


def _percentage(part: int, total: int) -> str:
    return f"{100 * part / total:.3g} %" if total else "0 %"


def _row_label(row: Row) -> str:
    copies = f" ×{row.repeat:,}" if row.repeat > 1 else ""
    return f"{_clip(row.name or row.type or 'model', _MAX_TEXT_COLUMNS)}{copies}"


def _box_label(box: _Box, columns: int) -> str:
    """Return the name of a box; of a chain of many, the first and the last."""
    names = box.names if len(box.names) < 4 else (box.names[0], "…", box.names[-1])
    return _clip(" › ".join(names), columns)


def _clip(text: str, columns: int) -> str:
    return clip(printable(text), columns, (columns - 1) // 2)


def escape_xml(text: str) -> str:
    """Return printable text as it may be in XML 1.0, without the two noncharacters that no document may hold."""
    return escape(text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"))

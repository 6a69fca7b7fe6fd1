"""A report as a picture: an icicle, its columns levels, its heights parameters, the frozen part of each box hatched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape
from zlib import crc32

from wcwidth import iter_graphemes, width

from paramcount.model.report import Report, Row
from paramcount.rendering.fields import NO_LIMIT, Frozen, first_rows, parts, phrase, printable, total_fields

WIDTH = 960
COLUMNS = 6
"""The levels that are drawn; what is deeper is in the numbers of the last one."""

_MARGIN, _HEAD, _FOOT = 16, 64, 16
_TALLEST, _LINE = 560, 14  # heights: of all, and of a box with a label, which is the smallest that is drawn alone
_LETTER, _WIDEST = 6.6, 11  # the width of a letter of 11 pixels: on average, and of an M
_LONGEST = 300

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
    """What is drawn as one: a layer, a chain of layers that are one inside the other, or several small ones."""

    names: tuple[str, ...]
    kind: str
    path: str
    total: int  # in all copies of what holds it
    trainable: int
    rows: int = 1
    why: str = ""
    beneath: tuple[tuple[Row, int], ...] = ()  # rows, and how often the model holds each


class _Place(NamedTuple):
    column: int
    y: float
    height: float


def as_svg(report: Report, depth: int = NO_LIMIT) -> str:
    """The picture, `depth` levels of it and at most six. Names are escaped, and cut where there is no room."""
    totals = total_fields(report.root.totals, report.convention)
    name = _xml(_short(report.root.name, 60)) or "model"
    numbers = f"{totals['total']:,} parameters: {totals['trainable']:,} train, {totals['frozen']:,} frozen"
    about = f"{_xml(report.format)}, counted as {report.convention} does" + ("" if report.exact else "; NOT EXACT")
    drawing = _Drawing(report, min(depth, COLUMNS))
    # Two pictures on one page must not share their styles and patterns.
    key = f"paramcount-{crc32(f'{numbers}{about}{drawing.first[:100]}'.encode()):08x}"
    height = _HEAD + drawing.height + _FOOT
    head = f'''\
<svg xmlns="http://www.w3.org/2000/svg" id="{key}" role="img" aria-labelledby="{key}-title {key}-desc" \
viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" style="max-width: 100%; height: auto">
<title id="{key}-title">Where the parameters of {name} sit</title>
<desc id="{key}-desc">{numbers} ({about}). {drawing.told()} The hatched part of a box is frozen.</desc>
<style>{_STYLE.format(id=key)}</style>
<defs><pattern id="{key}-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect class="frozen" width="7" height="7"/><line class="line" y2="7"/></pattern></defs>
<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>
<text class="head" x="{_MARGIN}" y="26">{name}</text>
<text x="{_MARGIN}" y="46">{numbers} ({about})</text>
'''
    return "".join((head, _legend(key), *drawing.drawn(key), "</svg>\n"))


def _legend(key: str) -> str:
    x = WIDTH - _MARGIN - 150
    return (
        f'<rect class="trains" x="{x}" y="16" width="14" height="12"/><text x="{x + 20}" y="26">trainable</text>'
        f'<rect fill="url(#{key}-hatch)" x="{x + 84}" y="16" width="14" height="12"/>'
        f'<text x="{x + 104}" y="26">frozen</text>\n'
    )


class _Drawing:
    """Boxes laid out: each as high as its part of all parameters."""

    def __init__(self, report: Report, depth: int) -> None:
        self.convention, self.frozen = report.convention, Frozen(report)
        self.total = total_fields(report.root.totals, report.convention)["total"]
        self.first = self.boxes(tuple((row, 1) for row in first_rows(report)))
        self.depth, rows = _extent(self, depth)
        self.height = self._height(rows) if self.depth and self.total else _LINE * 2

    def _height(self, rows: int) -> int:
        """So that every box of the first level has room for its label, where that can be."""
        labelled = -(-_LINE * self.total // min(box.total for box in self.first))
        return max(_LINE * 2, min(_TALLEST, 24 * rows), labelled if labelled <= _TALLEST else 0)

    def told(self) -> str:
        """The largest parts in words, for who cannot see them."""
        largest = sorted(self.first, key=lambda box: -box.total)[:5]
        return " ".join(f"{_xml(_name(box, 40))}: {_share(box.total, self.total)}." for box in largest)

    def drawn(self, key: str) -> Iterator[str]:
        """Every box."""
        if not self.depth or not self.total:
            yield f'<text x="{_MARGIN}" y="{_HEAD + _LINE}">{"no parameters" if not self.total else ""}</text>\n'
            return
        waiting = [(self.first, _Place(0, _HEAD, self.height))]
        scale = self.height / self.total
        while waiting:
            boxes, place = waiting.pop()
            y = place.y
            for box in _gathered(boxes, scale):
                found = _Place(place.column, y, box.total * scale)
                room = found.column + 1 < self.depth and found.height >= 2 * _LINE
                beneath = self.boxes(box.beneath) if room else []
                yield self._box(key, box, found, last=not beneath)
                if beneath:
                    waiting.append((beneath, found._replace(column=found.column + 1)))
                y += found.height

    def _box(self, key: str, box: _Box, place: _Place, last: bool) -> str:
        column = (WIDTH - 2 * _MARGIN) / self.depth
        x = _MARGIN + place.column * column
        wide = WIDTH - _MARGIN - x if last else column
        trains = wide * box.trainable / box.total
        area = f'y="{place.y:.2f}" height="{place.height:.2f}"'
        drawn = ["<g class='box'><title>", _xml(_title(box, self.total)), "</title>"]
        if trains:
            drawn.append(f'<rect class="trains" x="{x:.2f}" width="{trains:.2f}" {area}/>')
        if trains < wide:
            drawn.append(f'<rect fill="url(#{key}-hatch)" x="{x + trains:.2f}" width="{wide - trains:.2f}" {area}/>')
        drawn.append(f'<rect class="edge" x="{x:.2f}" width="{wide:.2f}" {area}/>')
        if place.height >= _LINE - 1:
            drawn += _label(box, x, place.y + min(place.height / 2 + 4, 16), wide)
        drawn.append("</g>\n")
        return "".join(drawn)

    def boxes(self, rows: Sequence[tuple[Row, int]]) -> list[_Box]:
        """The boxes of rows that own something; of a layer that only holds another one, both as one."""
        found = []
        for row, times in rows:
            names, copies, inner = [_named(row)], times, row
            while len(inner.children) == 1 and not inner.tensors and len(names) < 100:
                copies *= inner.repeat
                (inner,) = inner.children
                names.append(_named(inner))
            totals = total_fields(row.totals, self.convention)
            if totals["total"]:
                beneath = tuple((part, copies * inner.repeat) for part in parts(inner))
                why = ", ".join(map(phrase, self.frozen.of(row)))
                box = _Box(tuple(names), inner.type, inner.path, totals["total"] * times, totals["trainable"] * times)
                found.append(box._replace(why=why, beneath=beneath))
        return found


def _extent(drawing: _Drawing, depth: int) -> tuple[int, int]:
    """How many levels there are to draw, and how many boxes the fullest of them has."""
    level, most, reached = drawing.first, 0, 0
    while level and reached < depth:
        reached += 1
        most = max(most, len(level))
        large = [box for box in level if box.total * _TALLEST >= 2 * _LINE * drawing.total]
        level = [beneath for box in large for beneath in drawing.boxes(box.beneath)]
    return reached, most


def _gathered(boxes: list[_Box], scale: float) -> Iterator[_Box]:
    """Boxes in order, those too small to see together as "12 layers: a … l", wherever they are as high as a label."""
    small: list[_Box] = []
    gathered = 0
    for box in boxes:
        if box.total * scale >= _LINE:
            yield box
            continue
        small.append(box)
        gathered += box.total
        if gathered * scale >= _LINE:
            yield _together(small)
            small, gathered = [], 0
    if small:
        yield _together(small)


def _together(boxes: list[_Box]) -> _Box:
    if len(boxes) == 1:
        return boxes[0]
    names = f"{len(boxes):,} layers: {_name(boxes[0], 100)} … {_name(boxes[-1], 100)}"
    return _Box(
        (names,),
        "",
        names,
        sum(box.total for box in boxes),
        sum(box.trainable for box in boxes),
        len(boxes),
    )


def _label(box: _Box, x: float, y: float, wide: float) -> Iterator[str]:
    """The name, and at the right the number, where there is room for both."""
    letters = int((wide - 10) / _LETTER)
    number = f"{box.total:,}"
    both = letters >= len(number) + 12
    room = letters - len(number) - 2 if both else letters
    fate = "on-trains" if box.trainable * 2 > box.total else "on-frozen"
    if room < 3:
        return
    name = _xml(_name(box, room))
    end = wide - 10 - (len(number) + 1) * _LETTER * both
    yield f'<g class="{fate}">'
    if width(name) * _WIDEST > end:  # a wide name of a wide font ends at the number, letters cut through or not
        yield f'<svg x="{x + 5:.2f}" y="{y - 12:.2f}" width="{end:.2f}" height="16"><text y="12">{name}</text></svg>'
    else:
        yield f'<text x="{x + 5:.2f}" y="{y:.2f}">{name}</text>'
    if both:
        yield f'<text class="count" x="{x + wide - 5:.2f}" y="{y:.2f}">{number}</text>'
    yield "</g>"


def _title(box: _Box, total: int) -> str:
    """All that is known of a box, shown when the pointer rests on it."""
    name = _short(box.path, _LONGEST) or _name(box, _LONGEST)
    kind = f" ({_short(box.kind, 100)})" if box.kind and box.rows == 1 else ""
    frozen = f"; {box.total - box.trainable:,} frozen" if box.trainable < box.total else ""
    why = f" by {box.why}" if box.why else ""
    return f"{name}{kind}\n{box.total:,} parameters, {_share(box.total, total)} of all{frozen}{why}"


def _share(part: int, total: int) -> str:
    return f"{100 * part / total:.3g} %" if total else "0 %"


def _named(row: Row) -> str:
    copies = f" ×{row.repeat:,}" if row.repeat > 1 else ""
    return f"{_short(row.name or row.type or 'model', _LONGEST)}{copies}"


def _name(box: _Box, room: int) -> str:
    """The name of a box; of a chain of many, the first and the last."""
    names = box.names if len(box.names) < 4 else (box.names[0], "…", box.names[-1])
    return _short(" › ".join(names), room)


def _short(text: str, room: int) -> str:
    """Text that fits, an ellipsis in its middle where it does not."""
    text = printable(text)
    if (len(text) if text.isascii() else width(text)) <= room:
        return text
    letters = list(iter_graphemes(text[: 2 * room] + text[-2 * room :]))
    head: list[str] = []
    tail: list[str] = []
    left = room - 1
    while letters and left > 0:
        letter = letters.pop(0 if len(head) <= len(tail) else -1)
        left -= width(letter)
        if left < 0:
            break
        (head if len(head) <= len(tail) else tail).append(letter)
    return f"{''.join(head)}…{''.join(reversed(tail))}"


def _xml(text: str) -> str:
    """Text as it may stand in XML 1.0; what no document may hold is gone already, but for two noncharacters."""
    return escape(text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"))

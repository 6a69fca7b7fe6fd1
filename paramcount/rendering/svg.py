"""A report as a picture: the boxes of an icicle, the frozen part of each hatched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape
from zlib import crc32

from paramcount.model.report import Report
from paramcount.rendering.columns import column_width
from paramcount.rendering.fields import NO_LIMIT, percentage, total_fields
from paramcount.rendering.icicle import LINE, Box, Icicle, PlacedBox, clip_name

# In pixels
WIDTH = 960
_MARGIN, _HEAD, _FOOT = 16, 72, 16
_BAR_Y, _BAR_HEIGHT = 54, 8
_MIN_TRAINABLE = 3  # the width of what trains, however little it is
_LETTER, _WIDE_LETTER = 6.6, 11  # the width of a letter of a font of 11 pixels: on average, and of an M

_MAX_TEXT_COLUMNS = 300

_STYLE = """
#{id} {{font: 11px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif}}
#{id} .card {{fill: #fff; stroke: #d0d7de}}
#{id} text {{fill: #1f2328}}
#{id} .head {{font-size: 15px; font-weight: 600}}
#{id} .count {{text-anchor: end}}
#{id} .trains {{fill: #a8d1ff}}
#{id} .frozen {{fill: #e4e7eb}}
#{id} .line {{stroke: #afb8c1; stroke-width: 1.6}}
#{id} .edge {{fill: none; stroke: #fff; stroke-width: 1.2}}
#{id} .box:hover .edge {{stroke: #0550ae; stroke-width: 2}}
@media (prefers-color-scheme: dark) {{
#{id} .card {{fill: #0d1117; stroke: #3d444d}}
#{id} text {{fill: #f0f6fc}}
#{id} .trains {{fill: #1f5fb8}}
#{id} .frozen {{fill: #2a313c}}
#{id} .line {{stroke: #59636e}}
#{id} .edge {{stroke: #0d1117}}
#{id} .box:hover .edge {{stroke: #79c0ff}}
}}
"""


def as_svg(report: Report, depth: int = NO_LIMIT) -> str:
    """Draw `depth` levels of the report, at most six. Names are escaped, and clipped where there is no room."""
    totals = total_fields(report.root.totals, report.convention)
    name = escape_xml(clip_name(report.root.name, 60)) or "model"
    share = f" ({escape_xml(percentage(totals['trainable'], totals['total']))})" if totals["frozen"] else ""
    numbers = f"{totals['total']:,} parameters: {totals['trainable']:,} train{share}, {totals['frozen']:,} frozen"
    about = f"{escape_xml(report.format)}, in the {report.convention} convention" + (
        "" if report.exact else "; NOT EXACT"
    )
    icicle = Icicle(report, depth)
    boxes = list(icicle.lay_out())
    key = _make_key(numbers, about, boxes)
    height = _HEAD + icicle.height + _FOOT
    head = f'''\
<svg xmlns="http://www.w3.org/2000/svg" id="{key}" role="img" aria-labelledby="{key}-title {key}-desc" \
viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" style="max-width: 100%; height: auto">
<title id="{key}-title">Where the parameters of {name} sit</title>
<desc id="{key}-desc">{numbers} ({about}). {_describe(icicle)} The hatched part of a box is frozen. \
The height of a box is its share of all parameters, and at least one line.</desc>
<style>{_STYLE.format(id=key)}</style>
<defs><pattern id="{key}-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect class="frozen" width="7" height="7"/><line class="line" y2="7"/></pattern></defs>
<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>
<text class="head" x="{_MARGIN}" y="26">{name}</text>
<text x="{_MARGIN}" y="46">{numbers} ({about})</text>
'''
    drawn = [_draw_box(placed, icicle, key) for placed in boxes]
    if not boxes:
        drawn = [f'<text x="{_MARGIN}" y="{_HEAD + LINE}">{"" if icicle.total else "no parameters"}</text>\n']
    bar = _draw_bar(totals["trainable"], totals["total"], key) if totals["total"] else ""
    return "".join((head, _draw_legend(key), bar, *drawn, "</svg>\n"))


def _make_key(numbers: str, about: str, boxes: Sequence[PlacedBox]) -> str:
    """Return an id by which two pictures on one page do not share their styles and patterns."""
    content = [(box.names, box.path, box.total, box.trainable, area.level) for box, area, _ in boxes]
    return f"paramcount-{crc32(f'{numbers}{about}{content}'.encode()):08x}"


def _describe(icicle: Icicle) -> str:
    """Return the largest parts in words, for a reader who cannot see them."""
    largest = sorted(icicle.first_level, key=lambda box: -box.total)[:5]
    return escape_xml(" ".join(f"{box.label(40)}: {percentage(box.total, icicle.total)}." for box in largest))


def _draw_legend(key: str) -> str:
    x = WIDTH - _MARGIN - 150
    return (
        f'<rect class="trains" x="{x}" y="16" width="14" height="12"/><text x="{x + 20}" y="26">trainable</text>'
        f'<rect fill="url(#{key}-hatch)" x="{x + 84}" y="16" width="14" height="12"/>'
        f'<text x="{x + 104}" y="26">frozen</text>\n'
    )


def _draw_bar(trainable: int, total: int, key: str) -> str:
    """Return a bar of the whole model: what trains at the left, what does not at the right."""
    return f"{_fill(_MARGIN, _BAR_Y, WIDTH - 2 * _MARGIN, _BAR_HEIGHT, trainable, total, key)}\n"


def _trainable_width(width: float, trainable: int, total: int) -> float:
    """Return the width of what trains: never so small that it cannot be seen, nor that the frozen part cannot."""
    if trainable in (0, total):
        return width if trainable else 0.0
    return min(max(width * trainable / total, _MIN_TRAINABLE), width - _MIN_TRAINABLE)


def _fill(x: float, y: float, width: float, height: float, trainable: int, total: int, key: str) -> str:
    split = _trainable_width(width, trainable, total)
    rows = f'y="{y:.2f}" height="{height:.2f}"'
    trains = f'<rect class="trains" x="{x:.2f}" width="{split:.2f}" {rows}/>' if split else ""
    if split == width:
        return trains
    return f'{trains}<rect fill="url(#{key}-hatch)" x="{x + split:.2f}" width="{width - split:.2f}" {rows}/>'


def _draw_box(placed: PlacedBox, icicle: Icicle, key: str) -> str:
    """Return the elements of a box."""
    box, area, is_leaf = placed
    level_width = (WIDTH - 2 * _MARGIN) / icicle.levels
    x, y = _MARGIN + area.level * level_width, _HEAD + area.y
    width = WIDTH - _MARGIN - x if is_leaf else level_width
    return "".join((
        f"<g class='box'><title>{escape_xml(_tooltip(box, icicle.total))}</title>",
        _fill(x, y, width, area.height, box.trainable, box.total, key),
        f'<rect class="edge" x="{x:.2f}" width="{width:.2f}" y="{y:.2f}" height="{area.height:.2f}"/>',
        *_draw_label(box, icicle.total, x, y + min(area.height / 2 + 4, 16), width),
        "</g>\n",
    ))  # fmt: skip


def _draw_label(box: Box, total: int, x: float, y: float, width: float) -> Iterator[str]:
    """Yield the name, and at the right the number and its share of all, as far as there is room for them."""
    split = _trainable_width(width, box.trainable, box.total)
    x, width = (x + split, width - split) if 0 < split < 12 else (x, width)  # the name stands beside a narrow part
    letters = int((width - 10) / _LETTER)
    share = percentage(box.total, total)
    texts = (f"{box.total:,} · {share}", share)
    number = next((text for text in texts if letters >= len(text) + 12), "")
    room = letters - len(number) - 2 if number else letters
    if room < 3:
        return
    name = escape_xml(box.label(room))
    name_width = column_width(box.label(room)) * _LETTER
    max_width = width - 10 - (len(number) + 1) * _LETTER * bool(number)
    if box.trainable < box.total:  # no hatching behind letters
        yield _plate(x + 3, y, min(name_width, max_width) + 4) if split < name_width else ""
        yield _plate(x + width - 7 - len(number) * _LETTER, y, len(number) * _LETTER + 4) if number else ""
    if column_width(name) * _WIDE_LETTER > max_width:  # a wide name of a wide font ends at the number
        clipped = f'<svg x="{x + 5:.2f}" y="{y - 12:.2f}" width="{max_width:.2f}" height="16">'
        yield f'{clipped}<text y="12">{name}</text></svg>'
    else:
        yield f'<text x="{x + 5:.2f}" y="{y:.2f}">{name}</text>'
    if number:
        yield f'<text class="count" x="{x + width - 5:.2f}" y="{y:.2f}">{escape_xml(number)}</text>'


def _plate(x: float, y: float, width: float) -> str:
    return f'<rect class="frozen" x="{x:.2f}" y="{y - 10:.2f}" width="{width:.2f}" height="13" rx="2"/>'


def _tooltip(box: Box, total: int) -> str:
    """Return all that is known of a box, shown when the pointer rests on it."""
    name = clip_name(box.path, _MAX_TEXT_COLUMNS) or box.label(_MAX_TEXT_COLUMNS)
    layer_type = f" ({clip_name(box.type, 100)})" if box.type and box.layers == 1 else ""
    frozen = f"; {box.total - box.trainable:,} frozen" if box.trainable < box.total else ""
    reasons = f" by {box.reasons}" if box.reasons else ""
    return f"{name}{layer_type}\n{box.total:,} parameters, {percentage(box.total, total)} of all{frozen}{reasons}"


def escape_xml(text: str) -> str:
    """Return printable text as it may be in XML 1.0, without the two noncharacters that no document may hold."""
    return escape(text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"))

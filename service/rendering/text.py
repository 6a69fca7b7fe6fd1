"""A report as a table for a terminal, as `model.summary()` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wcwidth import iter_graphemes, width

from service.model import Report, Row
from service.rendering.figures import DEEPEST, Frozen, explanation, figures, phrase, printable, shape, top

WIDTH = 120
"""How many columns a terminal is taken to have, where nobody knows."""

TREE = 8
"""The levels that lines are drawn for; deeper ones are numbered."""

_LEAST = 8  # the columns of a layer's name that the lines of the tree leave it

_HEADINGS = ("Layer", "Type", "Output shape", "Parameters", "Trainable", "Frozen by", "How")
_NUMBERS = frozenset((3, 4))
# Which columns give way to fit a width, in which order, and down to what; then those that can be done without.
_SHRINK = ((6, 24), (0, 40), (1, 18), (2, 18), (0, 24), (6, 12), (1, 12), (2, 12), (5, 8), (0, 12))
_DROP = (6, 2, 5, 1)


class _Line(NamedTuple):
    cells: tuple[str, ...]
    stem: str = ""  # the lines of the tree before the layer's name


def as_text(report: Report, form: str, depth: int = DEEPEST, columns: int = WIDTH) -> str:
    """The rows as a tree, `depth` levels of it, in `columns`; then the totals and whatever must be known."""
    totals, exact = figures(report.root.totals, report.convention), "" if report.exact else ", NOT EXACT: see below"
    name = _clipped(printable(report.root.name) or "model", columns)
    heading = f"{name} ({form}, counted as {report.convention} does{exact})"
    table = _table(list(_rows(report, depth)), columns) if depth > 0 else ()
    lines = []
    reasons = ", ".join(
        f"{found['count']:,} by {phrase(found)}"
        + (f" ({_clipped(printable(found['match']), 40)})" if "match" in found else "")
        for found in Frozen(report).of(report.root)
    )
    notes = {"frozen": reasons, "buffers": "not in the total" if report.convention == "torch" else "in frozen"}
    for column in ("total", "trainable", "frozen", "buffers", "bytes"):
        count: int = totals[column]
        lines.append(f"{column.capitalize():10}{count:>20,}  {notes.get(column, '')}".rstrip())
    told = (f"{notice.code}: {': '.join(filter(None, (notice.path, notice.detail)))}" for notice in report.notices)
    return "\n".join((heading, *table, *lines, *map(printable, told))) + "\n"


def _rows(report: Report, depth: int) -> Iterator[_Line]:
    frozen = Frozen(report)

    def beneath(rows: Sequence[Row], stem: str, level: int) -> Iterator[_Line]:
        for place, row in enumerate(rows, 1):
            last = place == len(rows)
            found = figures(row.totals, report.convention)
            cells = (
                row.name or row.type or "(model)",
                row.type,
                shape(row.output),
                f"{found['total']:,}",
                f"{found['trainable']:,}",
                ", ".join(map(phrase, frozen.of(row))),
                explanation(row),
            )
            yield _Line(tuple(map(printable, cells)), _stem(stem, level, last))
            if level + 1 < depth:
                yield from beneath(row.children, stem + ("   " if last else "│  ") if level else "", level + 1)

    return beneath(top(report), "", 0)


def _stem(stem: str, level: int, last: bool) -> str:
    if level > TREE:
        return f"{stem[: 3 * (TREE - 1)]}{level:>3} "
    return stem + ("└─ " if last else "├─ ") if level else ""


def _table(lines: Sequence[_Line], columns: int) -> Iterator[str]:
    """The lines under their headings, in at most `columns` where that can be."""
    natural = [
        max(len(heading), *(_width(line.cells[column]) + len(line.stem) * (column == 0) for line in lines))
        for column, heading in enumerate(_HEADINGS)
    ]
    shown = [column for column in range(len(_HEADINGS)) if any(line.cells[column] for line in lines)]
    for column in (None, *_DROP):
        shown = [kept for kept in shown if kept != column]
        widths = list(natural)
        room = columns - 3 * len(shown) - 1
        for narrow, least in _SHRINK:
            if narrow in shown and (excess := sum(widths[kept] for kept in shown) - room) > 0:
                widths[narrow] = max(min(widths[narrow], max(least, len(_HEADINGS[narrow]))), widths[narrow] - excess)
        if sum(widths[kept] for kept in shown) <= room:
            break
    bars = ["─" * (widths[column] + 2) for column in shown]
    yield f"┌{'┬'.join(bars)}┐"
    yield _drawn(_Line(_HEADINGS), shown, widths)
    yield f"├{'┼'.join(bars)}┤"
    for line in lines:
        yield _drawn(line, shown, widths)
    yield f"└{'┴'.join(bars)}┘"


def _drawn(line: _Line, shown: Sequence[int], widths: Sequence[int]) -> str:
    cells = []
    for column in shown:
        stem = ""
        if column == 0:
            kept = widths[0] - min(_LEAST, _width(line.cells[0]))
            stem = line.stem[max(0, len(line.stem) - kept) :]
        room = widths[column] - len(stem)
        text = _clipped(line.cells[column], max(1, room), at_end=column == 6)
        space = " " * (room - _width(text))
        cells.append(space + text if column in _NUMBERS else stem + text + space)
    return f"│ {' │ '.join(cells)} │"


def _width(text: str) -> int:
    """How many columns a terminal gives it: two for 漢, none for a combining accent."""
    return len(text) if text.isascii() else width(text)


def _clipped(text: str, room: int, at_end: bool = False) -> str:
    """Text that fits; where it does not, what is missing (from the middle, or the end) is an ellipsis."""
    if _width(text) <= room:
        return text
    tail = 0 if at_end else room // 2
    if text.isascii():
        return f"{text[: room - 1 - tail]}…{text[len(text) - tail :]}"
    letters = list(iter_graphemes(text))
    end = _taken(letters[::-1], tail, -1)
    for kept in range(room - 1 - tail, 0, -1):  # letters that join may be wider together than one by one
        if _width(clipped := f"{_taken(letters, kept)}…{end}") <= room:
            return clipped
    return f"…{end}" if _width(f"…{end}") <= room else "…"


def _taken(letters: Sequence[str], room: int, step: int = 1) -> str:
    """As many letters as there is room for."""
    found: list[str] = []
    for letter in letters:
        room -= _width(letter)
        if room < 0:
            break
        found.append(letter)
    return "".join(found[::step])

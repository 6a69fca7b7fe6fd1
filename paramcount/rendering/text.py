"""A report as a table for a terminal, as `model.summary()` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wcwidth import iter_graphemes, width

from paramcount.model.report import Report, Row
from paramcount.rendering.fields import (
    NO_LIMIT,
    Frozen,
    FrozenBy,
    explanation,
    first_rows,
    phrase,
    printable,
    role_lines,
    shape,
    total_fields,
)

WIDTH = 120
"""How many columns a terminal is taken to have, where nobody knows."""

_LEAST = 8  # the columns that the lines of the tree leave a layer's name

_HEADINGS = ("Layer", "Type", "Output shape", "Parameters", "Trainable", "Frozen by", "How")
_NUMBERS = frozenset((3, 4))
_CUT_AT_END = frozenset((5, 6))
# Which columns give way to fit a width, in which order, and down to what; then those that can be done without.
_SHRINK = ((6, 24), (0, 40), (1, 18), (2, 18), (0, 24), (6, 12), (1, 12), (2, 12), (5, 8), (0, 12))
_DROP = (6, 2, 5, 1)


class _Line(NamedTuple):
    cells: tuple[str, ...]
    branch: tuple[bool, ...] = ()  # for each level from the second on, whether it is the last one there


class _Tree(NamedTuple):
    """How the lines before a layer's name are drawn: so many columns a level, down to a level; deeper are numbered."""

    step: int
    levels: int

    def width(self, level: int) -> int:
        return self.step * level if level <= self.levels else self.step * (self.levels - 1) + 4

    def stem(self, branch: tuple[bool, ...]) -> str:
        numbered = len(branch) > self.levels
        above = branch[: self.levels - 1] if numbered else branch[:-1]
        lines = "".join((" " if last else "│").ljust(self.step) for last in above)
        if numbered:
            return f"{lines}{len(branch):>3} "
        return lines + _FORKS[branch[-1]][self.step] if branch else ""


_FORKS = {True: ("", "└", "└ ", "└─ "), False: ("", "├", "├ ", "├─ ")}  # by the step
_WIDEST = _Tree(3, 8)
_TREES = (_WIDEST, _Tree(2, 8), _Tree(1, 8), _Tree(1, 4), _Tree(1, 2), _Tree(1, 1))


def as_text(report: Report, depth: int = NO_LIMIT, columns: int = WIDTH) -> str:
    """The rows as a tree, `depth` levels of it, in `columns`; then the totals and whatever must be known."""
    totals, exact = (
        total_fields(report.root.totals, report.convention),
        "" if report.exact else ", NOT EXACT: see below",
    )
    name = _clipped(printable(report.root.name) or "model", columns)
    heading = f"{name} ({report.format}, counted as {report.convention} does{exact})"
    table = _table(list(_rows(report, depth)), columns) if depth > 0 else ()
    reasons = [(found["count"], _why(found)) for found in Frozen(report).of(report.root)]
    lines = []
    together = ", ".join(f"{count:,} {why}" for count, why in reasons)
    apart = 32 + len(together) > columns and len(reasons) > 1
    notes = {
        "frozen": "" if apart else together,
        "buffers": "in frozen" if report.convention != "torch" else "not in the total",
    }
    for column in ("total", "trainable", "frozen", "buffers", "bytes"):
        count: int = totals[column]
        lines.append(f"{column.capitalize():10}{count:>20,}  {notes.get(column, '')}".rstrip())
        if column == "frozen" and apart:
            lines += [f"{count:>30,}  {why}" for count, why in reasons]
    lines += [f"{name:10}{count:>20,}  {what}" for name, count, what in role_lines(report)]
    told = (f"{warning.code}: {': '.join(filter(None, (warning.path, warning.detail)))}" for warning in report.warnings)
    return "\n".join((heading, *table, *lines, *map(printable, told))) + "\n"


def _why(found: FrozenBy) -> str:
    match = f" ({_clipped(printable(found['match']), 40)})" if "match" in found else ""
    return f"by {phrase(found)}{match}"


def _rows(report: Report, depth: int) -> Iterator[_Line]:
    frozen = Frozen(report)

    def beneath(rows: Sequence[Row], branch: tuple[bool, ...], level: int) -> Iterator[_Line]:
        for place, row in enumerate(rows, 1):
            own = (*branch, place == len(rows)) if level else ()
            found = total_fields(row.totals, report.convention)
            cells = (
                row.name or row.type or "(model)",
                row.type,
                shape(row.output),
                f"{found['total']:,}",
                f"{found['trainable']:,}",
                ", ".join(map(phrase, frozen.of(row))),
                explanation(row),
            )
            yield _Line(tuple(map(printable, cells)), own)
            if level + 1 < depth:
                yield from beneath(row.children, own, level + 1)

    return beneath(first_rows(report), (), 0)


def _table(lines: Sequence[_Line], columns: int) -> Iterator[str]:
    """The lines under their headings, in at most `columns` where that can be."""
    natural = [
        max(
            len(heading),
            *(_width(line.cells[column]) + _WIDEST.width(len(line.branch)) * (column == 0) for line in lines),
        )
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
    tree = _fitting(lines, widths[0])
    bars = ["─" * (widths[column] + 2) for column in shown]
    yield f"┌{'┬'.join(bars)}┐"
    yield _drawn(_Line(_HEADINGS), shown, widths, tree)
    yield f"├{'┼'.join(bars)}┤"
    for line in lines:
        yield _drawn(line, shown, widths, tree)
    yield f"└{'┴'.join(bars)}┘"


def _fitting(lines: Sequence[_Line], room: int) -> _Tree:
    """The widest tree that leaves every name enough of a column's room."""
    needed: dict[int, int] = {}
    for line in lines:
        level = len(line.branch)
        needed[level] = max(needed.get(level, 0), min(_LEAST, _width(line.cells[0])))
    fitting = (tree for tree in _TREES if all(tree.width(level) + name <= room for level, name in needed.items()))
    return next(fitting, _TREES[-1])


def _drawn(line: _Line, shown: Sequence[int], widths: Sequence[int], tree: _Tree) -> str:
    cells = []
    for column in shown:
        stem = tree.stem(line.branch) if column == 0 else ""
        room = widths[column] - len(stem)
        text = _clipped(line.cells[column], max(1, room), at_end=column in _CUT_AT_END)
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

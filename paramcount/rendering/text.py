"""A report as a table for a terminal, as `model.summary()` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from paramcount.model.report import Report
from paramcount.rendering.columns import clip, column_width, wrap
from paramcount.rendering.fields import (
    NO_LIMIT,
    TOTALS,
    FrozenBy,
    FrozenElements,
    TreeRow,
    explanation,
    inexact,
    printable,
    reason_name,
    reason_names,
    role_lines,
    shape_text,
    total_fields,
    walk,
)
from paramcount.rendering.parameters import record

WIDTH = 120
"""The columns of a table where the terminal's width is unknown."""

_MIN_NAME_WIDTH = 8  # the columns that the lines of the tree leave a layer's name
_MAX_MATCH_WIDTH = 40
_MAX_CELL_LINES = 3

HEADINGS = ("Layer", "Type", "Output shape", "Parameters", "Trainable", "Copies", "In all", "Frozen by", "How")
"""The headings of a table of layers; copies and all their parameters are told where a row does not count them all."""

_NAME, _TYPE, _SHAPE, _PARAMETERS, _TRAINABLE, _COPIES, _IN_ALL, _FROZEN_BY, _HOW = range(len(HEADINGS))
_RIGHT_ALIGNED = frozenset((_PARAMETERS, _TRAINABLE, _COPIES, _IN_ALL))
_CLIPPED_AT_END = frozenset((_FROZEN_BY, _HOW))
# Which columns become narrower to fit a width, in which order, and down to what; then those that are left out.
_SHRINK = (
    (_HOW, 24), (_NAME, 40), (_TYPE, 18), (_SHAPE, 22), (_NAME, 24), (_FROZEN_BY, 8),
    (_HOW, 14), (_TYPE, 13), (_SHAPE, 14), (_NAME, 12),
)  # fmt: skip
_DROP = (_HOW, _SHAPE, _FROZEN_BY, _TYPE)


class _Line(NamedTuple):
    cells: tuple[str, ...]
    last: tuple[bool, ...] = ()  # for each level from the second on, whether it is the last branch there


class _TreeStyle(NamedTuple):
    """The branches before a name: `step` columns a level, `levels` of them; deeper ones are numbered."""

    step: int
    levels: int

    def width(self, level: int) -> int:
        return self.step * level if level <= self.levels else self.step * (self.levels - 1) + 4

    def stem(self, last: tuple[bool, ...]) -> str:
        numbered = len(last) > self.levels
        above = last[: self.levels - 1] if numbered else last[:-1]
        lines = "".join((" " if ends else "│").ljust(self.step) for ends in above)
        if numbered:
            return f"{lines}{len(last):>3} "
        return lines + _FORKS[last[-1]][self.step] if last else ""

    def continuation(self, last: tuple[bool, ...]) -> str:
        """Return what is before the second line of a name."""
        stem = self.stem(last)
        fork = len(stem) - self.step if last and len(last) <= self.levels else len(stem)
        return stem[:fork] + ("" if fork == len(stem) else (" " if last[-1] else "│").ljust(self.step))


_FORKS = {True: ("", "└", "└ ", "└─ "), False: ("", "├", "├ ", "├─ ")}  # by the step
_WIDEST_TREE = _TreeStyle(3, 8)
_TREE_STYLES = (
    _WIDEST_TREE, _TreeStyle(2, 8), _TreeStyle(1, 8), _TreeStyle(1, 4), _TreeStyle(1, 2), _TreeStyle(1, 1),
)  # fmt: skip


def as_text(report: Report, depth: int = NO_LIMIT, columns: int = WIDTH) -> str:
    """Render the rows as a tree, `depth` levels of it, in `columns`; then the totals and the warnings."""
    exact = "" if report.exact else ", NOT EXACT: see below"
    if inexact(report) == ["buffers"]:
        exact = ", but for the number of buffers: see below"
    name = clip(printable(report.root.name) or "model", columns, columns // 2)
    heading = f"{name} ({report.format}, in the {report.convention} convention{exact})"
    frozen = FrozenElements(report)
    table = _draw_table(list(_lines(report, frozen, depth)), columns) if depth > 0 else ()
    roles = (f"{name:10}{count:>20,}  {note}" for name, count, note in role_lines(report))
    warnings = (
        printable(f"{warning.code}: {': '.join(filter(None, (warning.path, warning.detail)))}")
        for warning in report.warnings
    )
    totals = _total_lines(report, frozen.of(report.root), columns)
    return "\n".join((heading, *table, *totals, _record_line(report), *roles, *warnings)) + "\n"


def _record_line(report: Report) -> str:
    """Return the line of the number of record."""
    heading, number, note = record(report)
    return f"{heading:10}{number:>20}  {note}"


def _total_lines(report: Report, frozen_by: list[FrozenBy], columns: int) -> Iterator[str]:
    """Yield a line for each total; reasons that do not fit beside the frozen ones get a line each."""
    totals = total_fields(report.root.totals, report.convention)
    reasons = [f"{frozen['count']:,} {_reason(frozen)}" for frozen in frozen_by]
    joined = ", ".join(reasons)
    split = 32 + len(joined) > columns and len(reasons) > 1
    notes = {
        "frozen": "" if split else joined,
        "buffers": "in frozen" if report.convention != "torch" else "not in the total",
    }
    for name in TOTALS:
        yield f"{name.capitalize():10}{totals[name]:>20,}  {notes.get(name, '')}".rstrip()
        if name == "frozen" and split:
            yield from (f"{frozen['count']:>30,}  {_reason(frozen)}" for frozen in frozen_by)


def _reason(frozen: FrozenBy) -> str:
    name = f"by {reason_name(frozen)}"
    if "match" not in frozen:
        return name
    return f"{name} ({clip(printable(frozen['match']), _MAX_MATCH_WIDTH, _MAX_MATCH_WIDTH // 2)})"


def _lines(report: Report, frozen: FrozenElements, depth: int) -> Iterator[_Line]:
    for tree_row in walk(report, depth):
        row, last, _ = tree_row
        totals = total_fields(row.totals, report.convention)
        cells = (
            row.name or row.type or "(model)",
            row.type,
            shape_text(row.output),
            f"{totals['total']:,}",
            f"{totals['trainable']:,}",
            *in_all(tree_row, totals["total"]),
            reason_names(frozen.of(row)),
            explanation(row, report.convention),
        )
        yield _Line(tuple(map(printable, cells)), last)


def in_all(tree_row: TreeRow, total: int) -> tuple[str, str]:
    """Return the copies of a row that the model holds, and their parameters; nothing where the row counts them all."""
    return (f"{tree_row.copies:,}", f"{tree_row.outer * total:,}") if tree_row.outer > 1 else ("", "")


def _draw_table(lines: Sequence[_Line], columns: int) -> Iterator[str]:
    """Yield the lines under their headings, in at most `columns` where that can be."""
    natural = _natural_widths(lines)
    widths = _fit_widths(natural, columns)
    tree = _choose_tree(lines, widths[_NAME])
    bars = ["─" * (width + 2) for width in widths.values()]
    yield f"┌{'┬'.join(bars)}┐"
    yield _draw_line(_Line(HEADINGS), widths, tree)
    yield f"├{'┼'.join(bars)}┤"
    for line in lines:
        yield _draw_line(line, widths, tree)
    yield f"└{'┴'.join(bars)}┘"
    if hidden := [HEADINGS[column] for column in range(len(HEADINGS)) if column in natural and column not in widths]:
        yield f"Not shown in {columns} columns: {', '.join(hidden)}"


def _natural_widths(lines: Sequence[_Line]) -> dict[int, int]:
    """Return the widths at which no column needs a second line, by column; empty columns are left out."""
    natural = {}
    for column, heading in enumerate(HEADINGS):
        widest = max(column_width(line.cells[column]) for line in lines)
        if column == _NAME:
            widest = max(column_width(line.cells[_NAME]) + _WIDEST_TREE.width(len(line.last)) for line in lines)
        if any(line.cells[column] for line in lines):
            natural[column] = max(len(heading), widest)
    return natural


def _fit_widths(natural: dict[int, int], columns: int) -> dict[int, int]:
    """Return the widths of the columns for which there is room."""
    widths = natural
    for dropped in (None, *_DROP):
        natural = {column: width for column, width in natural.items() if column != dropped}
        widths = dict(natural)
        room = columns - 3 * len(widths) - 1
        for column, least in _SHRINK:
            if column in widths and (excess := sum(widths.values()) - room) > 0:
                least_width = max(least, len(HEADINGS[column]))
                widths[column] = max(min(widths[column], least_width), widths[column] - excess)
        if sum(widths.values()) <= room:
            break
    return widths


def _choose_tree(lines: Sequence[_Line], columns: int) -> _TreeStyle:
    """Return the widest tree that leaves every name enough of a column."""
    names: dict[int, int] = {}  # by level, the columns that its names need
    for line in lines:
        level = len(line.last)
        names[level] = max(names.get(level, 0), min(_MIN_NAME_WIDTH, column_width(line.cells[_NAME])))
    for tree in _TREE_STYLES:
        if all(tree.width(level) + name <= columns for level, name in names.items()):
            return tree
    return _TREE_STYLES[-1]


def _draw_line(line: _Line, widths: dict[int, int], tree: _TreeStyle) -> str:
    """Return a row of the table; long texts take several lines."""
    cells = []
    for column, width in widths.items():
        stem, below = (tree.stem(line.last), tree.continuation(line.last)) if column == _NAME else ("", "")
        keep_end = column not in _CLIPPED_AT_END
        texts = wrap(line.cells[column], max(1, width - len(stem)), _MAX_CELL_LINES, keep_end=keep_end)
        cells.append([stem + texts[0], *(below + text for text in texts[1:])])
    height = max(map(len, cells))
    if height > 1 and _NAME in widths:
        cells[_NAME] += [tree.continuation(line.last)] * (height - len(cells[_NAME]))
    rows = zip_longest(*cells, fillvalue="")
    return "\n".join(f"│ {' │ '.join(map(_pad, row, widths.items()))} │" for row in rows)


def _pad(text: str, column_and_width: tuple[int, int]) -> str:
    column, width = column_and_width
    padding = " " * (width - column_width(text))
    return padding + text if column in _RIGHT_ALIGNED else text + padding

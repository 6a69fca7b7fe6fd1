"""A report as an HTML table for a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import islice

from paramcount.model.report import Report
from paramcount.rendering.fields import (
    NO_LIMIT,
    TOTALS,
    FrozenElements,
    TreeRow,
    explanation,
    printable,
    reason_names,
    role_lines,
    shape_text,
    total_fields,
    walk,
)
from paramcount.rendering.parameters import record
from paramcount.rendering.text import HEADINGS, in_all

MAX_ROWS = 200
"""The layers that a notebook shows."""

_MAX_INDENTED_LEVELS = 20
_MAX_CELL_CHARACTERS = 300


def as_html(report: Report, max_rows: int = MAX_ROWS) -> str:
    """Render a plain table of at most `max_rows` layers, then the totals and the warnings.

    Every text is escaped, and no mathematics for a notebook to typeset. There are no scripts, links or images.
    """
    exact = "" if report.exact else ", NOT EXACT: see below"
    name = report.root.name or "model"
    caption = _text(f"{name} ({report.format}, in the {report.convention} convention{exact})")
    headings = "".join(f'<th style="text-align: left">{heading}</th>' for heading in HEADINGS)
    warnings = "".join(
        f"<li>{_text(': '.join(filter(None, (warning.code, warning.path, warning.detail))))}</li>"
        for warning in report.warnings
    )
    return (
        '<div class="tex2jax_ignore mathjax_ignore">\n'
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{headings}</tr></thead>\n"
        f"<tbody>\n{''.join(_rows(report, max_rows))}</tbody>\n"
        f"<tfoot>\n{''.join(_total_rows(report))}</tfoot>\n</table>\n"
        f"{f'<ul>{warnings}</ul>' if warnings else ''}</div>\n"
    )


def _rows(report: Report, max_rows: int) -> Iterator[str]:
    frozen, tree_rows = FrozenElements(report), walk(report, NO_LIMIT)
    for tree_row in islice(tree_rows, max_rows):
        yield _row(report, frozen, tree_row)
    if more := sum(1 for _ in tree_rows):
        yield f'<tr><td colspan="{len(HEADINGS)}">… {more:,} more</td></tr>\n'


def _row(report: Report, frozen: FrozenElements, tree_row: TreeRow) -> str:
    row = tree_row.row
    totals = total_fields(row.totals, report.convention)
    indent = 1.2 * min(tree_row.level, _MAX_INDENTED_LEVELS)
    name = _text(row.name or row.type or "(model)")
    return (
        f'<tr><td style="text-align: left; padding-left: {indent + 0.5:.1f}em">{name}</td>'
        f"{_left(row.type)}{_left(shape_text(row.output))}"
        f"{_right(totals['total'])}{_right(totals['trainable'])}"
        f"{''.join(_right(number) for number in in_all(tree_row, totals['total']))}"
        f"{_left(reason_names(frozen.of(row)))}{_left(explanation(row, report.convention))}</tr>\n"
    )


def _total_rows(report: Report) -> Iterator[str]:
    totals = total_fields(report.root.totals, report.convention)
    notes = {"buffers": "in frozen" if report.convention != "torch" else "not in the total"}
    for name in TOTALS:
        yield _total_row(name.capitalize(), totals[name], notes.get(name, ""))
    yield _total_row(*record(report))
    for heading, count, note in role_lines(report):
        yield _total_row(heading, count, note)


def _total_row(heading: str, count: int | str, note: str) -> str:
    return (
        f'<tr><th colspan="3" style="text-align: left">{heading}</th>{_right(count)}'
        f'<td colspan="{len(HEADINGS) - 4}" style="text-align: left">{_text(note)}</td></tr>\n'
    )


def _left(text: str) -> str:
    return f'<td style="text-align: left">{_text(text)}</td>'


def _right(number: int | str) -> str:
    text = number if isinstance(number, str) else f"{number:,}"
    return f'<td style="text-align: right">{text}</td>'


def _text(text: str) -> str:
    """Return a client's text escaped, on one line, and of a bounded length."""
    text = printable(text)
    if len(text) > _MAX_CELL_CHARACTERS:
        half = _MAX_CELL_CHARACTERS // 2
        text = f"{text[:half]}…{text[-half:]}"
    return escape(text)

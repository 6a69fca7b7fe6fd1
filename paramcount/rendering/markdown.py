"""A report as a section of a model card."""

from __future__ import annotations

import re
from collections.abc import Iterator

from paramcount.model.report import Report
from paramcount.rendering.fields import (
    DIRECT,
    NO_LIMIT,
    TOTALS,
    FrozenElements,
    by_dtype,
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

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")

_HEADINGS = ["Layer", "Type", "Output shape", "Copies", "Parameters", "Trainable", "In all", "Frozen by", "How"]


def as_markdown(report: Report, depth: int = NO_LIMIT) -> str:
    """Render the totals, what is frozen and why, a table of the layers, `depth` levels of them, and the warnings."""
    totals, frozen = total_fields(report.root.totals, report.convention), FrozenElements(report)
    name = f" of {code(report.root.name)}" if report.root.name else ""
    source = f"Counted from a {code(report.format)} document, as {report.convention} counts."
    lines = [f"## Parameters{name}", "", source, ""]
    if names := inexact(report):
        lines += [f"**Not exact** ({', '.join(names)}): see the warnings below.", ""]
    lines += table([name.capitalize() for name in TOTALS], [[f"{totals[name]:,}" for name in TOTALS]], 0)
    _, number, note = record(report)
    lines.append(f"- parameters: {number}, {note}")
    lines += [f"- {code(dtype)}: {count:,}" for dtype, count in by_dtype(report).items()]
    for reason in frozen.of(report.root):
        lines.append(f"- frozen by {reason_name(reason)}{_in_brackets(reason.get('match'))}: {reason['count']:,}")
    lines += [f"- {name}: {count:,}, {note}" for name, count, note in role_lines(report)]
    lines.append("")
    if depth > 0:
        lines += table(_HEADINGS, list(_layers(report, frozen, depth)), 3, 4)
    for warning in report.warnings:
        lines.append(f"- {warning.code}{_in_brackets(warning.path)}: {code(warning.detail)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _layers(report: Report, frozen: FrozenElements, depth: int) -> Iterator[list[str]]:
    for tree_row in walk(report, depth):
        row = tree_row.row
        totals = total_fields(row.totals, report.convention)
        names = (row.path or row.name or DIRECT, row.type, shape_text(row.output))
        in_all = tree_row.outer * totals["total"]
        numbers = (f"{tree_row.copies:,}", f"{totals['total']:,}", f"{totals['trainable']:,}", f"{in_all:,}")
        yield [*map(code, names), *numbers, reason_names(frozen.of(row)), code(explanation(row, report.convention))]


def table(headings: list[str], rows: list[list[str]], texts: int, numbers: int = NO_LIMIT) -> list[str]:
    """Return the lines of a table of `texts` columns, then `numbers` aligned to the right, then texts again."""
    rules = ["---:" if texts <= column < texts + numbers else "---" for column in range(len(headings))]
    return [f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows)] + [""]


def _in_brackets(text: str | None) -> str:
    return f" ({code(text)})" if text else ""


def code(text: str) -> str:
    """Return a client's text as code, in which nothing is markup.

    A code span cannot hold every bar: renderers differ in what a backslash before one means.
    """
    text = printable(text)
    if not text.strip():
        return ""
    if "|" not in text and "`" not in text:
        return f"`{text}`"
    return f"<code>{_PUNCTUATION.sub(lambda sign: f'&#{ord(sign[0])};', text)}</code>"

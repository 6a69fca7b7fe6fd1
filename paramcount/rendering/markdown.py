"""A report as a section of a model card."""

from __future__ import annotations

import re

from paramcount.model.report import Report
from paramcount.rendering.fields import (
    NO_LIMIT,
    Frozen,
    by_dtype,
    explanation,
    phrase,
    printable,
    role_lines,
    shape,
    total_fields,
    walk,
)

_SIGN = re.compile(r"[!-/:-@\[-`{-~]")

_COLUMNS = ("total", "trainable", "frozen", "buffers", "bytes")


def as_markdown(report: Report, depth: int = NO_LIMIT) -> str:
    """A table of the totals, why what is frozen is, a table of the layers, `depth` levels of them, and the warnings."""
    totals, frozen = total_fields(report.root.totals, report.convention), Frozen(report)
    about = f"Counted from a {code(report.format)} document, as {report.convention} counts"
    name = f" of {code(report.root.name)}" if report.root.name else ""
    lines = [f"## Parameters{name}", "", f"{about}.", ""]
    if not report.exact:
        lines += ["**Not exact:** see the warnings below.", ""]
    lines += table(
        [column.capitalize() for column in _COLUMNS],
        [[f"{totals[column]:,}" for column in _COLUMNS]],  # type: ignore[literal-required]
        0,
    )
    dtypes = [f"- {code(dtype)}: {count:,}" for dtype, count in by_dtype(report).items()]
    reasons = [
        f"- frozen by {phrase(found)}{_match(found.get('match'))}: {found['count']:,}"
        for found in frozen.of(report.root)
    ]
    shares = [f"- {name}: {count:,}, {what}" for name, count, what in role_lines(report)]
    lines += [*dtypes, *reasons, *shares, ""]
    if depth > 0:
        rows = []
        for _, row in walk(report, depth):
            found = total_fields(row.totals, report.convention)
            why = ", ".join(map(phrase, frozen.of(row)))
            names = (row.path or row.name or "(own)", row.type, shape(row.output))
            numbers = (f"{row.repeat:,}", f"{found['total']:,}", f"{found['trainable']:,}")
            rows.append([*map(code, names), *numbers, why, code(explanation(row))])
        headings = ["Layer", "Type", "Output shape", "Copies", "Parameters", "Trainable", "Frozen by", "How"]
        lines += table(headings, rows, 3, 3)
    for warning in report.warnings:
        lines.append(f"- {warning.code}{_match(warning.path)}: {code(warning.detail)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def table(headings: list[str], rows: list[list[str]], texts: int, numbers: int = NO_LIMIT) -> list[str]:
    """A table of `texts` columns, then `numbers` aligned to the right, then texts again."""
    rules = ["---:" if texts <= column < texts + numbers else "---" for column in range(len(headings))]
    return [f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows)] + [""]


def _match(text: str | None) -> str:
    return f" ({code(text)})" if text else ""


def code(text: str) -> str:
    """Text of a payload as code, in which nothing is markup.

    A code span cannot hold every bar: renderers differ in what a backslash before one means.
    """
    text = printable(text)
    if not text.strip():
        return ""
    if "|" not in text and "`" not in text:
        return f"`{text}`"
    return f"<code>{_SIGN.sub(lambda sign: f'&#{ord(sign[0])};', text)}</code>"

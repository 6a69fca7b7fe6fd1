"""A report as a table for a terminal, as `model.summary()` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from prettytable import PrettyTable, TableStyle

from service.model import Report, Row
from service.rendering.figures import explanation, figures


def as_text(report: Report, depth: int = 1_000_000) -> str:
    """The rows as a tree, then the totals and whatever must be known."""
    table = PrettyTable(["Layer", "Type", "Output shape", "Parameters", "Trainable", "How"])
    table.set_style(TableStyle.SINGLE_BORDER)
    table.align = "l"
    table.align["Parameters"] = table.align["Trainable"] = "r"
    for level, row in _rows(report.root.children or (report.root,), 0, depth):
        found = figures(row.totals, report.convention)
        name = f"{'  ' * level}{row.name or row.type}" + (f" ({row.repeat:,} ×)" if row.repeat > 1 else "")
        shape = "" if row.output is None else str(row.output)
        cells = [name, row.type, shape, f"{found['total']:,}", f"{found['trainable']:,}", explanation(row)]
        table.add_row([_printable(cell) for cell in cells])
    totals = figures(report.root.totals, report.convention)
    lines = [
        table.get_string(),
        f"Total:     {totals['total']:>20,}  ({_size(totals['bytes'])})",
        f"Trainable: {totals['trainable']:>20,}",
        f"Frozen:    {totals['frozen']:>20,}",
        f"Buffers:   {totals['buffers']:>20,}  {'(in frozen)' if report.convention != 'torch' else '(not in total)'}",
    ]
    lines += [_printable(f"{notice.code}: {notice.path}: {notice.detail}") for notice in report.notices]
    if not report.exact:
        lines.append("NOT EXACT: something could not be seen.")
    return "\n".join(lines) + "\n"


def _rows(rows: tuple[Row, ...], level: int, depth: int) -> Iterator[tuple[int, Row]]:
    for row in rows if level < depth else ():
        yield level, row
        yield from _rows(row.children, level + 1, depth)


def _printable(text: str) -> str:
    """Text from a payload without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _size(count: int) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:,.2f} {unit}" if unit != "B" else f"{count} B"
        count /= 1000  # type: ignore[assignment]
    raise AssertionError

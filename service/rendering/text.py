"""A report as a table for a terminal, as `model.summary()` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prettytable import PrettyTable, TableStyle

from service.model import Output, Report, Row
from service.rendering.figures import DEEPEST, explanation, figures


def as_text(report: Report, form: str, depth: int = DEEPEST) -> str:
    """The rows as a tree, `depth` levels of it, then the totals and whatever must be known."""
    totals, exact = figures(report.root.totals, report.convention), "" if report.exact else ", NOT EXACT: see below"
    lines = [f"{report.root.name or 'model'} ({form}, counted as {report.convention} does{exact})"]
    if depth > 0:
        lines.append(_table(report, depth))
    lines += [f"{column.capitalize():10}{totals[column]:>20,}" for column in ("total", "trainable", "frozen")]
    where = "not in the total" if report.convention == "torch" else "in frozen"
    lines.append(f"{'Buffers':10}{totals['buffers']:>20,}  {where}")
    lines.append(f"{'Bytes':10}{totals['bytes']:>20,}")
    lines += [f"{notice.code}: {': '.join(filter(None, (notice.path, notice.detail)))}" for notice in report.notices]
    return "\n".join(map(_printable, lines)) + "\n"


def _table(report: Report, depth: int) -> str:
    table = PrettyTable(["Layer", "Type", "Output shape", "Parameters", "Trainable", "How"])
    table.set_style(TableStyle.SINGLE_BORDER)
    table.align = "l"
    table.align["Parameters"] = table.align["Trainable"] = "r"
    for level, row in _tree(report.root.children or (report.root,), 0, depth):
        found = figures(row.totals, report.convention)
        name = "  " * level + (row.name or row.type)
        cells = [name, row.type, _shape(row.output), f"{found['total']:,}", f"{found['trainable']:,}", explanation(row)]
        table.add_row([_printable(cell.replace("\n", " ")) for cell in cells])
    return table.get_string()


def _tree(rows: Iterable[Row], level: int, depth: int) -> Iterator[tuple[int, Row]]:
    for row in rows if level < depth else ():
        yield level, row
        yield from _tree(row.children, level + 1, depth)


def _shape(output: Output) -> str:
    """(None, 112, 112, 64) as a person writes it: ?×112×112×64."""
    if isinstance(output, tuple):
        return "×".join("?" if size is None else str(size) for size in output) or "scalar"
    if isinstance(output, list):
        return ", ".join(map(_shape, output))
    if isinstance(output, dict):
        return ", ".join(f"{name}: {_shape(value)}" for name, value in output.items())
    return ""


def _printable(text: str) -> str:
    """Text from a payload without the control characters that a terminal would obey."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)

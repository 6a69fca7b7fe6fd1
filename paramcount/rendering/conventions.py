"""The views of one model, as JSON-able data, as text, and as Markdown: items down, views across, sums below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramcount.analysis.conventions import DEFINITIONS, Item, Views
from paramcount.rendering.fields import printable
from paramcount.rendering.markdown import code, table


def views_as_json(views: Views) -> dict[str, Any]:
    """Each total is the sum of the items that it counts."""
    return {
        "totals": dict(views.totals),
        "items": [item._asdict() | {"counted_by": _columns(item, views)} for item in views.items],
    }


def views_as_text(views: Views, columns: int) -> str:
    """A table for a terminal, and what each column means."""
    rows = list(_rows(views))
    heading = ["Counted as", *views.totals]
    widths = [max(len(row[place]) for row in (heading, *rows)) for place in range(len(heading))]
    lines = [
        "  ".join((row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))))
        for row in (heading, *rows)
    ]
    if max(map(len, lines)) > columns:  # too narrow for a table: an item a line
        lines = [f"{view}: {total:,}" for view, total in views.totals.items()]
        lines += [f"{_name(item)}: {item.elements:,} in {', '.join(_columns(item, views))}" for item in views.items]
    return "\n".join((*lines, *(f"{view}: {DEFINITIONS[view]}" for view in views.totals))) + "\n"


def views_as_markdown(views: Views) -> str:
    """A section of a model card."""
    rows = [[code(name), *numbers] for name, *numbers in _rows(views)]
    lines = ["## Views", "", *table(["Counted as", *views.totals], rows, 1)]
    return "\n".join((*lines, *(f"- {code(view)}: {DEFINITIONS[view]}" for view in views.totals))) + "\n"


def _rows(views: Views) -> Iterator[list[str]]:
    for item in views.items:
        counted = _columns(item, views)
        yield [_name(item), *(f"{item.elements:,}" if view in counted else "" for view in views.totals)]
    yield ["total", *(f"{total:,}" for total in views.totals.values())]


def _columns(item: Item, views: Views) -> list[str]:
    return [view for view in views.totals if view in item.counted_by]


def _name(item: Item) -> str:
    """What an item is told as: "buffers: 53 × running_mean"."""
    if item.kind in ("weight", "packed", "unpacked"):
        return item.name
    name = printable(item.name)
    shown = name if len(name) <= 60 else f"{name[:30]}…{name[-29:]}"
    return f"{item.tensors:,} × {shown}" if item.kind == "buffer" else f"{item.tensors:,} tied to {shown}"

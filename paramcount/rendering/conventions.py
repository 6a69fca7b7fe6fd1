"""The views of one model, as JSON-able data, as text, and as Markdown: items down, views across, sums below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramcount.analysis.conventions import DEFINITIONS, View, ViewItem, Views
from paramcount.rendering.fields import printable
from paramcount.rendering.markdown import code, table

_MAX_NAME_CHARACTERS = 60


def as_json(views: Views) -> dict[str, Any]:
    """Return the views' totals, each the sum of the items that it counts."""
    return {
        "totals": dict(views.totals),
        "items": [item._asdict() | {"counted_by": _find_views(item, views)} for item in views.items],
    }


def as_text(views: Views, columns: int) -> str:
    """Render a table for a terminal, and what each column means; where it is too wide, a line an item."""
    rows = [["Counted as", *views.totals], *_rows(views)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join((name.ljust(widths[0]), *cells)))
    if max(map(len, lines)) > columns:
        lines = [f"{view}: {total:,}" for view, total in views.totals.items()]
        lines += [f"{_label(item)}: {item.elements:,} in {', '.join(_find_views(item, views))}" for item in views.items]
    return "\n".join((*lines, *(f"{view}: {DEFINITIONS[view]}" for view in views.totals))) + "\n"


def as_markdown(views: Views) -> str:
    """Render a section of a model card."""
    rows = [[code(name), *numbers] for name, *numbers in _rows(views)]
    lines = ["## Views", "", *table(["Counted as", *views.totals], rows, 1)]
    return "\n".join((*lines, *(f"- {code(view)}: {DEFINITIONS[view]}" for view in views.totals))) + "\n"


def _rows(views: Views) -> Iterator[list[str]]:
    for item in views.items:
        counted_by = _find_views(item, views)
        yield [_label(item), *(f"{item.elements:,}" if view in counted_by else "" for view in views.totals)]
    yield ["total", *(f"{total:,}" for total in views.totals.values())]


def _find_views(item: ViewItem, views: Views) -> list[View]:
    return [view for view in views.totals if view in item.counted_by]


def _label(item: ViewItem) -> str:
    """Return an item's label: "53 × running_mean", "1 tied to wte.weight"."""
    if item.kind in ("weight", "packed", "unpacked"):
        return item.name
    name = printable(item.name)
    if len(name) > _MAX_NAME_CHARACTERS:
        name = f"{name[:30]}…{name[-29:]}"
    return f"{item.tensors:,} × {name}" if item.kind == "buffer" else f"{item.tensors:,} tied to {name}"

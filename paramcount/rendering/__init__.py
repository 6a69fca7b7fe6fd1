"""A report in the forms that people and programs read, by media type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from paramcount.model.report import Report
from paramcount.rendering.csv import as_csv
from paramcount.rendering.json import Detail
from paramcount.rendering.markdown import as_markdown
from paramcount.rendering.parameters import as_line
from paramcount.rendering.svg import as_svg
from paramcount.rendering.text import WIDTH, as_text

JSON, TEXT, MARKDOWN, HTML = "application/json", "text/plain", "text/markdown", "text/html"
LINE = "text/plain; profile=line"


class Renderer(Protocol):
    """Renders a report with so much detail and so many levels of layers; a table of text in so many columns."""

    def __call__(self, report: Report, detail: Detail, depth: int, columns: int = WIDTH) -> str: ...


class _LevelRenderer(Protocol):
    def __call__(self, report: Report, depth: int) -> str: ...


def _render_levels(render: _LevelRenderer) -> Renderer:
    """Return the renderer of a form whose only detail is its depth, 0 for the totals alone, and that has no columns."""
    return lambda report, detail, depth, columns=WIDTH: render(report, _levels(detail, depth))  # noqa: ARG005


def _levels(detail: Detail, depth: int) -> int:
    return 0 if detail == "totals" else depth


RENDERERS: Mapping[str, Renderer] = {
    TEXT: lambda report, detail, depth, columns=WIDTH: as_text(report, _levels(detail, depth), columns),
    MARKDOWN: _render_levels(as_markdown),
    "text/csv": _render_levels(as_csv),
    "image/svg+xml": _render_levels(as_svg),
    LINE: lambda report, detail, depth, columns=WIDTH: as_line(report),  # noqa: ARG005
}
"""The renderers of a report as text, by media type."""

MEDIA_TYPES = (JSON, *RENDERERS, HTML)
"""The media types of a report; the first is the default. HTML is rendered of the JSON (`paramcount.rendering.page`)."""

"""A report in the forms that people and programs read: one renderer a media type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from paramcount.model.report import Report
from paramcount.rendering.csv import as_csv
from paramcount.rendering.json import Detail, as_json
from paramcount.rendering.markdown import as_markdown
from paramcount.rendering.svg import as_svg
from paramcount.rendering.text import as_text

Renderer = Callable[[Report, Detail, int], str]
"""Renders a report with so much detail, and so many levels of layers."""


def _without_detail(render: Callable[[Report, int], str]) -> Renderer:
    """Return the renderer of a form that has no details but the depth: 0 for the totals alone."""
    return lambda report, detail, depth: render(report, 0 if detail == "totals" else depth)


RENDERERS: Mapping[str, Renderer] = {
    "application/json": lambda report, detail, depth: orjson.dumps(as_json(report, detail, depth)).decode(),
    "text/plain": _without_detail(as_text),
    "text/markdown": _without_detail(as_markdown),
    "text/csv": _without_detail(as_csv),
    "image/svg+xml": _without_detail(as_svg),
}
"""The renderers of a report, by media type."""

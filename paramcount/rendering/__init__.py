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
"""Renders a report, given how much to tell and how many levels of layers."""


def _tables(render: Callable[[Report, int], str]) -> Renderer:
    """A renderer that knows depths only: of the totals alone there are none."""
    return lambda report, detail, depth: render(report, 0 if detail == "totals" else depth)


RENDERERS: Mapping[str, Renderer] = {
    "application/json": lambda *asked: orjson.dumps(as_json(*asked)).decode(),
    "text/plain": _tables(as_text),
    "text/markdown": _tables(as_markdown),
    "text/csv": _tables(as_csv),
    "image/svg+xml": _tables(as_svg),
}

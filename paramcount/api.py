"""The public functions: count a model or a document, compare two."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from paramcount.analysis import compare as analysis
from paramcount.counting.freezing import Rule
from paramcount.formats.files import open_source, recognize
from paramcount.formats.source import Bytes, NotJSON, Source
from paramcount.live_models import describe, is_model
from paramcount.model import report
from paramcount.model.budget import Limits
from paramcount.model.errors import InvalidDocument, Problems
from paramcount.rendering import comparison
from paramcount.rendering.fields import NO_LIMIT, TotalFields, total_fields
from paramcount.rendering.html import as_html
from paramcount.rendering.json import Detail, as_json
from paramcount.rendering.text import as_text
from paramcount.requests.count import count_request
from paramcount.requests.envelope import load_options
from paramcount.schema.registry import load_plugins

MAX_NOTEBOOK_ROWS = 200

MAX_PATH_CHARACTERS = 4096
"""A longer string is a document."""


class Report(report.Report):
    """What a model's parameters are, and where they sit. Prints as a table; shows itself in a notebook."""

    __slots__ = ()

    @property
    def totals(self) -> TotalFields:
        """total, trainable, frozen, buffers and bytes, in the report's convention."""
        return total_fields(self.root.totals, self.convention)

    def rows(self) -> Iterator[report.Row]:
        """Every layer, depth first; a layer's totals are of all its `repeat` copies and everything beneath."""
        return (row for row, _ in self.root.walk() if row is not self.root)

    def to_dict(self, detail: Detail = "layers", depth: int = NO_LIMIT) -> dict[str, Any]:
        """The report as the service answers it in JSON."""
        return as_json(self, detail, depth)

    def __str__(self) -> str:
        return as_text(self).rstrip("\n")

    def __repr__(self) -> str:
        exact = "" if self.exact else ", not exact"
        return f"<Report {self.root.name or 'model'}: {self.totals['total']:,} parameters{exact}>"

    def _repr_html_(self) -> str:
        return as_html(self, max_rows=MAX_NOTEBOOK_ROWS)


def count(
    source: Any,
    *,
    format: str | None = None,  # noqa: A002 # the contract's word
    freeze: Iterable[str] = (),
    train: Iterable[str] = (),
    adapter: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    **options: Any,
) -> Report:
    """Count the parameters of a model.

    `source` is a document (a dict, the text of print(model), bytes), a path (of a file or a folder), or a live model of
    PyTorch or Keras. What matches a glob of `freeze` does not train, unless it matches one of `train`. `adapter` is a
    PEFT adapter_config. `options` are the members of the service's envelope: convention, dtype, unknown, remote_code.

    Raises Problems with everything that is wrong with the document or the options; OSError where a file cannot be read.
    """
    load_plugins()
    rules = [*(Rule(match, trainable=False) for match in freeze), *(Rule(match, trainable=True) for match in train)]
    request = load_options(options, rules, adapter)
    try:
        return Report(*count_request(request._replace(source=_open(source), format=format), limits or Limits()))
    except NotJSON as error:
        raise Problems([InvalidDocument(f"is not JSON: {error}", code="not_json")]) from None


class Comparison(analysis.Comparison):
    """What two models differ in. Prints as a table."""

    __slots__ = ()

    def __str__(self) -> str:
        return comparison.as_text(self).rstrip("\n")


def compare(before: Any, after: Any, **options: Any) -> Comparison:
    """Compare two models: what was added, removed, resized, renamed, frozen. Both are counted with `options`.

    Takes sources as `count` does, or reports. Raises Problems.
    """
    first, second = (side if isinstance(side, report.Report) else count(side, **options) for side in (before, after))
    compared = analysis.compare(first, second)
    return Comparison(first, second, compared.convention, compared.changes)


def _open(source: Any) -> Source:
    """A source of whatever kind. A string is JSON, or a text of several lines or with brackets; else a path."""
    if is_model(source):
        return Source.of(describe(source))
    if isinstance(source, os.PathLike):
        return open_source(os.fspath(source))
    if isinstance(source, str):
        is_line = "\n" not in source and len(source) < MAX_PATH_CHARACTERS
        looks_like_path = source.lstrip()[:1] not in ("{", "[", '"') and "(" not in source
        if is_line and (looks_like_path or Path(source).exists()):
            return open_source(source)
        return recognize(source.encode(errors="replace"))
    return recognize(bytes(source)) if isinstance(source, Bytes) else Source.of(source)

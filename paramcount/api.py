"""The public functions: count a model or a document, compare two."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from paramcount.analysis import compare as analysis
from paramcount.counting.freezing import Rule
from paramcount.formats.files import is_address, open_source
from paramcount.formats.source import Source, recognize
from paramcount.live_models import describe, is_model
from paramcount.model import report
from paramcount.model.budget import Limits
from paramcount.model.tensors import Convention
from paramcount.rendering import comparison
from paramcount.rendering.fields import NO_LIMIT, TotalFields, total_fields
from paramcount.rendering.html import as_html
from paramcount.rendering.json import Detail, as_json
from paramcount.rendering.text import as_text
from paramcount.requests.count import count_local
from paramcount.requests.envelope import load_options
from paramcount.schema.registry import load_plugins

MAX_PATH_CHARACTERS = 4096
"""A longer string is a document."""


class Report(report.Report):
    """The parameters of a model, layer by layer. Prints as a table; shows itself in a notebook."""

    __slots__ = ()

    @property
    def totals(self) -> TotalFields:
        """total, trainable, frozen, buffers and bytes, in the report's convention."""
        return total_fields(self.root.totals, self.convention)

    def rows(self) -> Iterator[report.Row]:
        """Every layer, depth first; a layer's totals are of all its `repeat` copies and of all its descendants."""
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
        return as_html(self)


class Comparison(analysis.Comparison):
    """The difference between two models. Prints as a table."""

    __slots__ = ()

    def __str__(self) -> str:
        return comparison.as_text(self).rstrip("\n")


def count(
    source: Any,
    *,
    format: str | None = None,  # noqa: A002 # the contract's word
    freeze: str | Iterable[str] = (),
    train: str | Iterable[str] = (),
    adapter: Mapping[str, Any] | None = None,
    convention: Convention | None = None,
    dtype: str | None = None,
    unknown: Literal["refuse", "report"] = "refuse",
    remote_code: Literal["refuse", "base"] = "refuse",
    limits: Limits | None = None,
) -> Report:
    """Count the parameters of a model.

    Arguments:
        source: A document (a dict, the text of print(model), JSON, bytes), a path of a file or a folder, an
            address (https://..., hf://org/model[@revision][/file]), or a live model of PyTorch or Keras.
        format: The name of the document's format; else it is recognised.
        freeze: Globs of layers or tensors that do not train, such as "backbone.*".
        train: Globs of those that train, though a glob of `freeze` matches them too.
        adapter: PEFT's adapter_config.json, decoded: the model is counted with the adapter in it.
        convention: Whether buffers are in the total: "torch" leaves them out. Default: the document's framework's.
        dtype: For bytes, where the document states none: "F32" (the default), "BF16", ...
        unknown: "report" leaves layers of unknown type out of the totals, with a warning.
        remote_code: "base" counts a config whose class is code beside it as the class that it derives from.
        limits: How much the document may ask for.

    Raises:
        Problems: Everything that is wrong with the document or the options.
        OSError: A file cannot be read, or fetched.
    """
    load_plugins()
    options = {"convention": convention, "dtype": dtype, "unknown": unknown, "remote_code": remote_code}
    stated = {name: value for name, value in options.items() if value is not None}
    request = load_options(stated, [*_rules(freeze, trainable=False), *_rules(train, trainable=True)], adapter)
    limits = limits or Limits()
    return Report._make(count_local(lambda: _open(source), format, request, limits))


def compare(before: Any, after: Any, **options: Any) -> Comparison:
    """Compare two models: what was added, removed, resized, renamed, frozen.

    Takes reports, or sources that `count` counts with these options. Raises Problems, or OSError.
    """
    first, second = (side if isinstance(side, report.Report) else count(side, **options) for side in (before, after))
    compared = analysis.compare(first, second)
    return Comparison(first, second, compared.convention, compared.changes)


def _rules(globs: str | Iterable[str], *, trainable: bool) -> list[Rule]:
    return [Rule(glob, trainable) for glob in ([globs] if isinstance(globs, str) else globs)]


def _open(source: Any) -> Source:
    """A source of whatever kind. A string is JSON, or a text of several lines or with brackets; else a path."""
    if is_model(source):
        return Source.of(describe(source))
    if isinstance(source, os.PathLike):
        return open_source(os.fspath(source))
    if isinstance(source, str):
        is_json = source.lstrip()[:1] in ("{", "[", '"')
        is_text = not source.strip() or len(source) > MAX_PATH_CHARACTERS or not {"\n", "\0"}.isdisjoint(source)
        if is_json or is_text or ("(" in source and not os.path.exists(source)):  # noqa: PTH110 # for any string
            return recognize(source.encode(errors="replace"))
        if is_address(source):
            from paramcount.references import make_client, open_reference  # noqa: PLC0415 # HTTP is slow to import

            return open_reference(source, make_client())
        return open_source(source)
    return recognize(bytes(source)) if isinstance(source, (bytes, bytearray, memoryview)) else Source.of(source)

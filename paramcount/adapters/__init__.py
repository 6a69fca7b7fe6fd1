"""PEFT's adapters: a model with what an adapter_config.json adds, as print_trainable_parameters() counts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.adapters import methods
from paramcount.adapters.base_model import read_base_model
from paramcount.adapters.configs import VERSION, AdapterConfig, drop_unknown_members, find_method, find_warnings
from paramcount.adapters.injection import Injection
from paramcount.adapters.patterns import start_matching
from paramcount.adapters.prompt_encoder import add_prompt_encoder
from paramcount.adapters.replication import replicate_blocks
from paramcount.model.budget import Limits
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.layers import Layer
from paramcount.model.report import Report, ReportWarning, Row
from paramcount.model.tensors import Totals

__all__ = ["VERSION", "AdapterConfig", "AdapterProblems", "adapt", "methods"]

MAX_LISTED_MODULES = 10


class AdapterProblems(Problems):
    """Every problem of an adapter's config at once, as pointers into it."""


def adapt(document: Document, report: Report, config: Mapping[str, Any], limits: Limits) -> Document:
    """Return the model of a document with PEFT's adapter in it: its weights frozen, the adapter's beside them.

    `report` is the document's own, counted without rules. Raises AdapterProblems.
    """
    start_matching()
    try:
        method = find_method(config)
        base = read_base_model(document)
        members = drop_unknown_members(config)
        root = _attach_tensors(document.root, report.root)
        if ranges := members.get("layer_replication"):
            root = replicate_blocks(root, ranges, limits.max_copies)
        injection = Injection(members, method, base, root, limits)
        root = injection.run()
        if method.is_prompt:
            root = add_prompt_encoder(root, members, method, base)
    except Problems as problems:
        raise AdapterProblems(problems.problems) from None
    except ArchitectureError as error:
        raise AdapterProblems([error]) from None
    warnings = [warning for warning in report.warnings if warning not in document.warnings_without_rules]
    return Document(
        root,
        "torch",
        "torch",
        warnings=(*warnings, *find_warnings(config), *injection.warnings, _summarize(root, method.name)),
        warnings_from_totals=_trainable_parameters,
        adapted=True,
        format=document.format,
        rules=", ".join(filter(None, (report.rules, f"peft {VERSION}"))),
        assumes_dtype=report.assumes_dtype,
    )


def _attach_tensors(layer: Layer, row: Row) -> Layer:
    """Return a layer with the tensors that were counted for it; no cache has what an adapter makes of it."""
    rows = {child.name: child for child in row.children}
    children = tuple(_attach_tensors(child, rows[child.name]) for child in layer.children if child.name in rows)
    return layer._replace(
        tensors=row.tensors, children=children, trainable=True, calls=(), graph=None, pointer="", cache_key=b""
    )


def _summarize(root: Layer, method_name: str) -> ReportWarning:
    """Return the warning that says which modules were adapted."""
    adapted = list(_find_adapted(root, "", f"{method_name.lower()}."))
    total = sum(copies for _, copies in adapted)
    listed = ", ".join(path for path, _ in adapted[:MAX_LISTED_MODULES])
    more = f" and {len(adapted) - MAX_LISTED_MODULES} more" if len(adapted) > MAX_LISTED_MODULES else ""
    where = f" on {total:,} modules: {listed}{more}" if adapted else ""
    return ReportWarning("adapter", "", f"{method_name} of PEFT {VERSION}{where}")


def _find_adapted(layer: Layer, path: str, type_prefix: str, copies: int = 1) -> Iterator[tuple[str, int]]:
    """Yield the path of every adapted module in a layer, and how many copies of it the model holds."""
    if layer.type.startswith(type_prefix):
        yield path, copies
    for child in layer.children:
        child_path = f"{path}.{child.name}" if path else child.name
        yield from _find_adapted(child, child_path, type_prefix, copies * child.repeat)


def _trainable_parameters(totals: Totals) -> tuple[ReportWarning, ...]:
    """Return the line that PEFT's print_trainable_parameters() prints, as a warning."""
    total = totals.trainable + totals.frozen
    percent = 100 * totals.trainable / total if total else 0.0
    line = f"trainable params: {totals.trainable:,} || all params: {total:,} || trainable%: {percent:.4f}"
    return (ReportWarning("trainable_parameters", "", line),)

"""PEFT's adapters over a model: what an adapter_config.json makes of it, as print_trainable_parameters() counts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.adapters import methods
from paramcount.adapters.bases import base_of
from paramcount.adapters.configs import VERSION, AdapterConfig, known_members, method_of, warnings
from paramcount.adapters.injection import Injection
from paramcount.adapters.prompting import prompted
from paramcount.adapters.replication import replicated
from paramcount.model.budget import Limits
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.layers import Layer
from paramcount.model.report import Report, ReportWarning, Row
from paramcount.model.tensors import Totals

__all__ = ["VERSION", "AdapterConfig", "AdapterProblems", "adapt", "methods"]

_MOST_NAMED = 10


class AdapterProblems(Problems):
    """Every problem of an adapter's config at once, as pointers into it."""


def adapt(
    document: Document, report: Report, config: Mapping[str, Any], payload: Any, form: str, limits: Limits
) -> Document:
    """The model of a document with PEFT's adapter in it: its base frozen, what the adapter adds beside it.

    `report` is the document's own, counted without rules, and `payload` what it was read from, in the format `form`.
    Raises AdapterProblems.
    """
    try:
        method = method_of(config)
        base = base_of(document, payload, form)
        known = known_members(config)
        root = _counted(document.root, report.root)
        if ranges := known.get("layer_replication"):
            root = replicated(root, ranges, limits.max_copies)
        injection = Injection(known, method, base, root, limits)
        root = injection.run()
        if not method.kinds:
            root = prompted(root, known, method, base)
    except Problems as problems:
        raise AdapterProblems(problems.problems) from None
    except ArchitectureError as error:
        raise AdapterProblems([error]) from None
    said = (*report.warnings, *warnings(config), *injection.warnings, _summary(root, method.name))
    adapted = Document(root, "torch", "torch", warnings=said, warnings_from_totals=_printed, adapted=True)
    return adapted._replace(format=document.format)


def _counted(layer: Layer, row: Row) -> Layer:
    """A layer with the tensors that it was counted with."""
    beneath = {child.name: child for child in row.children}
    children = tuple(_counted(child, beneath[child.name]) for child in layer.children if child.name in beneath)
    return layer._replace(tensors=row.tensors, children=children, trainable=True, calls=(), graph=None, pointer="")


def _summary(root: Layer, name: str) -> ReportWarning:
    """Which modules were hit."""
    found = list(_hits(root, "", f"{name.lower()}."))
    copies = sum(times for _, times in found)
    listed = ", ".join(path for path, _ in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    where = f" on {copies:,} modules: {listed}{more}" if found else ""
    return ReportWarning("adapter", "", f"{name} of PEFT {VERSION}{where}")


def _hits(layer: Layer, path: str, mark: str, times: int = 1) -> list[tuple[str, int]]:
    found = [(path, times)] if layer.type.startswith(mark) else []
    for child in layer.children:
        found += _hits(child, f"{path}.{child.name}" if path else child.name, mark, times * child.repeat)
    return found


def _printed(totals: Totals) -> tuple[ReportWarning, ...]:
    """What print_trainable_parameters() prints."""
    everything = totals.trainable + totals.frozen
    percent = 100 * totals.trainable / everything if everything else 0.0
    line = f"trainable params: {totals.trainable:,} || all params: {everything:,} || trainable%: {percent:.4f}"
    return (ReportWarning("trainable_parameters", "", line),)

"""A comparison as JSON-able data, as text, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any, TypedDict

import orjson

from paramcount.analysis.compare import Change, ChangeKind, Comparison
from paramcount.analysis.parameters import count_parameters
from paramcount.model.report import Report
from paramcount.model.tensors import Convention
from paramcount.rendering import HTML, JSON, MARKDOWN, TEXT
from paramcount.rendering.fields import TOTALS, TotalFields, printable, total_fields
from paramcount.rendering.json import as_json as report_as_json
from paramcount.rendering.json import warning_as_json
from paramcount.rendering.markdown import code, table
from paramcount.rendering.page import render_page
from paramcount.rendering.parameters import parameters_as_json, versions_as_json

MAX_RESIZED_TENSORS = 20
"""The names of tensors that have an entry of their own; all others share one."""


Names = tuple[str, str]
"""The names of the two files that are compared, or NO_NAMES."""

NO_NAMES: Names = ("", "")


class ChangeSummary(TypedDict):
    """The layers and the elements that one kind of change concerns."""

    layers: int
    elements: int


class Resized(TypedDict):
    """The tensors of one name in resized layers: the number of layers, and of elements that there are more."""

    tensor: str
    layers: int
    elements: int


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison's members."""
    before, after = _totals(comparison)
    return {
        "convention": comparison.convention,
        "exact": comparison.before.exact and comparison.after.exact,
        "before": _report_as_json(comparison.before, before),
        "after": _report_as_json(comparison.after, after),
        "difference": {name: after[name] - before[name] for name in TOTALS},
        "summary": summarize(comparison),
        "resized": resized_tensors(comparison),
        "changes": [_change_as_json(change, comparison.convention) for change in comparison.changes],
    }


def summarize(comparison: Comparison) -> dict[ChangeKind, ChangeSummary]:
    """Return the layers and elements that each kind of change concerns."""
    summary: dict[ChangeKind, ChangeSummary] = {}
    for change in comparison.changes:
        for kind, elements in change.kinds.items():
            entry = summary.setdefault(kind, {"layers": 0, "elements": 0})
            entry["layers"] += 1
            entry["elements"] += elements
    return summary


def resized_tensors(comparison: Comparison) -> list[Resized]:
    """Return the resized tensors by name, the largest change first; they add up to the elements of `resized`."""
    by_name: dict[str, Resized] = {}
    for change in comparison.changes:
        for name, elements in change.tensors.items():
            entry = by_name.setdefault(name, {"tensor": name, "layers": 0, "elements": 0})
            entry["layers"] += 1
            entry["elements"] += elements
    entries = sorted(by_name.values(), key=lambda entry: -abs(entry["elements"]))
    if others := entries[MAX_RESIZED_TENSORS:]:
        layers = sum(entry["layers"] for entry in others)
        elements = sum(entry["elements"] for entry in others)
        entries[MAX_RESIZED_TENSORS:] = [{"tensor": "", "layers": layers, "elements": elements}]
    return entries


def as_text(comparison: Comparison, names: Names = NO_NAMES) -> str:
    """Render what is compared, a line for each change, then the totals of both and the difference."""
    before, after = _totals(comparison)
    lines = [*_heading(comparison, names), ""]
    for change in comparison.changes:
        was = f"{change.was} → " if change.was else ""
        detail = f" ({change.detail})" if change.detail else ""
        lines.append(printable(f"{was}{change.path or '(model)'}: {_kinds(change)}{detail}{_guess(change)}"))
    if not comparison.changes:
        lines.append("No difference.")
    lines += [
        f"resized in all: {printable(entry['tensor']) or 'others'} {_sum_of(entry)}"
        for entry in resized_tensors(comparison)
    ]
    lines.append("")
    lines.append(f"{'':10}{'before':>20}{'after':>20}{'difference':>20}")
    for name in TOTALS:
        difference = after[name] - before[name]
        lines.append(f"{name.capitalize():10}{before[name]:>20,}{after[name]:>20,}{difference:>+20,}")
    lines.append(f"{'Parameters':10}{''.join(f'{cell:>20}' for cell in _records(comparison))}")
    lines += [printable(f"NOT EXACT, {warning}") for warning in _inexact(comparison)]
    return "\n".join(lines) + "\n"


def as_markdown(comparison: Comparison, names: Names = NO_NAMES) -> str:
    """Render a section of a review: the totals of both, the resized tensors, a row a change."""
    before, after = _totals(comparison)
    reports = (comparison.before, comparison.after)
    lines = [f"## Parameters: {' → '.join(map(code, _sides(comparison, names)))}", ""]
    if not all(report.exact for report in reports):
        lines += ["**Not exact:** what could not be seen is not compared.", ""]
        lines += [*(f"- {code(warning)}" for warning in _inexact(comparison)), ""]
    totals = [
        [name.capitalize(), f"{before[name]:,}", f"{after[name]:,}", f"{after[name] - before[name]:+,}"]
        for name in TOTALS
    ]
    totals.append(["Parameters", *_records(comparison)])
    lines += table([f"As {comparison.convention} counts", "Before", "After", "Difference"], totals, 1)
    if resized := resized_tensors(comparison):
        lines += [f"- resized in all: {code(entry['tensor']) or 'others'} {_sum_of(entry)}" for entry in resized]
        lines.append("")
    changes = [
        [code(change.path or "(model)"), code(change.was), f"{_kinds(change)}{_guess(change)}", code(change.detail)]
        for change in comparison.changes
    ]
    lines += table(["Layer", "Was", "Change", "Detail"], changes, 4) if changes else ["No difference."]
    return "\n".join(lines).rstrip("\n") + "\n"


def as_page(comparison: Comparison, names: Names = NO_NAMES) -> str:
    """Render a page that stands alone, with a picture of each side; without scripts it is the text."""
    before, after = (
        report_as_json(report._replace(convention=comparison.convention))
        for report in (comparison.before, comparison.after)
    )
    data = {"comparison": as_json(comparison), "before": before, "after": after}
    title = " → ".join(_sides(comparison, names))
    return render_page(title, f"<pre>{escape(as_text(comparison, names))}</pre>\n", data)


COMPARISONS: Mapping[str, Callable[[Comparison, Names], str]] = {
    JSON: lambda comparison, _names: orjson.dumps(as_json(comparison)).decode(),
    TEXT: as_text,
    MARKDOWN: as_markdown,
    HTML: as_page,
}
"""The renderers of a comparison, by media type."""


def _sides(comparison: Comparison, names: Names) -> list[str]:
    """Return what stands for each side: the name of its file, where there is one, its model's name, and its format."""
    reports = (comparison.before, comparison.after)
    return [
        f"{f'{name}: ' if name else ''}{report.root.name or 'model'} ({report.format})"
        for name, report in zip(names, reports, strict=True)
    ]


def _heading(comparison: Comparison, names: Names) -> list[str]:
    before, after = map(printable, _sides(comparison, names))
    return [f"Before: {before}", f"After:  {after}", f"Both are counted in the {comparison.convention} convention."]


def _guess(change: Change) -> str:
    return ", matched by shape and order" if change.matched_by == "shape_and_order" else ""


def _totals(comparison: Comparison) -> tuple[TotalFields, TotalFields]:
    """Return the totals before and after."""
    before, after = comparison.before.root.totals, comparison.after.root.totals
    return total_fields(before, comparison.convention), total_fields(after, comparison.convention)


def _records(comparison: Comparison) -> tuple[str, str, str]:
    """Return the numbers of record before and after, and their difference."""
    totals = [count_parameters(report._replace(convention=comparison.convention)).total
              for report in (comparison.before, comparison.after)]  # fmt: skip
    before, after = totals
    difference = "unknown" if before is None or after is None else f"{after - before:+,}"
    shown = ["unknown" if total is None else f"{total:,}" for total in totals]
    return shown[0], shown[1], difference


def _inexact(comparison: Comparison) -> list[str]:
    """Return the warnings of what could not be seen in either report, and so is not compared."""
    return [
        f"{side}: {warning.path or warning.code}: {warning.detail}"
        for side, report in (("before", comparison.before), ("after", comparison.after))
        for warning in report.warnings
        if not warning.exact
    ]


def _sum_of(entry: Resized) -> str:
    return f"{entry['elements']:+,} in {entry['layers']:,} layer{'s' * (entry['layers'] != 1)}"


def _kinds(change: Change) -> str:
    return ", ".join(f"{kind} {elements:{'+' * (kind == 'resized')},}" for kind, elements in change.kinds.items())


def _report_as_json(report: Report, totals: TotalFields) -> dict[str, Any]:
    return {
        "name": report.root.name,
        "format": report.format,
        "exact": report.exact,
        "totals": totals,
        "parameters": parameters_as_json(report, total_fields(report.root.totals, report.convention)),
        "counted_by": versions_as_json(report),
        "warnings": [warning_as_json(warning) for warning in report.warnings],
    }


def _change_as_json(change: Change, convention: Convention) -> dict[str, Any]:
    members = {
        "path": change.path,
        "type": change.type,
        "kinds": change.kinds,
        "before": total_fields(change.before, convention),
        "after": total_fields(change.after, convention),
        "detail": change.detail,
    }
    return members | ({"was": change.was, "matched_by": change.matched_by} if change.was else {})

"""A comparison as JSON-able data, as text, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import orjson

from paramcount.analysis.compare import Change, Comparison
from paramcount.model.report import Report
from paramcount.model.tensors import Convention
from paramcount.rendering.fields import TotalFields, printable, total_fields
from paramcount.rendering.markdown import code, table

MOST_NAMES = 20
"""How many tensors are told by name."""


class Resized(TypedDict):
    """The tensors of one name in resized layers: how many layers, and how many elements there are more."""

    tensor: str
    layers: int
    elements: int


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON-able data."""
    convention = comparison.convention
    old, new = (total_fields(report.root.totals, convention) for report in (comparison.before, comparison.after))
    return {
        "convention": convention,
        "exact": comparison.before.exact and comparison.after.exact,
        "before": _side(comparison.before, old),
        "after": _side(comparison.after, new),
        "difference": {name: new[name] - old[name] for name in old},  # type: ignore[literal-required]
        "summary": summary(comparison),
        "resized": resized(comparison),
        "changes": [_change(change, convention) for change in comparison.changes],
    }


def summary(comparison: Comparison) -> dict[str, dict[str, int]]:
    """How many layers each kind of change concerns, and how many elements."""
    found: dict[str, dict[str, int]] = {}
    for change in comparison.changes:
        for kind, elements in change.kinds.items():
            entry = found.setdefault(kind, {"layers": 0, "elements": 0})
            entry["layers"] += 1
            entry["elements"] += elements
    return found


def resized(comparison: Comparison) -> list[Resized]:
    """What the resized layers come to, by the names of their tensors, the largest first; they add up to `resized`."""
    found: dict[str, Resized] = {}
    for change in comparison.changes:
        for name, elements in change.tensors.items():
            entry = found.setdefault(name, {"tensor": name, "layers": 0, "elements": 0})
            entry["layers"] += 1
            entry["elements"] += elements
    largest = sorted(found.values(), key=lambda entry: -abs(entry["elements"]))
    more = largest[MOST_NAMES:]
    if more:
        layers, elements = (sum(entry[of] for entry in more) for of in ("layers", "elements"))
        largest[MOST_NAMES:] = [{"tensor": "", "layers": layers, "elements": elements}]
    return largest


def comparison_as_text(comparison: Comparison) -> str:
    """A line a change, then the totals of both and the difference."""
    data = comparison_as_json(comparison)
    lines = []
    for change in comparison.changes:
        was = f"{change.was} → " if change.was else ""
        detail = f" ({change.detail})" if change.detail else ""
        lines.append(printable(f"{was}{change.path or '(model)'}: {_kinds(change)}{detail}"))
    lines += [
        f"resized in all: {printable(entry['tensor']) or 'others'} {_come_to(entry)}" for entry in data["resized"]
    ]
    lines.append(f"{'':10}{'before':>20}{'after':>20}{'difference':>20}")
    for column in ("total", "trainable", "frozen", "buffers", "bytes"):
        old, new = (data[side]["totals"][column] for side in ("before", "after"))
        more = data["difference"][column]
        lines.append(f"{column.capitalize():10}{old:>20,}{new:>20,}{more:>+20,}")
    lines += [printable(f"NOT EXACT, {said}") for said in _unseen(comparison)]
    return "\n".join(lines) + "\n"


def comparison_as_markdown(comparison: Comparison) -> str:
    """A section of a review: the totals of both, what the resized layers come to, a row a change."""
    data = comparison_as_json(comparison)
    names = (code(f"{data[side]['name'] or 'model'} ({data[side]['format']})") for side in ("before", "after"))
    lines = [f"## Parameters: {' → '.join(names)}", ""]
    if not data["exact"]:
        lines += ["**Not exact:** what could not be seen is not compared.", ""]
        lines += [*(f"- {code(said)}" for said in _unseen(comparison)), ""]
    rows = [
        [column.capitalize(), *(f"{data[side]['totals'][column]:,}" for side in ("before", "after")), f"{more:+,}"]
        for column, more in data["difference"].items()
    ]
    lines += table([f"As {data['convention']} counts", "Before", "After", "Difference"], rows, 1)
    lines += [f"- resized in all: {code(entry['tensor']) or 'others'} {_come_to(entry)}" for entry in data["resized"]]
    lines += [""] * bool(data["resized"])
    changes = [
        [code(change.path or "(model)"), code(change.was), _kinds(change), code(change.detail)]
        for change in comparison.changes
    ]
    lines += table(["Layer", "Was", "Change", "Detail"], changes, 4) if changes else ["No difference."]
    return "\n".join(lines).rstrip("\n") + "\n"


def _unseen(comparison: Comparison) -> list[str]:
    """What could not be seen of either, and so is not compared."""
    sides = (("before", comparison.before), ("after", comparison.after))
    return [
        f"{side}: {warning.path or warning.code}: {warning.detail}"
        for side, report in sides
        for warning in report.warnings
        if not warning.exact
    ]


def _come_to(entry: Resized) -> str:
    return f"{entry['elements']:+,} in {entry['layers']:,} layer{'s' * (entry['layers'] != 1)}"


def _kinds(change: Change) -> str:
    return ", ".join(f"{kind} {elements:{'+' * (kind == 'resized')},}" for kind, elements in change.kinds.items())


COMPARISONS: Mapping[str, Callable[[Comparison], str]] = {
    "application/json": lambda comparison: orjson.dumps(comparison_as_json(comparison)).decode(),
    "text/plain": comparison_as_text,
    "text/markdown": comparison_as_markdown,
}
"""What renders a comparison, by media type."""


def _side(report: Report, totals: TotalFields) -> dict[str, Any]:
    warnings = [{"code": n.code, "path": n.path, "detail": n.detail} for n in report.warnings]
    named = {"name": report.root.name, "format": report.format, "exact": report.exact}
    return {**named, "totals": totals, "warnings": warnings}


def _change(change: Change, convention: Convention) -> dict[str, Any]:
    rendered = {
        "path": change.path,
        "type": change.type,
        "kinds": change.kinds,
        "before": total_fields(change.before, convention),
        "after": total_fields(change.after, convention),
        "detail": change.detail,
    }
    return rendered | ({"was": change.was} if change.was else {})

"""A comparison as JSON-able data, and as text."""

from __future__ import annotations

from typing import Any

from service.comparing import Change, Comparison
from service.model import Convention, Report
from service.rendering.figures import Figures, figures, printable


def comparison_as_json(comparison: Comparison, before: str, after: str) -> dict[str, Any]:
    """The comparison, given the names of both documents' formats."""
    convention = comparison.convention
    old, new = (figures(report.root.totals, convention) for report in (comparison.before, comparison.after))
    return {
        "convention": convention,
        "exact": comparison.before.exact and comparison.after.exact,
        "before": _side(comparison.before, before, old),
        "after": _side(comparison.after, after, new),
        "difference": {name: new[name] - old[name] for name in old},  # type: ignore[literal-required]
        "summary": summary(comparison),
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


def comparison_as_text(comparison: Comparison, before: str, after: str) -> str:
    """A line a change, then the totals of both and the difference."""
    data = comparison_as_json(comparison, before, after)
    lines = []
    for change in comparison.changes:
        kinds = ", ".join(f"{kind} {elements:,}" for kind, elements in change.kinds.items())
        was = f"{change.was} → " if change.was else ""
        detail = f" ({change.detail})" if change.detail else ""
        lines.append(printable(f"{was}{change.path or '(model)'}: {kinds}{detail}"))
    lines.append(f"{'':10}{'before':>20}{'after':>20}{'difference':>20}")
    for column in ("total", "trainable", "frozen", "buffers", "bytes"):
        old, new = (data[side]["totals"][column] for side in ("before", "after"))
        more = data["difference"][column]
        lines.append(f"{column.capitalize():10}{old:>20,}{new:>20,}{more:>+20,}")
    return "\n".join(lines) + "\n"


def _side(report: Report, form: str, totals: Figures) -> dict[str, Any]:
    warnings = [{"code": n.code, "path": n.path, "detail": n.detail} for n in report.notices]
    return {"name": report.root.name, "format": form, "exact": report.exact, "totals": totals, "warnings": warnings}


def _change(change: Change, convention: Convention) -> dict[str, Any]:
    rendered = {
        "path": change.path,
        "type": change.type,
        "kinds": change.kinds,
        "before": figures(change.before, convention),
        "after": figures(change.after, convention),
        "detail": change.detail,
    }
    return rendered | ({"was": change.was} if change.was else {})

"""The report of an upgrade, in Markdown: what needs a person, what changed and how, what is new, lost or refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from tools.blueprints.results import AGREES, Checked, Held, Result
from tools.blueprints.workers import Pair

_MAX_LINE = 240


@dataclass(slots=True)
class Report:
    """The facts that an upgrade found."""

    library: str
    before: str
    version: str
    beside: dict[str, str] = field(default_factory=dict)  # the releases of what it was built with
    held: list[Held] = field(default_factory=list)
    new: list[Pair] = field(default_factory=list)
    lost: list[Pair] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)
    checked: dict[Pair, Checked] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)  # why one is wrong; '' where it holds
    minutes: dict[str, float] = field(default_factory=dict)  # of each phase

    @property
    def changed(self) -> list[Held]:
        """The records that the release does not agree with."""
        return [held for held in self.held if held.outcome != AGREES]

    @property
    def needs(self) -> list[str]:
        """The reasons why a person must look."""
        changed = {(held.model_type, held.name) for held in self.changed}
        gone = [one for one in self.results if one.record is None and (one.model_type, one.name) in changed]
        return [
            *(f"{_name(*pair)} is counted wrongly: {one.wrong}" for pair, one in self.checked.items() if one.wrong),
            *(f"the override of `{kind}` is wrong: {why}" for kind, why in self.overrides.items() if why),
            *(f"the override of `{kind}` no longer applies: {why}" for kind, why in self.stale.items()),
            *(f"{_name(one.model_type, one.name)} is refused from now on: {one.reason}" for one in gone),
        ]

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        needs = self.needs
        yield f"# {self.library} {self.before} -> {self.version}"
        if self.beside:
            yield from ("", "Built with " + ", ".join(map(" ".join, self.beside.items())) + ".")
        yield from ("", f"**{f'A person must look at {len(needs)}:' if needs else 'Nothing needs a person.'}**")
        yield from _list("", needs)
        yield from self._table()
        yield from self._list_changed()
        outcomes = {(one.model_type, one.name): one for one in self.results}
        yield from _list("New", (f"{_name(*pair)}: {_outcome(outcomes.get(pair))}" for pair in self.new))
        yield from _list("Lost", (f"{_name(*pair)}: {self.library} has it no more" for pair in self.lost))

    def _table(self) -> Iterator[str]:
        agreeing = [held for held in self.held if held.outcome == AGREES]
        compiled = [one for one in self.results if one.record is not None]
        narrow = sum(bool(one.narrow) for one in compiled)
        rows = {
            "unchanged": (len(agreeing), f"agree on {sum(held.counted for held in agreeing):,} configs"),
            "changed": (len(self.changed), f"{sum(held.is_another for held in self.changed)} build other tensors"),
            "new": (len(self.new), ""),
            "lost": (len(self.lost), ""),
            "compiled or mended": (len(compiled), f"{narrow} of which know some fields' defaults only"),
            "refused of what changed or is new": (len(self.results) - len(compiled), ""),
            "asked of the gate": (len(self.checked), f"{sum(not one.wrong for one in self.checked.values())} pass"),
            "overrides": (len(self.overrides), f"{sum(not why for why in self.overrides.values())} hold"),
        }
        yield from ("", "| | | |", "|---|---:|---|")
        yield from (f"| {title} | {number} |{note and ' '}{note} |" for title, (number, note) in rows.items() if number)
        if self.minutes:
            phases = ", ".join(f"{phase} {minutes:.0f}" for phase, minutes in self.minutes.items())
            yield from ("", f"This run took {sum(self.minutes.values()):.0f} minutes: {phases}.")

    def _list_changed(self) -> Iterator[str]:
        outcomes = {(one.model_type, one.name): one for one in self.results}
        if self.changed:
            yield from ("", "## Changed", "")
        for (model_type, tensors, why), same in groupby(self.changed, _change_key):
            classes = list(same)
            results = {_outcome(outcomes.get((model_type, held.name))) for held in classes}
            yield f"- {_name(model_type, *(held.name for held in classes))}: {' / '.join(sorted(results))}"
            yield from (f"  - `{tensor}`" for tensor in tensors or [why])


def resume(report: Report, begun: Path) -> None:
    """Add the facts of a run that was stopped, and keep all: once the data is written, it tells them no more."""
    facts = json.loads(begun.read_text()) if begun.exists() else {}
    if facts.get("version") == report.version:
        changed = {(one["model_type"], one["name"]): Held(**one) for one in facts["changed"]}
        report.before = facts["before"]
        report.held = list(({(one.model_type, one.name): one for one in report.held} | changed).values())
        new = dict.fromkeys([*map(tuple, facts["new"]), *report.new])
        report.new = [pair for pair in new if pair not in changed]
        report.lost = list(dict.fromkeys([*map(tuple, facts["lost"]), *report.lost]))
    facts = {
        "version": report.version, "before": report.before, "changed": [asdict(held) for held in report.changed],
        "new": report.new, "lost": report.lost,
    }  # fmt: skip
    begun.write_text(json.dumps(facts))


def _change_key(held: Held) -> tuple[str, list[str], str]:
    """The classes of a config that changed in the same way are one item."""
    return held.model_type, held.tensors, "" if held.tensors else held.why or held.outcome


def _list(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        shortened = (line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]} ..." for line in lines)
        yield from ("", *([f"## {title}", ""] if title else []), *(f"- {line}" for line in shortened))


def _name(model_type: str, *names: str) -> str:
    return f"`{model_type}` {', '.join(names)}"


def _outcome(result: Result | None) -> str:
    if result is None:
        return "not compiled yet"
    if result.record is None:
        return f"refused: {result.reason}"
    return result.narrow or "exact"

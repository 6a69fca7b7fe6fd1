"""The report of an upgrade, for a person: what is as it was, what changed and how, what is new, lost or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.blueprints.results import AGREES, Held, Result

if TYPE_CHECKING:
    from tools.blueprints.checking import Checked


@dataclass(slots=True)
class Report:
    """The facts that an upgrade found."""

    library: str
    before: str
    version: str
    held: list[Held] = field(default_factory=list)
    new: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)
    checked: dict[tuple[str, str], Checked] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)  # why one is wrong; '' where it holds

    @property
    def wrong(self) -> list[str]:
        """The classes and the overrides that the gate found to be wrong."""
        classes = [f"{' '.join(pair)}: {one.wrong}" for pair, one in self.checked.items() if one.wrong]
        return [*classes, *(f"override of {kind}: {why}" for kind, why in self.overrides.items() if why)]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        changed = [held for held in self.held if held.outcome != AGREES]
        configs = sum(held.counted for held in self.held)
        yield f"{self.library} {self.before} -> {self.version}"
        yield f"unchanged: {len(self.held) - len(changed)} records, which agree on {configs:,} configs"
        yield f"changed: {len(changed)}"
        for held in changed:
            yield f"  {held.model_type} {held.name}: {held.outcome}: {held.why}"
            yield from (f"      {tensor}" for tensor in held.tensors)
        yield from _list(f"new: {len(self.new)}", (f"{kind} {name}" for kind, name in self.new))
        yield from _list(f"lost: {len(self.lost)}", (f"{kind} {name}" for kind, name in self.lost))
        shipped = [result for result in self.results if result.record is not None]
        yield from _list(f"compiled: {len(shipped)}", (f"{_name(one)}: {one.narrow or 'exact'}" for one in shipped))
        refused = [result for result in self.results if result.record is None]
        yield from _list(f"refused: {len(refused)}", (f"{_name(one)}: {one.reason}" for one in refused))
        stale = (f"{kind}: {why}" for kind, why in self.stale.items())
        yield from _list(f"overrides that no longer apply: {len(self.stale)}", stale)
        yield f"gate: {len(self.checked)} classes, {len(self.overrides)} overrides, {len(self.wrong)} wrong"
        yield from (f"  {one}" for one in self.wrong)


def _list(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield title
    yield from (f"  {line}" for line in lines)


def _name(result: Result) -> str:
    return f"{result.model_type} {result.name}"

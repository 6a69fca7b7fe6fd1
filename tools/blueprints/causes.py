"""The fields that what could not be learned follows from: left as they are, the rest of a class can be learned."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from tools.blueprints.phases import Run

if TYPE_CHECKING:
    from tools.blueprints.explorer import Explorer

_INDEX = re.compile(r"\\\{[0-9]+\\\}")
_SHAPE = "shape of "
_OF_NAMES = ("presence of ", "number of ", "how many ")


def find_cause(failures: Sequence[str], explorer: Explorer) -> set[str]:
    """Return the field that most of what was not learned follows from, and the least of the rest; none if none is seen.

    It is sought among the fields of which one change alone changed whether such a tensor is there, or how it is shaped.
    """
    names = [(failure, *_parse(failure)) for failure in failures]
    explained: dict[str, set[str]] = {}
    reach: dict[str, int] = {}
    for path, one in _single_changes(explorer):
        differing = set(_compare(one, explorer.first))
        for failure, pattern, of_shape in names:
            if any(pattern.match(name) and (missing or of_shape) for name, missing in differing):
                explained.setdefault(path, set()).add(failure)
        reach[path] = max(reach.get(path, 0), len({re.sub(r"[0-9]+", "#", name) for name, _ in differing}))
    best = sorted(explained, key=lambda path: (-len(explained[path]), reach[path], path))
    return set(best[:1])


def _parse(failure: str) -> tuple[re.Pattern[str], bool]:
    """The names that a failure is of, and whether it is of their shape."""
    of_shape = failure.startswith(_SHAPE)
    name = failure
    for beginning in (_SHAPE, *_OF_NAMES):
        name = name.removeprefix(beginning)
    return re.compile(_INDEX.sub("[0-9]+", re.escape(name))), of_shape


def _single_changes(explorer: Explorer) -> Iterator[tuple[str, Run]]:
    """The runs that differ from the first in one field that can be left as it is."""
    base, shrunk = explorer.first.changes, explorer.first.changes.keys() - explorer.start.keys()
    for one in explorer.runs:
        changed = {path for path, value in one.changes.items() if str(value) != str(base.get(path))}
        changed |= base.keys() - one.changes.keys()
        if len(changed) == 1 and not changed & (shrunk | explorer.pinned):
            yield changed.pop(), one


def _compare(one: Run, other: Run) -> Collection[tuple[str, bool]]:
    """The names of tensors and of fields that differ between two runs, and whether one of them has none such."""
    differing = []
    for phase, base in ((one.model, other.model), (one.config, other.config)):
        for name in phase.facts.keys() | base.facts.keys():
            fact, known = phase.facts.get(name), base.facts.get(name)
            if fact is None or known is None or (fact.value, fact.mark) != (known.value, known.mark):
                differing.append((name, fact is None or known is None or fact.mark != known.mark))
    return differing

"""The result of compiling a class, its merge with what was learned before, and the result of holding a record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tools.blueprints.clauses import equal_to

Record = dict[str, Any]

ONLY_DEFAULTS = "only its defaults"

_NOT_ZERO = re.compile(r"[\w.]+ > 0")
"""The clause of a number that is free: it takes all but one value."""

MEMBERS = ("within", "forms", "pins")
"""The members of a record that are found of what ships: the models that configs inside may be of, the other forms of
fields, and what must hold of lists."""


@dataclass(slots=True)
class Result:
    """The result for a class: its record, or the reason that it has none."""

    model_type: str
    name: str
    shared: Record | None = None
    record: Record | None = None
    reason: str = ""
    seconds: float = 0
    builds: int = 0
    verified: int = 0  # held-out configs that agreed
    refused: int = 0  # held-out configs that the blueprint itself refuses
    pinned: list[str] = field(default_factory=list)
    narrow: str = ""  # how it knows less than the class does

    @property
    def rank(self) -> int:
        """Return how much is known."""
        if self.record is None:
            return 0
        return 3 if not self.narrow else 1 if self.narrow == ONLY_DEFAULTS else 2


AGREES, DIFFERS, NOT_BUILT = "agrees", "differs", "is not built"


@dataclass(slots=True)
class Held:
    """The result of holding a class: whether the release builds what its record says, of its own config and others."""

    model_type: str
    name: str
    outcome: str = AGREES
    why: str = ""
    tensors: list[str] = field(default_factory=list)  # of its own config, those that differ, blocks folded
    counted: int = 0
    refused: int = 0
    seconds: float = 0
    budget: float = 0  # seconds that it could have taken

    @property
    def is_another(self) -> bool:
        """Return whether something else is built today, which is more than that the record refuses what is written."""
        return self.outcome != AGREES and not self.why.startswith("refused: ")

    def __str__(self) -> str:
        counted = f"{self.counted} configs agree, {self.refused} refused, {self.seconds} s"
        return f"{self.model_type} {self.name}: {self.outcome}{self.why and ': '}{self.why} ({counted})"


class Checked(NamedTuple):
    """The result of checking a shipped blueprint."""

    counted: int
    refused: int
    wrong: str  # the first config that it counts otherwise than the framework, and how; empty: none

    def __str__(self) -> str:
        counted = f"{self.counted} configs counted as transformers does, {self.refused} refused"
        return f"WRONG: {self.wrong} ({counted} before)" if self.wrong else counted


def knows_less(result: Result, before: Record) -> bool:
    """Return whether a record that is there takes more configs: it is of more than the defaults, or assumes less."""
    if result.record is None:
        return True
    fixed = result.narrow == ONLY_DEFAULTS
    if fixed != before.get("fixed", False):
        return fixed
    return _count_assumptions(result.record) > _count_assumptions(before)


def _count_assumptions(record: Record) -> int:
    return sum(not _NOT_ZERO.fullmatch(clause) for clause in (*record["given"], *record["assumed"]))


def renew(before: Record, results: Sequence[Result], *, keep_members: bool) -> Record:
    """Return a family with new results; its classes that have none stay as they were.

    `keep_members`: what was found apart (MEMBERS) was found of the same sources. Of others, defaults may have changed.
    """
    old: dict[str, Record] = before.get("classes", {})
    kept = old.keys() - {result.name for result in results}
    family: Record = dict(before) if kept else {"defaults": {}, "parts": {}, "aliases": {}, "classes": {}}
    classes = {name: old[name] for name in kept}
    for result in results:
        if result.record is None or result.shared is None:
            continue
        for part in ("defaults", "parts", "aliases"):
            learned, new = family[part], result.shared[part]
            family[part] = _join(learned, new) if keep_members else _join(new, learned)
        if "auto" in result.shared and result.shared["parts"]:
            family |= {name: result.shared[name] for name in ("auto", "flat")}
        fixed = {"fixed": True} if result.narrow == ONLY_DEFAULTS else {}
        before_it = old.get(result.name, {}) if keep_members else {}
        members_before = {member: before_it[member] for member in MEMBERS if member in before_it}
        kept_members = {name: content for name, content in members_before.items() if name not in result.record}
        classes[result.name] = result.record | fixed | kept_members
    for name, record in classes.items():
        if record.get("fixed"):
            classes[name] = record | {"given": [_restate_pin(pin, family["defaults"]) for pin in record["given"]]}
    return family | {"classes": dict(sorted(classes.items()))}


def _join(one: Record, other: Record) -> Record:
    """Return what two classes of one config know of its fields; null says only that a class never read the field."""
    return other | {path: value for path, value in one.items() if value is not None or path not in other}


def _restate_pin(pin: str, defaults: Record) -> str:
    """Return a pin to null as one to the default, where another class of the config knows that."""
    path = pin.removesuffix(" is None")
    return pin if path == pin or defaults.get(path) is None else equal_to(path, defaults[path])

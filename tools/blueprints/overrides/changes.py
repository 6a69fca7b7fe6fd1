"""Overrides: changes of what the compiler learned of a model type."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Record = dict[str, Any]
Config = Mapping[str, Any]


class StaleOverride(Exception):
    """Raised where the learned record no longer holds what an override replaces: a person must look at both."""


class Change(Protocol):
    """One change of the record of a class."""

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:
        """Change a record in place, one of those that were `learned`.

        Raises StaleOverride when there is nothing to change.
        """


@dataclass(frozen=True, slots=True)
class Replace:
    """Put clauses in place of the learned ones that match a pattern as a whole; without clauses, remove those."""

    section: str
    pattern: str
    clauses: tuple[str, ...] = ()

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        clauses: list[str] = record[self.section]
        matching = [index for index, clause in enumerate(clauses) if re.fullmatch(self.pattern, clause)]
        if not matching:
            raise StaleOverride(f"no learned clause of {self.section} matches {self.pattern!r}")
        before = clauses[: matching[0]]
        after = [clause for index, clause in enumerate(clauses) if index > matching[0] and index not in matching]
        record[self.section] = [*before, *self.clauses, *after]


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove those of some clauses that were learned."""

    section: str
    clauses: frozenset[str]

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        kept = [clause for clause in record[self.section] if clause not in self.clauses]
        if len(kept) == len(record[self.section]):
            raise StaleOverride(f"{self.section} holds none of the clauses to remove")
        record[self.section] = kept


@dataclass(frozen=True, slots=True)
class Append:
    """Put clauses after the learned ones."""

    section: str
    clauses: tuple[str, ...]

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        if known := set(self.clauses) & set(record[self.section]):
            raise StaleOverride(f"{self.section} holds {min(known)!r} already")
        record[self.section] = [*record[self.section], *self.clauses]


@dataclass(frozen=True, slots=True)
class DeriveNull:
    """Derive a field where it is null, and take any other value: in place of the clause that knows one value only."""

    path: str

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        prefix = f"{self.path} is None or {self.path} == "
        matching = [clause for clause in record["given"] if clause.startswith(prefix)]
        if not matching:
            raise StaleOverride(f"no learned clause gives the value of {self.path}")
        value = matching[0].removeprefix(prefix)
        record["given"] = [clause for clause in record["given"] if clause != matching[0]]
        derived = f"{self.path} = {value} where {self.path} is None"
        record["rules"] = [derived, f"{self.path} = {self.path} where not {self.path} is None", *record["rules"]]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Replace a part of each learned clause that holds it."""

    section: str
    part: str
    replacement: str

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        changed = [clause.replace(self.part, self.replacement) for clause in record[self.section]]
        if changed == record[self.section]:
            raise StaleOverride(f"no learned clause of {self.section} holds {self.part!r}")
        record[self.section] = changed


_CLAUSE = re.compile(r"(.*?)(?: where (.*?))?((?: tied to | frozen| buffer ).*)?")


@dataclass(frozen=True, slots=True)
class Guard:
    """Make a condition of the clauses that match a pattern as a whole."""

    pattern: str
    condition: str

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        clauses: list[str] = record["tensors"]
        changed = [self._guard(clause) if re.fullmatch(self.pattern, clause) else clause for clause in clauses]
        if changed == clauses:
            raise StaleOverride(f"no learned clause matches {self.pattern!r}")
        record["tensors"] = changed

    def _guard(self, clause: str) -> str:
        match = _CLAUSE.fullmatch(clause)
        assert match is not None, clause
        tensors, guard, rest = match.groups(default="")
        return f"{tensors} where {self.condition}{f' and ({guard})' if guard else ''}{rest}"


@dataclass(frozen=True, slots=True)
class SetFields:
    """Set the kinds of value that a class takes of some fields; None removes a field."""

    kinds: Mapping[str, str | None]

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        fields = {**record["fields"], **self.kinds}
        changed = {path: kinds for path, kinds in sorted(fields.items()) if kinds is not None}
        if changed == record["fields"]:
            raise StaleOverride(f"the fields {', '.join(self.kinds)} are learned already")
        record["fields"] = changed


@dataclass(frozen=True, slots=True)
class SetSlots:
    """Set the slots of a class, where the model types of configs inside put their own blueprints."""

    slots: Mapping[str, Any]

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        if record.get("within") == self.slots:
            raise StaleOverride("the slots are learned already")
        record["within"] = dict(self.slots)


@dataclass(frozen=True, slots=True)
class AssumeInSlot:
    """Refuse configs in a slot of which a condition does not hold, for some of the model types that it takes."""

    path: str
    model_types: Sequence[str]
    condition: str

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        slots: Record = record.get("within", {})
        if not set(self.model_types) <= slots.get(self.path, {}).get("takes", {}).keys():
            raise StaleOverride(f"no slot at {self.path} takes {', '.join(self.model_types)}")
        slot = slots[self.path]
        assumed = slot.get("assumes", {})
        more = {kind: [*assumed.get(kind, ()), self.condition] for kind in self.model_types}
        record["within"] = {**slots, self.path: {**slot, "assumes": {**assumed, **more}}}


@dataclass(frozen=True, slots=True)
class Wrap:
    """Take the record of the class that this one wraps, where only its own defaults could be learned of this one."""

    wrapped: str
    prefix: str
    """The prefix of the names of the wrapped class's tensors."""

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:
        if self.wrapped not in learned:
            raise StaleOverride(f"{self.wrapped} is not learned")
        base = learned[self.wrapped]
        record.pop("fixed", None)
        record.update(base, tensors=[self.prefix + clause for clause in base["tensors"]])


@dataclass(frozen=True, slots=True)
class Unwrap:
    """Take the record of a class that wraps this one, of what is within, where only the defaults could be learned."""

    wrapping: str
    prefix: str
    """The prefix of this class's tensors in the wrapping one."""
    parts: tuple[str, ...] = ("",)
    """The beginnings of the names of this class's tensors."""

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:
        if self.wrapping not in learned:
            raise StaleOverride(f"{self.wrapping} is not learned")
        base = learned[self.wrapping]
        if "within" in base:
            raise StaleOverride(f"{self.wrapping} has slots for models inside, which would have to move")
        beginnings = tuple(self.prefix + part for part in self.parts)
        clauses = [clause for clause in base["tensors"] if clause.startswith(beginnings)]
        tied, tied_here = f" tied to {self.prefix}", " tied to "
        record.pop("fixed", None)
        record.update(base, tensors=[clause.removeprefix(self.prefix).replace(tied, tied_here) for clause in clauses])


@dataclass(frozen=True, slots=True)
class Write:
    """Write the record, where only the defaults could be learned."""

    record: Mapping[str, Any]

    def apply(self, record: Record, learned: Mapping[str, Record]) -> None:  # noqa: ARG002
        if not record.get("fixed"):
            raise StaleOverride("more than its defaults is learned")
        record.clear()
        record.update(self.record)


@dataclass(frozen=True, slots=True)
class Override:
    """The clauses that replace learned ones of a model type's classes."""

    reason: str
    """Why the compiler cannot learn this, and where transformers says it."""
    classes: Mapping[str, Sequence[Change]]
    proofs: Sequence[Config]
    """Configs of which every class must count tensor by tensor what transformers builds."""
    refused: Sequence[Config]
    """Configs that every class must refuse."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Fields that the compiler never saw, each with its default."""
    proofs_of_classes: Mapping[str, Sequence[Config]] = field(default_factory=dict)
    """By class: further configs that this one must count."""
    unread: Collection[str] = ()
    """Fields of the defaults that nothing reads."""
    flat: str = ""
    """The config inside whose fields may stand in the config around it instead."""


def apply(override: Override, family: Mapping[str, Any]) -> Record:
    """Return the family that ships (what a model type's classes share, and their records), of the one that was learned.

    Raises StaleOverride with the class and the clause that is not there.
    """
    classes: Mapping[str, Record] = family["classes"]
    if unknown := override.classes.keys() - classes.keys():
        raise StaleOverride(f"{min(unknown)} is not learned")
    if unknown := set(override.unread) - family["defaults"].keys():
        raise StaleOverride(f"{min(unknown)} is no field")
    changed = {name: _change(name, classes, override.classes.get(name, ())) for name in classes}
    defaults = {path: value for path, value in family["defaults"].items() if path not in override.unread}
    flat = {"flat": override.flat} if override.flat else {}
    return {**family, "defaults": {**defaults, **override.defaults}, **flat, "classes": changed}


def _change(name: str, learned: Mapping[str, Record], changes: Sequence[Change]) -> Record:
    changed = dict(learned[name])
    for change in changes:
        try:
            change.apply(changed, learned)
        except StaleOverride as error:
            raise StaleOverride(f"{name}: {error}") from None
    return changed

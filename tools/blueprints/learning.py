"""From runs to entries: facts of one name are grouped, their shapes fitted, and a guard learned for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.blueprints.atoms import Domains, find_numbered_words, template
from tools.blueprints.fitting import Seen, fit, fits, table
from tools.blueprints.formulas import Literal, formula, rows_where
from tools.blueprints.phases import Phase
from tools.blueprints.terms import Term, fill, paths, simple, skeleton

Mark = tuple[Any, bool, str]
"""The kind of a name: the name that it is tied to (with how many indices, once learned: with which), whether it is
frozen, and a buffer's dtype."""


@dataclass(slots=True)
class Learned:
    """The facts about a name: the terms of its shape (or value), how many blocks, when it is there."""

    name: str
    terms: tuple[Term, ...]
    counts: tuple[Term, ...]
    guard: Term
    mark: Mark


@dataclass(slots=True)
class _Instance:
    run: int
    at: tuple[int, ...]
    slots: tuple[Term, ...]
    value: tuple[Any, ...]


@dataclass(slots=True)
class _Group:
    """Facts of one name whose terms are of one form."""

    name: str
    mark: Mark
    form: tuple[Term, ...]
    instances: list[_Instance] = field(default_factory=list)
    terms: tuple[Term, ...] | None = None


class Learner:
    """Learns entries of the facts of several runs; what it cannot learn is in `failures`."""

    def __init__(self, phases: Sequence[Phase], names: Iterable[str] | None = None, *, literal: bool = False) -> None:
        """Of all facts, or of some names; with `literal`, of values as they are, not as they came to be."""
        self.phases = phases
        self.failures: list[str] = []
        wanted = None if names is None else frozenset(names)
        placed, words = _find_positional_lists(phases), find_numbered_words(phases)
        groups: dict[Any, _Group] = {}
        for run, phase in enumerate(phases):
            for name, fact in phase.facts.items():
                if wanted is not None and name.partition("[")[0] not in wanted:
                    continue
                general, at = template(name, words)
                tied, tied_indices = template(fact.mark[0], words)
                mark: Mark = ((tied, len(tied_indices)), *fact.mark[1:])
                slots: list[Term] = []
                terms = tuple(("c", one) for one in fact.value) if literal else fact.terms
                if "[." in name and terms[0][0] == "spl" and not literal:
                    terms = ((*terms[0][:3], ("i", terms[0][3])),)
                if general in placed and terms[0][0] == "c":
                    terms = tuple(("?", one) for one in fact.value)
                terms += tuple(("?", index) for index in tied_indices)
                form = tuple(skeleton(simple(term), slots) for term in terms)
                group = groups.setdefault((general, mark, form), _Group(general, mark, form))
                group.instances.append(_Instance(run, at, tuple(slots), (*fact.value, *tied_indices)))
        self.groups = list(groups.values())
        self.domains = Domains(phases, {(g.name, i.run, i.at) for g in self.groups for i in g.instances})

    def learn(self) -> list[Learned]:
        """The entries."""
        by_name: dict[tuple[str, Mark], list[_Group]] = {}
        for group in self.groups:
            group.terms = self._terms(group)
            by_name.setdefault((group.name, group.mark), []).append(group)
        entries = []
        for same_name in by_name.values():
            merged = self._merge(same_name)
            self._divide(merged)
            entries += [entry for group in merged if (entry := self._entry(group, merged)) is not None]
        self.failures += self.domains.failures
        return entries

    def _terms(self, group: _Group) -> tuple[Term, ...] | None:
        """The form with a general term in each of its slots."""
        values = []
        for position in range(len(group.instances[0].slots)):
            general = self._slot(group, position)
            if general is None:
                self.failures.append(f"shape of {group.name}")
                return None
            values.append(general)
        return tuple(simple(fill(term, values.__getitem__)) for term in group.form)

    def _slot(self, group: _Group, position: int) -> Term | None:
        kind = group.instances[0].slots[position][0]
        seen = [Seen(one.run, one.at, one.slots[position][1]) for one in group.instances]
        if position >= len(group.instances[0].slots) - group.mark[0][1]:  # of the name that it is tied to
            return self._fit_shift(seen, "") or fit(seen, self.phases) or table(seen)
        if kind == "?":
            return fit(seen, self.phases) or table(seen)
        if any(isinstance(one.value, tuple) for one in seen):  # an index that was computed
            return seen[0].value if len({one.value for one in seen}) == 1 else None
        path = group.instances[0].slots[position][2] if kind == "x" else ""
        return (
            self._fit_shift(seen, path)
            or fit(seen, self.phases)
            or self._fit_division(seen)
            or self._fit_cycle(seen, path)
            or table(seen)
        )

    def _fit_shift(self, seen: list[Seen], path: str) -> Term | None:
        """An index of the name, shifted; or one from a list's end; or a constant."""
        values = {one.value for one in seen}
        axes = len(seen[0].at)
        for axis in range(axes):
            shifts = {one.value - one.at[axis] for one in seen}
            if len(shifts) == 1 and (len(values) > 1 or (path and axes == 1)):
                return ("n", axis, shifts.pop())
        if path and len(values) > 1:
            lengths = [len(self.phases[one.run].env.get(path) or ()) for one in seen]
            shifts = {one.value - length for one, length in zip(seen, lengths, strict=True)}
            if len(shifts) == 1 and len(set(lengths)) > 1:
                return ("+", ("len", path), ("c", shifts.pop()))
        return ("c", seen[0].value) if len(values) == 1 else None

    def _fit_division(self, seen: list[Seen]) -> Term | None:
        """Every second, third, fourth block."""
        for axis in range(len(seen[0].at)):
            for by in (2, 3, 4):
                for shift in range(by):
                    rest = {one.value - (one.at[axis] + shift) // by for one in seen}
                    if len(rest) == 1:
                        return ("+", ("//", ("n", axis, shift), ("c", by)), ("c", rest.pop()))
        return None

    def _fit_cycle(self, seen: list[Seen], path: str) -> Term | None:
        """Round and round a list."""
        if not path:
            return None
        lists = [self.phases[one.run].env.get(path) for one in seen]
        for axis in range(len(seen[0].at)):
            if all(items and one.value == one.at[axis] % len(items) for one, items in zip(seen, lists, strict=True)):
                return ("%", ("n", axis, 0), ("len", path))
        return None

    def _fits(self, terms: tuple[Term, ...] | None, one: _Instance) -> bool:
        return (
            terms is not None
            and len(terms) == len(one.value)
            and all(
                fits(term, Seen(one.run, one.at, length), self.phases)
                for term, length in zip(terms, one.value, strict=True)
            )
        )

    def _merge(self, groups: list[_Group]) -> list[_Group]:
        """Groups whose terms explain others' facts take those in: one tensor, two ways to write its shape."""
        groups.sort(key=lambda group: -len(group.instances))
        kept: list[_Group] = []
        for group in groups:
            for other in kept:
                if len(other.form) == len(group.form) and all(self._fits(other.terms, one) for one in group.instances):
                    other.instances += group.instances
                    break
            else:
                kept.append(group)
        for group in list(kept):
            for other in list(kept):
                if group is other or group not in kept or len(group.form) != len(other.form):
                    continue
                if all(self._fits(group.terms, one) for one in other.instances):
                    group.instances += other.instances
                    kept.remove(other)
        return [group for group in kept if group.terms is not None]

    def _divide(self, groups: list[_Group]) -> None:
        """Move what the terms of two groups explain, since both give the same there, to where guards become simple.

        It is chance which of the two the framework has computed.
        """
        for group in groups[1:]:
            domain, others = self.domains.of(group.name), [one for one in groups if one is not group]
            either = [(group, one) for one in group.instances if any(self._fits(g.terms, one) for g in others)]
            sure = domain.rows_of(_positions(group.instances) - _positions(one for _, one in either))[0]
            either += [(other, one) for other in others for one in other.instances if self._fits(group.terms, one)]
            unsure = domain.rows_of(_positions(one for _, one in either))[0]
            full = domain.full & ~unsure
            guard = formula(sure, full, [one._replace(rows=one.rows & full) for one in domain.literals])
            if guard is None or not sure or not unsure:
                continue
            there = rows_where(guard, domain.full, {one.term: one.rows for one in domain.literals})
            for owner, one in either:
                inside = bool(domain.rows_of({(one.run, one.at)})[0] & there)
                if inside != (owner is group):
                    owner.instances.remove(one)
                    fitting = group if inside else next(g for g in others if self._fits(g.terms, one))
                    fitting.instances.append(one)

    def _guard(self, group: _Group) -> Term | None:
        """Return when a group is there; None where that cannot be told."""
        domain = self.domains.of(group.name)
        wanted = domain.rows_of(_positions(group.instances))[0]
        literals = _prefer_field(domain.literals, group.name.partition("[")[0])
        if domain.steady and (by_index := domain.table(wanted)) is not None:  # nothing but the place decides
            return formula(wanted, domain.full, [one for one in literals if not any(paths(one.term))]) or by_index
        return formula(wanted, domain.full, literals) or domain.table(wanted)

    def _entry(self, group: _Group, same_name: list[_Group]) -> Learned | None:
        """The group with its guard."""
        domain = self.domains.of(group.name)
        if domain.rows_of(_positions(group.instances))[1]:
            self.failures.append(f"number of {group.name}")
        guard = self._guard(group)
        if guard is None and len(same_name) > 1 and group is same_name[0]:
            explained = {
                (one.run, one.at) for each in same_name for one in each.instances if self._fits(group.terms, one)
            }
            literals = _prefer_field(domain.literals, group.name.partition("[")[0])
            guard = formula(domain.rows_of(explained)[0], domain.full, literals)
        if guard is None:
            self.failures.append(f"presence of {group.name}")
            return None
        assert group.terms is not None
        (tied, tied_count), frozen, buffer = group.mark
        axes = len(group.terms) - tied_count
        mark = (tied and (tied, group.terms[axes:])), frozen, buffer
        return Learned(group.name, group.terms[:axes], domain.counts, guard, mark)


def _positions(instances: Iterable[_Instance]) -> set[tuple[int, tuple[int, ...]]]:
    return {(one.run, one.at) for one in instances}


def _prefer_field(literals: list[Literal], path: str) -> list[Literal]:
    """Of literals that hold alike, those about the field itself come first."""
    return [one._replace(cost=one.cost - 0.6) if one.term == ("isnone", path) else one for one in literals]


def _find_positional_lists(phases: Sequence[Phase]) -> set[str]:
    """The lists of words of which each word depends on its place alone: stem, stage1, stage2."""
    words_by_list: dict[str, dict[tuple[int, ...], set[Any]]] = {}
    for phase in phases:
        for name, fact in phase.facts.items():
            if "[." in name and fact.terms[0][0] == "c" and isinstance(fact.value[0], str):
                general, at = template(name)
                words_by_list.setdefault(general, {}).setdefault(at, set()).add(fact.value[0])
    return {
        name
        for name, by_index in words_by_list.items()
        if all(len(words) == 1 for words in by_index.values())
        and len(set().union(*by_index.values())) == len(by_index) > 1
    }

"""The rows that a guard is learned over, and the atoms that it may hold: comparisons of the code, simple tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.blueprints.fitting import Seen, candidates, fit, table, varies
from tools.blueprints.formulas import Literal
from tools.blueprints.phases import Phase
from tools.blueprints.symbolic import IDENTITIES
from tools.blueprints.terms import Term, Unknown, fill, holds, mentions, paths, size, skeleton, value

At = tuple[int, ...]
_MAX_ALTERNATIVES = 4
_MAX_BLOCKS = 200
_NUMBERED = re.compile(r"(?P<word>(?:\w*[^\W\d])?)(?P<number>\d+)", re.ASCII)
_PACE = re.compile(
    r"layer|depth|block|stage|repeats|period|interval|freq|every|offset|pattern|replace|idx|index|group_size|_step$|"
    r"(?:^|_)(?:first|start|end)(?:_|$)"
)
_PLAIN = frozenset(("",))
_BOUNDS = (1, 3, 4, 5, 6, 8)
_LENGTHS = frozenset(("len", "suml", "count"))
_SLOT = frozenset(("S",))
_NUMBERS = frozenset(("c", "S"))
_COMPARISONS = frozenset(("<", "<=", ">", ">=", "==", "!="))


def find_numbered_words(phases: Sequence[Phase]) -> frozenset[str]:
    """The words that are numbered from 0 on, in one run further than in another: expert_0, expert_1; and no word."""
    numbers_by_word: dict[tuple[str, str], dict[int, set[int]]] = {}
    for run, phase in enumerate(phases):
        for name in phase.facts:
            *parents, _ = name.split(".")
            for position, step in enumerate(parents):
                if match := _NUMBERED.fullmatch(step):
                    runs = numbers_by_word.setdefault((".".join(parents[:position]), match["word"]), {})
                    runs.setdefault(run, set()).add(int(match["number"]))
    return _PLAIN | {
        word
        for (_, word), runs in numbers_by_word.items()
        if all(max(numbers) < len(numbers) for numbers in runs.values()) and len(set(map(len, runs.values()))) > 1
    }


def template(name: str, words: frozenset[str] = _PLAIN) -> tuple[str, At]:
    """'h.3.e_2.w' -> 'h.{0}.e_{1}.w', (3, 2) with e_ among the words; a tensor that is but a number itself keeps it"""
    steps: list[str] = []
    at: list[int] = []
    name_steps = name.split(".")
    for position, step in enumerate(name_steps):
        match = _NUMBERED.fullmatch(step) if position < len(name_steps) - 1 or "[" in name else None
        if match and match["word"] in words:
            steps.append(f"{match['word']}{{{len(at)}}}")
            at.append(int(match["number"]))
        else:
            steps.append(step)
    return ".".join(steps), tuple(at)


@dataclass(slots=True)
class Domain:
    """The rows of names that stand in the same blocks, and the literals over them."""

    row_of: dict[tuple[int, At], int]
    full: int
    literals: list[Literal]
    counts: tuple[Term, ...]

    @property
    def steady(self) -> bool:
        """Return whether there are as many blocks in every config."""
        return bool(self.counts) and all(count[0] in ("c", "tab") for count in self.counts)

    def rows_of(self, instances: set[tuple[int, At]]) -> tuple[int, int]:
        """The rows of instances, as bits; and how many are no row."""
        rows = outside = 0
        for instance in instances:
            if (row := self.row_of.get(instance)) is None:
                outside += 1
            else:
                rows |= 1 << row
        return rows, outside

    def table(self, wanted: int) -> Term | None:
        """The indices themselves, where presence depends on nothing else."""
        if not self.counts:
            return None
        present: dict[At, bool] = {}
        for (_, at), row in self.row_of.items():
            there = bool(wanted >> row & 1)
            if present.setdefault(at, there) != there:
                return None
        return ("inset", tuple(sorted(at for at, there in present.items() if there)))


class Domains:
    """The domains of names, made when asked for."""

    def __init__(self, phases: Sequence[Phase], instances: set[tuple[str, int, At]]) -> None:
        self.phases = phases
        self.failures: list[str] = []
        self._lengths: dict[str, dict[tuple[int, At], int]] = {}
        for name, run, at in instances:
            for axis, index in enumerate(at):
                lengths = self._lengths.setdefault(_container(name, axis), {})
                key = run, at[:axis]
                lengths[key] = max(lengths.get(key, 0), index + 1)
        self._counts: dict[str, tuple[Term, list[Term]]] = {}
        self._domains: dict[tuple[str, ...], Domain] = {}
        self._atoms = self._compared_atoms()
        self._read = {path for phase in phases for path, _ in phase.trace.reads}
        alone = (set(paths(atom)) for atom in self._atoms if atom[0] in _COMPARISONS and mentions(atom, _NUMBERS))
        self._compared = {path for compared in alone if len(compared) == 1 for path in compared}
        lists = {path for phase in phases for path, field in phase.env.items() if isinstance(field, list)}
        self._lists = {path for path in lists if path in self._read or varies(path, phases)}
        self._maps = {path for path in self._lists if any(_has_none(phase.env.get(path)) for phase in phases)}
        self._strings = {
            path: {
                item
                for p in phases
                if isinstance(p.env.get(path), list)
                for item in p.env[path]
                if isinstance(item, str)
            }
            for path in self._lists
        }

    def of(self, name: str) -> Domain:
        """The domain of a name."""
        containers = tuple(_container(name, axis) for axis in range(name.count("{")))
        if containers not in self._domains:
            self._domains[containers] = self._domain(containers)
        return self._domains[containers]

    def _compared_atoms(self) -> list[Term]:
        """The comparisons of all runs, with slots for the indices of loops; and which fields were null, true, lists."""
        atoms: dict[Term, None] = {}
        reads: dict[str, None] = {}
        for phase in self.phases:
            for atom in phase.trace.branches:
                atoms[skeleton(atom, [])] = None
            reads.update((path, None) for path, _ in phase.trace.reads)
        envs = [phase.env for phase in self.phases]
        paths = {path for env in envs for path in env}
        for path in sorted({*reads, *paths}):
            kinds = {None if env.get(path) is None else type(env[path]) for env in envs}
            if None in kinds and len(kinds) > 1:
                atoms[("isnone", path)] = None
            if {env.get(path) for env in envs if isinstance(env.get(path), bool)} == {True, False}:
                atoms[("t", ("f", path))] = None
            if list in kinds and len(kinds - {None}) > 1:
                atoms[("isl", path)] = None
        return list(atoms)

    def _count(self, container: str) -> tuple[Term, list[Term]]:
        """Return how many blocks a container has; where no one term says, the most of several."""
        if container not in self._counts:
            seen = [Seen(run, at, length) for (run, at), length in self._lengths[container].items()]
            term = fit(seen, self.phases)
            if term is None and self._always_as_many(container):
                term = table(seen)
            if term is None and all(one.at for one in seen):
                term = self._whole_list(seen)
            self._counts[container] = (term, []) if term is not None else self._most_of(container, seen)
        return self._counts[container]

    def _whole_list(self, seen: list[Seen]) -> Term | None:
        """As many as a list is long, where some of the last are not there."""
        largest = max(seen, key=lambda one: one.value)
        for term in candidates(largest, self.phases):
            if term[0] == "len" and all(self._at_most(term, one) for one in seen):
                return term
        return None

    def _at_most(self, term: Term, one: Seen) -> bool:
        try:
            return bool(one.value <= value(term, self.phases[one.run].env, one.at))
        except Unknown:
            return False

    def _always_as_many(self, container: str) -> bool:
        """Return whether the blocks around a container are so many in every config, so that each was seen."""
        outer = [_container(container, axis) for axis in range(container.count("{"))]
        return bool(outer) and all(self._count(one)[0][0] == "c" for one in outer)

    def _most_of(self, container: str, left: list[Seen]) -> tuple[Term, list[Term]]:
        chosen: list[Term] = []
        lengths = (phase.facts.get(container.removesuffix(".") + "]") for phase in self.phases)
        list_lengths = list(
            dict.fromkeys(fact.terms[0] for fact in lengths if fact is not None)
        )  # where it is a list's
        while left and len(chosen) < _MAX_ALTERNATIVES:
            largest = max(left, key=lambda one: one.value)
            likely = [term for term in candidates(largest, self.phases)[:120] if _counts(term)]
            options = [*list_lengths, ("c", largest.value), *likely]  # of equals the first
            best = max(options, key=lambda term: sum(self._is(term, one) for one in left))
            chosen.append(best)
            left = [one for one in left if not self._is(best, one)]
        if left:
            self.failures.append(f"how many {container}")
        return ("maxl", *chosen), chosen

    def _is(self, term: Term, one: Seen) -> bool:
        try:
            return type(number := value(term, self.phases[one.run].env, one.at)) is int and bool(number == one.value)
        except Unknown:
            return False

    def _domain(self, containers: tuple[str, ...]) -> Domain:
        counts = [self._count(container) for container in containers]
        row_of: dict[tuple[int, At], int] = {}
        for run in range(len(self.phases)):
            for at in self._rows(run, [term for term, _ in counts], ()):
                row_of[run, at] = len(row_of)
        domain = Domain(row_of, (1 << len(row_of)) - 1, [], tuple(term for term, _ in counts))
        literals: dict[tuple[int, str], Literal] = {}  # of those that hold alike, the simplest; each about a null field
        for term, cost in self._questions(counts):
            rows = self._where(term, row_of, bool(containers))
            key = rows, term[1] if term[0] == "isnone" else ""
            if rows not in (0, domain.full) and (key not in literals or literals[key].cost > cost):
                literals[key] = Literal(cost, rows, term)
        domain.literals = sorted(literals.values(), key=lambda literal: literal.cost)
        return domain

    def _rows(self, run: int, counts: list[Term], at: At) -> Iterator[At]:
        if len(at) == len(counts):
            yield at
            return
        try:
            number = value(counts[len(at)], self.phases[run].env, at)
        except Unknown:
            return
        for index in range(min(number, _MAX_BLOCKS) if isinstance(number, int) else 0):
            yield from self._rows(run, counts, (*at, index))

    def _where(self, term: Term, row_of: dict[tuple[int, At], int], indexed: bool) -> int:
        """The rows where an atom holds."""
        constant = not indexed or not mentions(term, frozenset(("n",)))
        by_run: dict[int, bool] = {}
        rows = 0
        for (run, at), row in row_of.items():
            if constant:
                if run not in by_run:
                    by_run[run] = holds(term, self.phases[run].env)
                there = by_run[run]
            else:
                there = holds(term, self.phases[run].env, at)
            if there:
                rows |= 1 << row
        return rows

    def _questions(self, counts: list[tuple[Term, list[Term]]]) -> Iterator[tuple[Term, float]]:
        axes = len(counts)
        for atom in self._atoms:
            if not mentions(atom, _SLOT):
                yield atom, size(atom)
            elif len(self._atoms) <= 400 or size(atom) <= 8:
                for axis in range(axes):
                    for shift in (0, 1, -1):
                        yield fill(atom, _always(("n", axis, shift))), size(atom) + (3 if shift else 1)
        for axis, (count, alternatives) in enumerate(counts):
            yield from self._of_index(axis, count, alternatives)

    def _of_index(self, axis: int, count: Term, alternatives: list[Term]) -> Iterator[tuple[Term, float]]:
        index: Term = ("n", axis, 0)
        for path in sorted(self._lists):
            yield from self._of_list(path, index, count)
        yield ("==", index, ("c", 0)), 3
        yield (">=", index, ("c", 2)), 6
        for bound in _BOUNDS:
            yield ("<", index, ("c", bound)), 10
        for by in (2, 3, 4):
            for rest in range(by):
                yield ("==", ("%", index, ("c", by)), ("c", rest)), 6
        if count[0] != "maxl":
            yield ("==", ("n", axis, 1), count), 4
        for term in alternatives:
            yield ("<", index, term), 5
        for path in self._small():
            yield ("<", index, ("f", path)), 8
            yield ("==", ("%", index, ("f", path)), ("c", 0)), 9
            yield ("==", ("%", ("n", axis, 1), ("f", path)), ("c", 0)), 9

    def _of_list(self, path: str, index: Term, count: Term) -> Iterator[tuple[Term, float]]:
        item: Term = ("idx", path, index)
        if path in self._maps:
            yield ("t", item), 5
        for word in sorted(self._strings[path]):
            yield ("==", item, ("c", word)), 4
            yield ("==", ("idx", path, ("%", index, ("len", path))), ("c", word)), 6
            if count == ("len", path):
                yield ("==", index, ("nth", path, word, ("c", 0))), 6

    def _small(self) -> list[str]:
        """The fields that code compared with numbers, as with a layer's, and that could say at which layers."""
        small = {
            path for phase in self.phases for path, field in phase.env.items()
            if isinstance(field, int) and not isinstance(field, bool) and 0 <= field <= 64
        }  # fmt: skip
        return sorted(path for path in self._compared & small if paces(path))


def paces(path: str) -> bool:
    """Return whether a field may, by its name, say how many layers there are or at which of them something is."""
    return bool(_PACE.search(path.rpartition(".")[2])) and not path.endswith(IDENTITIES)


def _counts(term: Term) -> bool:
    """Return whether a term may be a number of blocks: one of layers, or how long a list is."""
    return mentions(term, _LENGTHS) or all(map(paces, paths(term)))


def _has_none(items: Any) -> bool:
    """Return whether a list says of some layer that it has not what the others have."""
    return isinstance(items, list) and not all(items)


def _always(term: Term) -> Callable[[int], Term]:
    return lambda _: term


def _container(name: str, axis: int) -> str:
    """'h.{0}.experts.{1}.w', 1 -> 'h.{0}.experts.'"""
    return name[: name.index(f"{{{axis}}}")]

"""The runs to learn from: change fields that the code compares or computes with, one by one and at random."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.blueprints import moves, together
from tools.blueprints.comparing import find_bounds, find_relevant, key_of
from tools.blueprints.framework import config_class, model_class
from tools.blueprints.inside import find_inside, find_paths_inside, keep_outside, vary
from tools.blueprints.phases import BuiltTensor, Run
from tools.blueprints.questions import answers
from tools.blueprints.raw import RATE, Flat, fields_of, flat_part, is_part, payload, stated_fields, write_in_full
from tools.blueprints.runs import build, run
from tools.blueprints.seeds import SEEDS
from tools.blueprints.shrinking import Shrinking, integers, of_words
from tools.blueprints.terms import mentions, paths
from tools.blueprints.vocabulary import vocabulary

_INDEX = frozenset(("i",))
_MAX_RUNS = 90
_MAX_LATER_RUNS = 50  # once another class of the same config was explored
_MAX_VALUES = 8
_MAX_RETRIES = 12
_SHARE = 0.6  # of the time, for exploring


@dataclass(slots=True)
class Known:
    """The facts about a config's fields, which hold for all classes of that config."""

    accepted: dict[str, list[Any]] = field(default_factory=dict)  # values that the classes build with
    refused: set[tuple[str, str]] = field(default_factory=set)
    together: list[Flat] = field(default_factory=list)
    relevant: set[str] = field(default_factory=set)


class CannotBuild(Exception):
    """A class cannot be built, not even from its defaults."""


class Explorer:
    """The runs of one class."""

    def __init__(
        self, kind: str, name: str, seconds: float, known: Known | None = None, *, seed: int = 0, around: bool = False
    ) -> None:
        """With `around`, of the class without the models inside whose blueprints ship."""
        self.model_type, self.name = kind, name
        self.config_cls, self.model_cls = config_class(kind), model_class(kind, name)
        self.fields = fields_of(self.config_cls)
        self.flat = flat_part(self.config_cls, self.fields)
        self.words = vocabulary(self.config_cls, self.model_cls)
        self.chance = random.Random(seed)
        self.seconds, self.started = seconds, time.process_time()
        self.flags = True
        self.builds = 0
        self.reason = ""
        self.runs: list[Run] = []
        self.known = known or Known()
        self.accepted, self.together = dict(self.known.accepted), list(self.known.together)
        self.pinned: set[str] = set()
        self.bound: tuple[str, str] | None = None  # a number of layers, and another that it is at most
        self.missing: set[str] = set()  # attributes that code asked for and that were not there
        self.relevant = set(self.known.relevant)
        self.sizing: set[str] = set()  # rates without which something else would be built
        self.compared: set[str] = set()  # fields that code read or asked about
        self._seen: set[str] = set()
        self._tried: set[str] = set()
        self._failed: list[tuple[str, Any]] = []
        self._bad = set(self.known.refused)
        self.start: Flat = dict(SEEDS.get(name, SEEDS.get(kind, {})))
        self.inside = find_inside(self.config_cls, self.model_cls, self.fields, self.start) if around else ()
        self.foreign = find_paths_inside(self.fields.defaults, self.inside)
        self.varied = vary(self.inside, self.fields, self.chance)
        if around and not self.inside:
            raise CannotBuild("no model inside has a blueprint")
        self._base()

    @property
    def left(self) -> float:
        """Seconds of this process's own time left."""
        return self.seconds - (time.process_time() - self.started)

    def attempt(self, changes: Flat) -> Run | None:
        """A symbolic run; None where the class does not build so."""
        self.builds += 1
        try:
            return run(self.config_cls, self.model_cls, self.fields, changes, self.flags, self.inside)
        except Exception as error:  # noqa: BLE001 - whatever a constructor raises, it does not build
            self.reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return None

    def plain(self, changes: Flat) -> dict[str, BuiltTensor]:
        """Return what the framework builds."""
        self.builds += 1
        return build(self.config_cls, self.model_cls, payload(self.fields, changes))

    def add(self, run: Run) -> bool:
        """Keep a run, if it is new."""
        key = key_of(run.changes)
        if key in self._seen or self._beyond(run):
            return False
        self._seen.add(key)
        self.runs.append(run)
        self.missing |= run.model.trace.missing
        for phase in (run.config, run.model):
            self.compared |= {path for atom in phase.trace.branches for path in paths(atom)}
            self.compared |= {path for path, _ in phase.trace.reads}
        return True

    def _base(self) -> None:
        """The first run: as small as layers can be made."""
        run = self.attempt(self.start)
        truth = self._truth(self.start)
        if run is None or truth is None:  # what is written out may build where the bare defaults do not
            config = payload(self.fields, self.start)
            self.start = stated_fields(self.fields, write_in_full(self.config_cls, self.model_type, config))
            run, truth = self.attempt(self.start), self._truth(self.start)
        if truth is not None and (run is None or not run.agrees(truth)):
            self.flags = False
            run = self.attempt(self.start)
        if run is None:
            raise CannotBuild(self.reason)
        if truth is None or not run.agrees(truth):
            raise CannotBuild("what it builds depends on more than a config's values")
        self._add_undeclared(run)
        again = self.attempt(self.start)
        if again is None:
            raise CannotBuild(self.reason)
        self.first = again
        self.add(again)

    def _add_undeclared(self, run: Run) -> None:
        """Attributes that the config's class makes up; a config.json may state them all the same."""
        for path in {name.partition("[")[0] for name in run.config.facts}:
            if path not in self.fields.defaults:
                self.fields.defaults[path] = None
                if not isinstance(run.model.env.get(path), int) or isinstance(run.model.env[path], bool):
                    self.fields.made.add(path)

    def shrink(self) -> None:
        """Take the smallest model of the class as the first run: few layers, few experts."""
        self.first = Shrinking(self.attempt, self.fields.annotations).shrunk(self.first, self.start)
        self.runs, self._seen = [], set()
        self.add(self.first)

    def _truth(self, changes: Flat) -> dict[str, BuiltTensor] | None:
        try:
            return keep_outside(self.plain(changes), self.inside)
        except Exception as error:  # noqa: BLE001
            self.reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return None

    def explore(self) -> None:
        """Breadth first from the base: one change at a time."""
        queue = deque(self.runs[:1])
        for path in sorted(self.known.relevant):
            for other in self.known.accepted.get(path, ())[:2]:
                if self._try({**self.first.changes, path: other}) is None and isinstance(other, bool | str):
                    self._failed.append((path, other))
        for group in self.known.together:
            self._try({**self.first.changes, **group})
        while self._more():
            queue.extend(() if queue else self._retry())
            if not queue:
                break
            current = queue.popleft()
            for path, other in [*self._flips(current), *self._nulls(current)]:
                if (run := self._try_flip(current, path, other)) is not None:
                    queue.append(run)
            queue += self._changes(current)
        if not self.known.accepted:
            self._find_together()

    def share(self) -> None:
        """Return what was found out here, for the other classes of this config."""
        self.find_relevant()
        self.known.accepted = {path: list(values) for path, values in self.accepted.items()}
        self.known.refused |= self._bad
        self.known.together = list(self.together)
        self.known.relevant |= self.relevant

    def _more(self) -> bool:
        most = _MAX_LATER_RUNS if self.known.accepted else _MAX_RUNS
        return self.left > self.seconds * (1 - _SHARE) and len(self.runs) < most

    def _try(self, changes: Flat) -> Run | None:
        key = key_of(changes)
        if key in self._tried or not self._more():
            return None
        self._tried.add(key)
        run = self.attempt(changes)
        return run if run is not None and self.add(run) else None

    def _try_flip(self, current: Run, path: str, other: Any) -> Run | None:
        """A change that some code asked about; each is made once, from the first run that it can be made from."""
        known = path in self.fields.defaults or path in self.missing
        if RATE.search(path) or len(self.accepted.get(path, ())) >= _MAX_VALUES:
            return None
        if not known or path in self.pinned or other in self.accepted.get(path, ()) or (path, str(other)) in self._bad:
            return None
        if not self._more():
            return None
        changes = {**current.changes, path: other}
        run = self._try(changes)
        if run is None and (other is True or isinstance(other, str)):
            run = self._try(self._with_companions(current, path, changes))
        if run is None:
            self._bad.add((path, str(other)))
            if isinstance(other, bool | str):
                self._failed.append((path, other))
        else:
            self._accept(path, other)
        return run

    def _retry(self) -> Iterator[Run]:
        """Flags, words and small numbers that failed, in runs that differ from the first in one other change."""
        base = self.first.changes
        others = [one for one in self.runs[1:] if _is_one_choice(one.changes, base)]
        failed, self._failed = self._failed, []
        for path, other in failed:
            done = any(one.changes.get(path) == other for one in self.runs)
            for current in others[:_MAX_RETRIES] if not done else ():
                if (run := self._try({**current.changes, path: other})) is not None:
                    self._bad.discard((path, str(other)))
                    self._accept(path, other)
                    self.together.append({name: value for name, value in run.changes.items() if name not in base})
                    yield run
                    break

    def _with_companions(self, current: Run, path: str, changes: Flat) -> Flat:
        """A flag often asks for numbers that are null while it is off."""
        prefix = path.rpartition(".")[0]
        filled = dict(changes)
        for other, annotation in self.fields.annotations.items():
            null = current.config.env.get(other) is None and other not in changes
            number = "int" in annotation and "list" not in annotation.lower() and not other.endswith("_id")
            if null and number and other.rpartition(".")[0] == prefix:
                filled[other] = moves.companion(other)
        return filled

    def _accept(self, path: str, value: Any) -> None:
        values = self.accepted.setdefault(path, [])
        if not any(value is one or (value == one and type(value) is type(one)) for one in values):
            values.append(value)

    def _flips(self, current: Run) -> Iterator[tuple[str, Any]]:
        """Values that would answer a question otherwise."""
        for phase in (current.config, current.model):
            for atom in list(phase.trace.branches):
                if mentions(atom, _INDEX) or self._is_foreign(current, *paths(atom)):
                    continue
                yield from answers(atom, phase.env)
            for path, _ in sorted(phase.trace.reads):
                if isinstance(phase.env.get(path), bool):
                    yield path, not phase.env[path]

    def _nulls(self, current: Run) -> Iterator[tuple[str, Any]]:
        """Fields that may be null, null; those that are, filled."""
        read = {path for path, _ in current.model.trace.reads} | set(self.fields.legacy) | current.model.trace.missing
        read |= {
            path
            for path in current.config.env
            if path.partition("[")[0] not in current.same and path in self.fields.annotations
        }
        for path in sorted(read):
            annotation = self.fields.annotations.get(path, "")
            value = current.config.env.get(path)
            if RATE.search(path) or is_part(value) or path in self.fields.opaque | self.fields.made:
                continue
            if self._is_foreign(current, path):
                continue
            if value is not None and "None" in annotation:
                yield path, None
            elif path not in self.accepted and (value is None or _other_kind(value, current.model.env.get(path))):
                made = current.model.env.get(path)
                for other in moves.others(path, made, annotation, self.chance)[:3] if made is not None else ():
                    yield path, other
                if value is not None:
                    continue
                annotation = annotation or self.fields.legacy.get(path, "")
                if path in current.model.trace.fallbacks:
                    annotation = type(current.model.trace.fallbacks[path]).__name__
                for other in moves.others(path, None, annotation, self.chance, self._words(path)):
                    yield path, other

    def _changes(self, current: Run) -> Iterator[Run]:
        """Other numbers, strings and lists for the fields that a run read."""
        read = {path for path, _ in current.model.trace.reads} | {
            path for path in current.config.env if path in self.fields.annotations and path not in current.same
        }
        read |= {path for path, value in current.config.env.items() if isinstance(value, list)}
        read |= self.fields.legacy.keys() | (self.fields.read & current.config.env.keys())
        for path in sorted(read):
            value = current.config.env.get(path)
            if path in self.fields.opaque or self._is_foreign(current, path):
                continue
            if path in self.pinned or RATE.search(path) or value is None or isinstance(value, bool) or is_part(value):
                continue
            if (path, "numbers") in self._bad or path not in self.fields.defaults:
                continue
            if not self._more():
                return
            self._bad.add((path, "numbers"))
            good = 0
            for other in moves.others(
                path, value, self.fields.annotations.get(path, ""), self.chance, self._words(path)
            ):
                if good >= (4 if isinstance(value, str) else 8 if of_words(value) else 2):
                    break
                if (run := self._try({**current.changes, path: other})) is not None:
                    good += 1
                    self._accept(path, other)
                    yield run
            if not good and type(value) is int:
                self._failed += [(path, other) for other in (1, 2)]

    def _is_foreign(self, current: Run, *read: str) -> bool:
        """Return whether fields are of models inside only: the class around them does not read any."""
        return self.foreign.issuperset(read) and not current.model.read_paths.intersection(read) and bool(read)

    def _words(self, path: str) -> set[str]:
        return self.words.get(path.rpartition(".")[2], set())

    def _find_together(self) -> None:
        """Changes of several fields at once, where none of them can be changed alone."""
        env, free = self.first.config.env, self.fields.annotations.keys() - self.pinned
        numbers = {path: number for path, number in integers(self.first, self.fields.annotations) if path in free}
        for options in together.longer_and_shorter({path: env[path] for path in free if path in env}, numbers):
            self._take_together(options)
        stuck = {
            path: number
            for path, number in numbers.items()
            if (path, "numbers") in self._bad and path not in self.accepted and not RATE.search(path)
        }
        for changes in (*together.in_proportion(stuck), *together.equal(numbers)):
            self._take_together([changes])

    def _take_together(self, options: Iterable[Flat]) -> None:
        """The first of some options that builds."""
        for changes in options:
            if self._try({**self.first.changes, **changes}) is not None:
                self.together.append(changes)
                return

    def find_relevant(self) -> None:
        """The fields of which one change alone changed what was built."""
        self.relevant |= find_relevant(self.runs, self.first.changes)

    def only_defaults(self) -> None:
        """Forget all but the class's defaults."""
        self.accepted, self.together = {}, []
        run = self.attempt(self.start)
        if run is None:
            raise CannotBuild(self.reason)
        self.first, self.runs = run, [run]

    def bounds(self) -> Iterator[tuple[str, str]]:
        """Numbers of layers of which one is less than another by default, and was more in some run."""
        yield from find_bounds(self.runs, self.first, self.fields.annotations)

    def keep_within(self, bound: tuple[str, str] | None) -> None:
        """Leave out the runs, from now on too, in which the one number of a bound exceeds the other."""
        self.bound = bound
        self.runs = [one for one in self.runs if not self._beyond(one)]

    def _beyond(self, run: Run) -> bool:
        return self.bound is not None and run.exceeds(*self.bound)

    def pin(self, paths: set[str]) -> None:
        """Leave fields as they are, and forget the runs in which they were not."""
        self.pinned |= paths
        base = self.first.config.env
        self.runs = [
            one for one in self.runs
            if not any(p in self.pinned and key_of(other) != key_of(base.get(p)) for p, other in one.changes.items())
        ]  # fmt: skip


def _other_kind(stated: Any, made: Any) -> bool:
    """Return whether a string such as "auto" became a number."""
    return isinstance(stated, str) and isinstance(made, int | float)


def _is_one_choice(changes: Flat, base: Flat) -> bool:
    """Return whether these are one change to a first run, of a flag, a word, or words."""
    new = [value for path, value in changes.items() if path not in base]
    return len(new) == 1 and (isinstance(new[0], bool | str) or of_words(new[0]))

"""Compiles one class: runs, learning, counter-examples, and the gate that it ships through."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from service.formats.huggingface.blueprints import Blueprint
from service.formats.huggingface.configs import AS_DERIVED, kind
from service.formats.huggingface.expressions import digest, parse
from tools.blueprints import assumptions, gate, records
from tools.blueprints.explorer import CannotBuild, Explorer, Known
from tools.blueprints.learning import Learned, Learner
from tools.blueprints.raw import LABELS, RATE, Flat, is_part, matters, payload, stated, written
from tools.blueprints.records import Inexpressible, Record
from tools.blueprints.runs import Found, Phase, build

_ROUNDS = 6
_PINS = 6
_DRAWS = 16
_CLEAN = 2
_MOST_REFUSED = 8
_TWICE = 2
HELD_OUT = {True: 12, False: 24}
"""Random configs, of other numbers only and of other structures, that a blueprint must agree with, not learned from."""


@dataclass(slots=True)
class Result:
    """What came of a class: its record, or the reason that it has none."""

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
        """How much is known."""
        if self.record is None:
            return 0
        return 3 if not self.narrow else 2 if self.pinned else 1


def compile_type(model_type: str, names: list[str], seconds: float) -> Iterator[Result]:
    """The classes of one config, each with what was found out for those before it."""
    known = Known()
    for name in names:
        yield compile_class(model_type, name, seconds, known)


def compile_class(model_type: str, name: str, seconds: float, known: Known | None = None) -> Result:
    """The record of a class, if it passes the gate. With no seconds to explore: of its defaults only."""
    started = time.process_time()
    result = Result(model_type, name)
    try:
        compiler = _Compiler(Explorer(model_type, name, seconds, known))
        compiler.compile(result)
        result.builds = compiler.explorer.builds
    except CannotBuild as error:
        result.reason = f"does not build from its defaults ({error})"
    except Exception as error:  # noqa: BLE001 - one class must not stop the others
        result.reason = f"could not be compiled ({type(error).__name__}: {error})"[:300]
    result.seconds = round(time.process_time() - started, 1)
    return result


class _Compiler:
    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.shared: Record = {}
        self.record: Record = {}
        self.blueprint: Blueprint | None = None
        self.failures: list[str] = []
        self.full: dict[str, Found] = {}
        self.full_payload: dict[str, Any] = {}
        self.fallbacks: dict[str, Any] = {}
        self.derives: set[str] = set()  # the fields that the config's class derives
        self.stated: Flat | None = None  # all fields, where only the defaults are known

    def compile(self, result: Result) -> None:
        """Explore, learn and verify; pin fields until what is left is exact."""
        explorer = self.explorer
        self._full_size()
        if explorer.seconds:
            explorer.shrink()
            self._stated_in_full()
            explorer.explore()
            explorer.share()
            for _ in range(_DRAWS // 2):
                if (drawn := explorer.draw()) is not None:
                    self._keep(drawn[0])
        for attempt in range(_PINS):
            if attempt == _PINS - 1 or not explorer.seconds or (attempt and explorer.left < 0):
                self._only_defaults()
                self._learn()
            else:
                self._refine()
            wrong = self._verify(result)
            if not wrong:
                result.shared, result.record, result.pinned = self.shared, self.record, sorted(explorer.pinned)
                if self.stated is not None:
                    result.narrow = "only its defaults"
                elif explorer.pinned:
                    result.narrow = f"only the default of {', '.join(result.pinned)}"
                result.reason = ""
                return
            result.reason = wrong[0][1]
            if self.stated is not None:
                break
            explorer.pin(self._blamed(wrong, attempt))
        result.reason = f"is not exact ({result.reason})"

    def _full_size(self) -> None:
        """The class's own defaults, as its config.json says them in full."""
        explorer = self.explorer
        start = payload(explorer.fields, explorer.start)
        self.full_payload = written(explorer.config_cls, explorer.model_type, start)
        self.full = build(explorer.config_cls, explorer.model_cls, self.full_payload, 60)

    def _stated_in_full(self) -> None:
        """A run in which every field is given, as in a config.json that was written out."""
        explorer = self.explorer
        full = stated(explorer.fields, self.full_payload)
        if not self._keep({**full, **explorer.first.changes}):
            self._keep({**full, **explorer.start})

    def _only_defaults(self) -> None:
        """The last resort: a blueprint of the class's own config alone, which says so."""
        self.stated = stated(self.explorer.fields, self.full_payload)
        self.explorer.only_defaults()

    def _keep(self, changes: Flat) -> bool:
        found = self.explorer.attempt(changes)
        return found is not None and self.explorer.add(found)

    def _refine(self) -> None:
        """Learn; draw configs; learn from those that it got wrong; until several rounds of none."""
        clean = 0
        for _ in range(_ROUNDS):
            if not clean:
                self._learn()
                self.explorer.find_relevant()
            wrong = refused = 0
            for _ in range(_DRAWS):
                drawn = self.explorer.draw()
                why = "" if drawn is None else self._mistaken(*drawn)
                if drawn is not None and why:
                    refused += why.startswith(gate.REFUSED)
                    if refused <= _MOST_REFUSED or not why.startswith(gate.REFUSED):
                        wrong += self._keep(drawn[0])
                if self.explorer.left < 0:
                    return
            clean = 0 if wrong else clean + 1
            if clean >= _CLEAN:
                return

    def _mistaken(self, changes: Flat, truth: dict[str, Found]) -> str:
        return self._difference(payload(self.explorer.fields, changes), truth)

    def _difference(self, config: dict[str, Any], truth: dict[str, Found]) -> str:
        if self.blueprint is None:
            return "; ".join(self.failures[:3]) or "nothing was learned"
        return gate.difference(self.blueprint, config, truth)

    def _learn(self) -> None:
        """A record from the runs."""
        runs = self.explorer.runs
        self._share_fallbacks()
        model_phases, config_phases = [one.model for one in runs], [one.config for one in runs]
        learner = Learner(model_phases, literal=self.stated is not None)
        entries = learner.learn()
        assumed = self._assumed(model_phases, records.read_by(entries))
        needed = records.read_by(entries) | {path for text in assumed for path in _fields_in(text)}
        changed = {path for one in runs for path in _changed(one.config, one.same)}
        rules_for = needed & changed
        self.derives = changed
        rules = Learner(config_phases, rules_for, literal=self.stated is not None)
        derived = rules.learn()
        self.failures = [*learner.failures, *rules.failures]
        try:
            self._write(entries, derived, assumed, needed, rules_for, config_phases)
            self.blueprint = gate.blueprint(self.explorer.model_type, self.explorer.name, self.shared, self.record)
        except (Inexpressible, ValueError, AssertionError, KeyError) as error:
            self.blueprint = None
            self.failures.append(str(error))

    def _share_fallbacks(self) -> None:
        """What getattr gave in one run is what it would give in all."""
        fallbacks: dict[str, Any] = {}
        for one in self.explorer.runs:
            fallbacks.update(one.model.trace.fallbacks)
        for one in self.explorer.runs:
            for path, fallback in fallbacks.items():
                one.config.env.setdefault(path, None)
                if one.model.env.get(path) is None:
                    one.model.env[path] = fallback
        self.fallbacks = fallbacks

    def _assumed(self, phases: list[Phase], needed: set[str]) -> list[str]:
        if self.stated is not None:
            return []
        return [*assumptions.assumed(phases), *assumptions.words(needed, phases)]

    def _write(
        self,
        entries: list[Learned],
        derived: list[Learned],
        assumed: list[str],
        needed: set[str],
        rules_for: set[str],
        phases: list[Phase],
    ) -> None:
        explorer = self.explorer
        defaults = dict(explorer.fields.defaults)
        undeclared = {path for one in explorer.runs for path in one.model.trace.missing} | self.fallbacks.keys()
        defaults.update({path: None for path in sorted(undeclared) if path not in defaults})
        full_labels = {path: number for path, number in self._labels().items() if path in defaults}
        defaults.update(full_labels)
        self.shared = records.family(explorer.fields, defaults)
        used = {path for path in needed if path not in rules_for} | records.read_by(derived)
        given = assumptions.assumed(phases) if self.stated is None else []
        used |= {path for text in given for path in _fields_in(text)}
        rules = [records.rule_line(entry) for entry in derived]
        rules += [
            line
            for path, fallback in sorted(self.fallbacks.items())
            if path in needed and path not in rules_for
            for line in (
                f"{path} = {records.literal(fallback)} where {path} is None",
                f"{path} = {path} where not {path} is None",
            )
        ]
        base = explorer.first.config.env
        pins = [records.equal_to(path, base.get(path)) for path in sorted(explorer.pinned) if path in base]
        if self.stated is not None:
            pins = self._all_pins()
        values: dict[str, list[Any]] = {
            path: [*(phase.env.get(path) for phase in phases), defaults.get(path)]
            for path in used
            if path in defaults and not is_part(defaults[path]) and path not in explorer.fields.opaque
        }
        if self.stated is not None:
            for path, ones in values.items():
                ones.append(self.stated.get(path))
        kinds = {path: self._kinds(path, values[path]) for path in sorted(values)}
        opaque = {path: _member(self.full_payload, path) for path in sorted(explorer.fields.opaque)}
        pins += [_opaque(path, inner) for path, inner in opaque.items()]
        self.record = {
            "fields": kinds | {path: "n" if inner is None else "nd" for path, inner in opaque.items()},
            "given": [*given, *pins],
            "assumed": assumed,
            "rules": rules,
            "tensors": [records.tensor_line(entry) for entry in entries],
        }

    def _kinds(self, path: str, values: list[Any]) -> str:
        """The kinds of value that a field was verified with. One that a class derives by itself, and that was stated
        only as what the class would derive, must be that: nobody verified whether another would be heeded."""
        found = records.kinds_of(values)
        default = self.explorer.fields.defaults.get(path)
        if self.stated is not None or path not in self.derives:
            return found
        for letter in found:
            distinct = {str(one) for one in values if kind(one) == letter}
            if letter not in (kind(default), "n") and len(distinct) < _TWICE:
                found = found.replace(letter, "").rstrip(AS_DERIVED) + AS_DERIVED
        return found

    def _all_pins(self) -> list[str]:
        """That every field is as it is by default, whether stated or not."""
        pins = []
        assert self.stated is not None
        for path, given in self.explorer.runs[0].config.env.items():
            rates = isinstance(given, list) and any(isinstance(one, float) for one in given)
            if (
                rates
                or RATE.search(path)
                or isinstance(given, float)
                or is_part(given)
                or not matters(path.rpartition(".")[2])
            ):
                continue
            if path in self.explorer.fields.defaults and path not in self.explorer.fields.opaque:
                values = {str(one): one for one in (given, self.stated.get(path, given))}
                pins.append(" or ".join(records.equal_to(path, one) for one in values.values()))
        return pins

    def _labels(self) -> dict[str, int]:
        """The number of labels that each config has by itself."""
        env = self.explorer.first.config.env
        return {path: env[path] for path in env if path.rpartition(".")[2] == LABELS and env[path] is not None}

    def _verify(self, result: Result) -> list[tuple[Flat, str]]:
        """What the record gets wrong, of configs that it was not learned from, and of the class's own."""
        explorer = self.explorer
        result.verified = result.refused = 0
        own = (self.full_payload, payload(explorer.fields, explorer.start))
        wrong = [
            (dict(explorer.start), f"defaults: {why}") for config in own if (why := self._difference(config, self.full))
        ]
        for only_numbers in (True, False) if explorer.accepted else ():
            for _ in range(HELD_OUT[only_numbers]):
                drawn = explorer.draw(only_numbers)
                why = "" if drawn is None else self._mistaken(*drawn)
                if drawn is None:
                    continue
                if why.startswith(gate.REFUSED):
                    result.refused += 1
                elif why:
                    wrong.append((drawn[0], why))
                    self._keep(drawn[0])
                else:
                    result.verified += 1
        if not wrong and result.refused > result.verified:
            wrong.append((dict(explorer.start), "refuses more than it counts"))
        return wrong

    def _blamed(self, wrong: list[tuple[Flat, str]], attempt: int) -> set[str]:
        """The fields to leave alone from now on: those that changed most often where the record was wrong."""
        base = self.explorer.first.changes
        shrunk = base.keys() - self.explorer.start.keys()
        counts: Counter[str] = Counter()
        for changes, _ in wrong:
            changed = [path for path, other in changes.items() if str(base.get(path)) != str(other)]
            counts.update({path: 1 for path in changed if path in self.explorer.accepted and path not in shrunk})
        for group in self.explorer.together:
            counts.update(dict.fromkeys(group, 0))
        return {path for path, _ in counts.most_common(1 + attempt * attempt)}


def _member(config: Any, path: str) -> Any:
    for step in path.split("."):
        config = config.get(step) if isinstance(config, dict) else None
    return config


def _opaque(path: str, inner: Any) -> str:
    """That a config inside, of a class that only it says, is absent or the default."""
    return f"{path} is None" if inner is None else f"{path} is None or digest({path}) == {digest(inner)!r}"


def _fields_in(text: str) -> frozenset[str]:
    return parse(text).fields


def _changed(phase: Phase, same: set[str]) -> set[str]:
    """The attributes that are not just the field of their name."""
    return {name.partition("[")[0] for name in phase.facts} - same

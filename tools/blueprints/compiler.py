"""The compiler of one class: runs, learning, counter-examples, and the gate that it ships through."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint
from tools.blueprints import gate
from tools.blueprints.causes import find_cause
from tools.blueprints.clauses import Inexpressible
from tools.blueprints.drafting import Draft
from tools.blueprints.drawing import Drawer
from tools.blueprints.explorer import CannotBuild, Explorer, Known
from tools.blueprints.overrides import OVERRIDES
from tools.blueprints.overrides.layer_configs import remove_layer_configs
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.probing import probes
from tools.blueprints.rates import find_mistaken, find_unvaried, sizing
from tools.blueprints.raw import Flat, payload, stated_fields, write_in_full
from tools.blueprints.results import ONLY_DEFAULTS, Result
from tools.blueprints.runs import build

_ROUNDS = 6
_PINS = 8
_DRAWS = 24
_CLEAN = 2
_MAX_REFUSED = 8
_MAX_SUSPECTED_CONFIGS = 6
_MAX_CHOICES = 40
_RANK_OF_DEFAULTS = Result("", "", record={}, narrow=ONLY_DEFAULTS).rank
HELD_OUT = {True: 12, False: 48}
"""Random configs, of other numbers only and of other structures, that a blueprint must agree with, not learned from."""

MIN_VERIFIED_CONFIGS = 12
"""Of those, how many must have built and been counted."""


def compile_type(model_type: str, names: list[str], seconds: float) -> Iterator[Result]:
    """The classes of one config, each with what was found out for those before it."""
    known, known_around = Known(), Known()
    for name in names:
        yield compile_class(model_type, name, seconds, known, known_around)


def compile_class(
    model_type: str, name: str, seconds: float, known: Known | None = None, known_around: Known | None = None
) -> Result:
    """The record of a class, if it passes the gate. With no seconds to explore: of its defaults only.

    Where no more than those were learned of the whole, the class is compiled around the models inside that ship.
    """
    result = _compile(model_type, name, seconds, known)
    if not seconds or result.rank > _RANK_OF_DEFAULTS:
        return result
    around = _compile(model_type, name, seconds, known_around, around=True)
    return around if around.rank > _RANK_OF_DEFAULTS else result


def _compile(model_type: str, name: str, seconds: float, known: Known | None, *, around: bool = False) -> Result:
    started = time.process_time()
    result = Result(model_type, name)
    try:
        compiler = _Compiler(Explorer(model_type, name, seconds, known, around=around))
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
        self.explorer, self.drawer = explorer, Drawer(explorer)
        self.draft = Draft(explorer, {}, None)
        self.blueprint: Blueprint | None = None
        self.full: dict[str, BuiltTensor] = {}
        self.full_payload: dict[str, Any] = {}
        self.rates: set[str] = set()  # those that size something, by their paths in that payload
        self.stated: Flat | None = None  # all fields, where only the defaults are known

    def compile(self, result: Result) -> None:
        """Explore, learn and verify; pin fields until what is left is exact."""
        explorer = self.explorer
        self._full_size()
        if explorer.seconds:
            self._explore()
        for attempt in range(_PINS):
            if attempt == _PINS - 1 or not explorer.seconds or (attempt and explorer.left < -explorer.seconds / 2):
                self._only_defaults()
                self._learn()
            else:
                self._refine()
            wrong = self._verify(result)
            rates = set() if wrong else self._mistaken_numbers()
            if not wrong and not rates:
                self._ship(result)
                return
            result.reason = wrong[0][1] if wrong else f"of {', '.join(sorted(rates))} only the default is known"
            if self.stated is not None:
                break
            if rates:
                explorer.pin(rates)
            elif cause := find_cause(self.draft.failures, explorer):
                explorer.pin(cause)
            elif attempt > 1 or explorer.left < 0:  # what was wrong may be enough to learn the rest
                explorer.pin(self._find_suspects(wrong, attempt))
        result.reason = f"is not exact ({result.reason})"

    def _ship(self, result: Result) -> None:
        result.shared, result.record = self.draft.shared, self.draft.record
        result.pinned = sorted(self.explorer.pinned)
        if self.stated is not None:
            result.narrow = ONLY_DEFAULTS
        elif self.explorer.pinned:
            result.narrow = f"only the default of {', '.join(result.pinned)}"
        else:
            result.reason = ""

    def _explore(self) -> None:
        explorer = self.explorer
        explorer.shrink()
        self._stated_in_full()
        explorer.explore()
        explorer.share()
        for _ in range(_DRAWS // 2):
            if (drawn := self.drawer.draw()) is not None:
                self._keep(drawn[0])

    def _full_size(self) -> None:
        """The class's own defaults, as its config.json says them in full."""
        explorer = self.explorer
        start = payload(explorer.fields, explorer.start)
        self.full_payload = write_in_full(explorer.config_cls, explorer.model_type, start)
        if explorer.model_type in OVERRIDES:
            self.full_payload = remove_layer_configs(self.full_payload)
        self.full = build(explorer.config_cls, explorer.model_cls, self.full_payload, 60)
        self.rates = sizing(self.full_payload, self.full, self._built)
        explorer.sizing = set(map(explorer.fields.declared_name, self.rates))

    def _built(self, config: Mapping[str, Any]) -> dict[str, BuiltTensor]:
        return build(self.explorer.config_cls, self.explorer.model_cls, config)

    def _mistaken_numbers(self) -> set[str]:
        """Rates that were not learned for all values, and numbers that a formula follows from by chance: what other
        configs show may be right for theirs alone."""
        assert self.blueprint is not None
        numbers = self.rates | find_unvaried(self.blueprint, self.explorer.compared, self.full_payload)
        wrong = find_mistaken(self.full_payload, numbers, self._built, partial(gate.difference, self.blueprint))
        return set(map(self.explorer.fields.declared_name, wrong)) - self.explorer.pinned

    def _stated_in_full(self) -> None:
        """A run in which every field is given, as in a config.json that was written out."""
        explorer = self.explorer
        full = stated_fields(explorer.fields, self.full_payload)
        if not self._keep({**full, **explorer.first.changes}):
            self._keep({**full, **explorer.start})

    def _only_defaults(self) -> None:
        """The last resort: a blueprint of the class's own config alone, which says so."""
        self.stated = stated_fields(self.explorer.fields, self.full_payload)
        self.explorer.only_defaults()

    def _keep(self, changes: Flat) -> bool:
        run = self.explorer.attempt(changes)
        return run is not None and self.explorer.add(run)

    def _refine(self) -> None:
        """Learn; draw configs; learn from those that it got wrong; until several rounds of none."""
        clean = 0
        for _ in range(_ROUNDS):
            if not clean:
                self._learn()
                self.explorer.find_relevant()
            wrong = refused = 0
            for _ in range(_DRAWS):
                drawn = self.drawer.draw()
                why = "" if drawn is None else self._mistaken(*drawn)
                if drawn is not None and why:
                    refused += why.startswith(gate.REFUSED)
                    if refused <= _MAX_REFUSED or not why.startswith(gate.REFUSED):
                        wrong += self._keep(drawn[0])
                if self.explorer.left < 0:
                    return
            clean = 0 if wrong else clean + 1
            if clean >= _CLEAN:
                return

    def _mistaken(self, changes: Flat, truth: dict[str, BuiltTensor]) -> str:
        return self._difference(payload(self.explorer.fields, changes), truth)

    def _difference(self, config: dict[str, Any], truth: dict[str, BuiltTensor]) -> str:
        if self.blueprint is None:
            return "; ".join(self.draft.failures[:3]) or "nothing was learned"
        return gate.difference(self.blueprint, config, truth)

    def _learn(self) -> None:
        """A record from the runs; if need be from those alone in which no number of layers exceeds that of all."""
        self._write()
        if not self._absence() or self.stated is not None or self.explorer.bound is not None:
            return
        runs = self.explorer.runs
        for bound in self.explorer.bounds():
            self.explorer.keep_within(bound)
            self._write()
            if not self._absence():
                return
            self.explorer.keep_within(None)
            self.explorer.runs = runs
        self._write()

    def _absence(self) -> bool:
        """Return whether it was not learned when something is there."""
        return any(failure.startswith("presence") for failure in self.draft.failures)

    def _write(self) -> None:
        draft = self.draft = Draft(self.explorer, self.full_payload, self.stated)
        try:
            draft.write()
            blueprint = gate.blueprint(self.explorer.model_type, self.explorer.name, draft.shared, draft.record)
        except (Inexpressible, ValueError, AssertionError, KeyError) as error:
            draft.failures.append(str(error))
            blueprint = None
        self.blueprint = blueprint

    def _verify(self, result: Result) -> list[tuple[Flat, str]]:
        """Return what the record gets wrong, of configs that it was not learned from, and of the class's own."""
        explorer = self.explorer
        result.verified = result.refused = 0
        if self.draft.failures:
            return [(dict(explorer.start), self.draft.failures[0])]
        defaults = (self.full_payload, payload(explorer.fields, explorer.start))
        wrong = [
            (dict(explorer.start), f"defaults: {why}")
            for config in defaults
            if (why := self._difference(config, self.full))
        ]
        if wrong and self.stated is None:  # what was learned from small models does not hold for a large one
            self._keep(dict(explorer.start))
        for only_numbers in (True, False) if explorer.accepted else ():
            choices = 0 if only_numbers else sum(map(self.drawer.chooses, explorer.accepted))
            for _ in range(HELD_OUT[only_numbers] + min(3 * choices, _MAX_CHOICES)):
                drawn = self.drawer.draw(only_numbers)
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
        if self.blueprint is not None and self.stated is None:
            wrong += self._probe(self.blueprint)
        if not wrong and self.stated is None and result.verified < max(MIN_VERIFIED_CONFIGS, result.refused):
            wrong.append((dict(explorer.start), f"only {result.verified} random configs could be counted"))
        return wrong

    def _probe(self, blueprint: Blueprint) -> list[tuple[Flat, str]]:
        """Return what is wrong once a single field is as small or as odd as it can be."""
        wrong = []
        for drawn in filter(None, map(self.drawer.built, probes(blueprint, self.explorer))):
            why = self._mistaken(*drawn)
            if why and not why.startswith(gate.REFUSED):
                wrong.append((drawn[0], why))
                self._keep(drawn[0])
        return wrong

    def _find_suspects(self, wrong: list[tuple[Flat, str]], attempt: int) -> set[str]:
        """The fields to leave alone from now on: without a change of which most of what is wrong would be right."""
        counts: Counter[str] = Counter()
        for changes, why in wrong[:_MAX_SUSPECTED_CONFIGS]:
            counts.update(self._refusing(why) or self._minimal(changes))
        if not counts:
            counts.update(path for group in self.explorer.together for path in group.keys() - self._shrunk())
        return {path for path, _ in counts.most_common(1 + attempt * attempt)}

    def _refusing(self, why: str) -> list[str]:
        """The fields that a refusal names."""
        accepted = self.explorer.accepted.keys() - self._shrunk()
        return [path for path in accepted if gate.REFUSED in why and path in why]

    def _minimal(self, changes: Flat) -> list[str]:
        """Of the changes of a config that is counted wrongly those that it takes to be."""
        base = self.explorer.first.changes
        changed = [path for path, other in changes.items() if str(base.get(path)) != str(other)]
        needed = []
        for path in changed:
            without = {name: value for name, value in changes.items() if name != path}
            without |= {path: base[path]} if path in base else {}
            if self._still_wrong(without):
                changes = without
            elif path in self.explorer.accepted and path not in self._shrunk():
                needed.append(path)
        return needed

    def _shrunk(self) -> set[str]:
        """The fields that are less than by default in the first run, so that nothing can be left at that."""
        return set(self.explorer.first.changes.keys() - self.explorer.start.keys())

    def _still_wrong(self, changes: Flat) -> bool:
        drawn = self.drawer.built(changes)
        return drawn is not None and bool(self._mistaken(*drawn))

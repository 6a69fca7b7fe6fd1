"""Pins taken away: each field that a record knows by one value only is varied, and what is built held against it.

A field that changes no tensor is free at once; where it changes sizes, numbers of blocks, what is there or what is
tied, the lines are refitted. Whatever else it would do is seen by configs of many changes, which close the pass.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint
from paramcount.formats.huggingface.configs import KINDS, ConfigFields, derive_fields
from paramcount.formats.huggingface.functions import ACTIVATIONS
from paramcount.model.errors import ArchitectureError, Problems
from tools.blueprints import gate, moves
from tools.blueprints.clauses import Inexpressible, activation, equal_to, literal
from tools.blueprints.lines import Line, Pin, parse_rule, parse_tensor, read_membership, read_pin
from tools.blueprints.raw import LABELS, RATE
from tools.blueprints.records import kinds_of
from tools.blueprints.refitting import Field, Seen, find_expression, refit
from tools.blueprints.variants import Case, Variants

Record = dict[str, Any]

MIN_VALUES = 3
"""Other values of a number that must have been built, and counted so, before it is free."""

MIN_BUILDS = 8
"""Configs that must have been built of a field, other fields changed beside it in some, before it is free."""

_OUTPUTS, _STAGES = "out_features", "stage_names"
_MAX_VALUES = 5
_JOINT = 3
_DRAWS_OF_JOINT = 15
_WRITTEN_OUT = 2
_DRAWS = 100
_FEWEST_DRAWS = 30
_IDLE_DRAWS = 14
_FEWER = 0.6
_PASSES = 2
_FEW_LAYERS = 2, 3
_FORMS = 3


class Widening:
    """The pass over the record of one class."""

    def __init__(self, model_type: str, name: str, family: Record, seconds: float, seed: int = 0) -> None:
        self.model_type, self.name, self.family = model_type, name, family
        self.record: Record = {key: value for key, value in family["classes"][name].items() if key != "fixed"}
        self.chance = random.Random(seed)
        self.until = time.process_time() + seconds
        self.variants = Variants(model_type, name, self.chance)
        self.plain: list[Case] = []  # the class's config without changes, where that is counted
        self.free: dict[str, list[Any]] = {}
        self.lifted: dict[str, Pin] = {}

    def widen(self) -> list[str]:
        """Take away what pins can be, and return the fields that are free now."""
        pins = sorted(filter(None, map(read_pin, self.record["given"])), key=self._rank)
        pinned = {pin.path for pin in pins}
        self.variants.flat |= {
            pin.path: int(pin.values[0]) for pin in pins if pin.path.endswith(LABELS) and pin.values[0].isdigit()
        }
        closed = tuple(f"{path}." for path in self._list_closed())
        loose = [
            path for path in self.variants.flat if not (path in pinned or RATE.search(path) or path.startswith(closed))
        ]
        self.free = {path: values for path in loose if (values := self.variants.others(path))}
        self.plain = [case for case in self.variants.build({}) if self._accept(self.record, case) is not None]
        self._go_shallow([path for path in self.free if moves.counts_layers(path)])
        pins = self._lift_idle(pins)
        for pin in filter(None, map(read_membership, self.record["given"])):
            self._lift_membership(pin)
        for _ in range(_PASSES):
            waiting, pins = pins, []
            for pin in waiting:
                if time.process_time() > self.until or not self._lift(pin):
                    pins.append(pin)
            if len(pins) == len(waiting):
                break
        self._verify()
        return sorted(self.lifted)

    def _list_closed(self) -> set[str]:
        """The configs inside of which the record knows one only, or whose lines are those of another blueprint."""
        known = re.findall(r"digest\((\S+)\)", " ".join(self.record["given"]))
        return {*known, *self.record.get("within", ())}

    def _rank(self, pin: Pin) -> tuple[bool, bool, bool, str]:
        """Numbers of layers first: with few of them, the rest takes less time. Then what others are derived from.

        Flags after numbers: what comes with a flag is sized like what is there, once that follows from the numbers.
        """
        number = type(self.variants.flat.get(pin.path)) is int
        return not moves.counts_layers(pin.path), not pin.is_derived, not number, pin.path

    def _lift_idle(self, pins: list[Pin]) -> list[Pin]:
        """Free the fields at once of which no value changes what is built, and return the pins that stay."""
        blueprint, around = self._parse(self.record), list(self._flip_flags())
        if blueprint is None or not around:
            return pins
        read = gate.read_fields(blueprint)
        idle = [pin for pin in pins if pin.path not in read and all(self._is_idle(pin, one) for one in around)]
        drawn = [(case, one) for one in around for case in self._draw_idle(idle, one.changes)]
        cases = [case for case, _ in drawn]
        differing = {path for case, one in drawn if case.truth != one.truth for path in case.changes}
        record, values = self.record, dict[str, list[Any]]()
        freed = []
        for pin in idle:
            varied = [case.changes[pin.path] for case in cases if pin.path in case.changes]
            distinct = [value for number, value in enumerate(varied) if value not in varied[:number]]
            is_varied = len(distinct) >= (1 if isinstance(self.variants.flat.get(pin.path), bool | str) else MIN_VALUES)
            if pin.path not in differing and is_varied and len(varied) >= MIN_BUILDS:
                record = self._without(pin, distinct, record) | {"rules": record["rules"]}
                values[pin.path] = distinct
                freed.append(pin)
        blueprint = self._accept(record)
        whys = (gate.difference(blueprint, case.config, case.truth) for case in cases if blueprint)
        if blueprint is None or any(map(gate.is_wrong, whys)):
            return pins
        self.record, self.free = record, self.free | values
        self.lifted |= {pin.path: pin for pin in freed}
        return [pin for pin in pins if pin not in freed]

    def _flip_flags(self) -> Iterator[Case]:
        """Yield the class's own config, and one with as many flags flipped as build: flags hide what fields size."""
        yield from islice(self.variants.build({}), 1)
        flags = [path for path, values in sorted(self.free.items()) if isinstance(values[0], bool)]
        while flags:
            if case := next(self.variants.build({path: self.free[path][0] for path in flags}), None):
                yield case
                return
            flags = self.chance.sample(flags, len(flags) // 2)

    def _lift_membership(self, pin: Pin) -> None:
        """Free the stages that a backbone gives out, if none of them changes what is built."""
        names = self.variants.flat.get(f"{pin.path.removesuffix(_OUTPUTS)}{_STAGES}")
        if not pin.path.endswith(_OUTPUTS) or not names:
            return
        lists = [names[1:2], names[len(names) // 2 :][:1], names[-1:], names[1:3], names[1:]]
        cases = [case for value in lists for case in self.variants.build({pin.path: value})]
        record = self.record | {"given": [clause for clause in self.record["given"] if clause != pin.clause]}
        good = self.judge(record, pin, cases)
        if good is not None and len(good) >= MIN_VALUES:
            self.record, self.free[pin.path], self.lifted[pin.path] = record, good, pin

    def _is_idle(self, pin: Pin, around: Case) -> bool:
        """Return whether another value of a field alone gives the same tensors, beside the changes of a config."""
        if not self.variants.is_leaf(pin.path):
            return False
        for value in self.variants.others(pin.path)[:_MAX_VALUES]:
            changes = {**around.changes, pin.path: value}
            if (case := next(self.variants.build(changes, written_out=False), None)) is not None:
                return case.truth == around.truth
        return False

    def _draw_idle(self, idle: Sequence[Pin], beside: Mapping[str, Any]) -> Iterator[Case]:
        """Yield configs in which many of some fields have other values; fewer at once, where they do not build."""
        size = float(len(idle))
        for _ in range(_IDLE_DRAWS if idle else 0):
            some = self.chance.sample(idle, max(1, round(size)))
            values = {pin.path: self.chance.choice(self.variants.others(pin.path)) for pin in some}
            cases = list(self.variants.build({**beside, **values}))
            size = size if cases else max(1.0, size * _FEWER)
            yield from cases

    def _lift(self, pin: Pin) -> bool:
        """Free a field, if all that is built of its other values is what is counted, or what can be counted."""
        base = self.variants.flat.get(pin.path)
        if not self.variants.is_value(pin.path):
            return False
        cases = list(self._cases(pin))
        if len(cases) < MIN_BUILDS:
            return False
        pins = frozenset(one.path for one in map(read_pin, self.record["given"]) if one is not None)
        for record in self._options(pin, Field(pin.path, base, pins), cases):
            good = self.judge(record, pin, cases)
            if good is None:
                continue
            if len(good) < (1 if isinstance(base, bool | str) else MIN_VALUES):
                return False
            self.record, self.free[pin.path], self.lifted[pin.path] = record, good, pin
            if moves.counts_layers(pin.path) and 2 in good and 3 in good:
                self._go_shallow([pin.path])
            return True
        return False

    def _go_shallow(self, paths: Sequence[str]) -> None:
        """Build few layers from now on, where those are counted right."""
        for path in paths:
            if type(base := self.variants.flat.get(path)) is int and base > max(_FEW_LAYERS):
                few = {path: _FEW_LAYERS[len(self.variants.start) % 2]}
                blueprint, cases = self._parse(self.record), list(self.variants.build(few))
                if blueprint is None or not cases:
                    continue
                if not any(gate.difference(blueprint, case.config, case.truth) for case in cases):
                    self.variants.start |= few
                    self.variants.full = self.variants.put(few) if len(cases) == _FORMS else self.variants.full

    def _options(self, pin: Pin, field: Field, cases: Sequence[Case]) -> Iterator[Record]:
        """Yield the record without a pin, then with its lines refitted."""
        freed = self._without(pin, [case.changes[pin.path] for case in cases], self.record)
        if pin.is_derived:  # what nothing follows from needs no rule
            yield freed | {"rules": self.record["rules"]}
        yield freed
        loose = _loosen(freed)
        seen = [one for case in cases if (one := self._see(case, loose)) is not None]
        rules = self._refit_rules(list(map(parse_rule, freed["rules"])), seen, field)
        if rules is None:
            yield from self._ignore(pin, field.base)
            return
        freed = freed | {"rules": [rule.text for rule in rules]}
        loose = _loosen(freed)
        seen = [one for case in cases if (one := self._see(case, loose)) is not None]
        lines = refit(list(map(parse_tensor, freed["tensors"])), seen, field)
        if lines is not None:
            yield freed | {"tensors": [line.text for line in lines]}
        yield from self._ignore(pin, field.base)

    def _ignore(self, pin: Pin, base: Any) -> Iterator[Record]:
        """Yield the record with a field that the config class always derives: whatever is stated, it does not heed."""
        if rules := self._derive_null(pin, base):
            clauses = [clause for clause in self.record["given"] if clause != pin.clause]
            always = rules[0].partition(" where ")[0]
            fields = {path: kinds for path, kinds in self.record["fields"].items() if path != pin.path}
            yield self.record | {"given": clauses, "fields": fields, "rules": [*self.record["rules"], always]}

    def _without(self, pin: Pin, values: Sequence[Any], record: Record) -> Record:
        """The record without a pin; of words, with those that were varied."""
        same = {pin.clause, pin.path, f"not {pin.path}"}
        clauses, assumed = ([clause for clause in record[key] if clause not in same] for key in ("given", "assumed"))
        base = self.variants.flat.get(pin.path)
        words = [one for one in [base, *values] if isinstance(one, str)]
        if words:
            activations = ACTIVATIONS.intersection(words)
            known = activations if len(activations) >= MIN_VALUES else frozenset()
            choices = [activation(pin.path)] if known else []
            choices += [equal_to(pin.path, word) for word in dict.fromkeys(words) if word not in known]
            choices += [f"{pin.path} is None"] if "None" in pin.values else []
            clauses.append(" or ".join(choices))
        if type(base) is int and base > 0:  # 0 often means that there is none
            clauses.append(f"{pin.path} > 0")
        if isinstance(base, list):  # whatever it holds; others of another length were not built
            unstated = f"{pin.path} is None or " if "None" in pin.values else ""
            clauses.append(f"{unstated}len({pin.path}) == {len(base)}")
        kinds = set(record["fields"].get(pin.path, "")) | set(kinds_of([base, *values]))
        kinds |= {"n"} if "None" in pin.values else set()
        fields = record["fields"] | {pin.path: "".join(letter for letter in KINDS if letter in kinds)}
        return record | {
            "given": clauses,
            "assumed": assumed,
            "fields": dict(sorted(fields.items())),
            "rules": [*record["rules"], *self._derive_null(pin, base)],
        }

    def _derive_null(self, pin: Pin, base: Any) -> list[str]:
        """That a field is what it was where it is null: an expression once it is refitted."""
        known = any(re.match(rf"{re.escape(pin.path)}(\[| =)", rule) for rule in self.record["rules"])
        if not pin.is_derived or base is None or known:
            return []
        return [
            f"{pin.path} = {literal(base)} where {pin.path} is None",
            f"{pin.path} = {pin.path} where not {pin.path} is None",
        ]

    def _cases(self, pin: Pin) -> Iterator[Case]:
        """Yield configs with other values of a field, alone and beside changes of others, as stated and written out."""
        values: list[Any] = []
        built = 0
        for value in self.variants.others(pin.path):
            cases = list(self.variants.build({pin.path: value}, written_out=len(values) < _WRITTEN_OUT))
            values += [value] if cases else []
            built += len(cases)
            yield from cases
            if len(values) == _MAX_VALUES:
                break
        joint = 0
        for _ in range(_DRAWS_OF_JOINT if values else 0):
            if joint >= _JOINT and built >= MIN_BUILDS:
                return
            changes = self._draw_beside(pin) | {pin.path: values[-1 - joint % len(values)]}
            cases = list(self.variants.build(changes)) if len(changes) > 1 else []
            yield from cases
            joint, built = joint + bool(cases), built + len(cases)

    def _draw_beside(self, pin: Pin) -> dict[str, Any]:
        """Changes of other fields that are free: a few, and some that stand in the same config.

        Beside a number those are flags, and beside a flag numbers: what comes with a flag follows from numbers.
        """
        others = sorted(self.free.keys() - {pin.path})
        some = self.chance.sample(others, min(len(others), self.chance.randint(1, 4)))
        is_number = type(self.variants.flat.get(pin.path)) is int
        near = [path for path in others if path.rpartition(".")[0] == pin.path.rpartition(".")[0]]
        paired = [path for path in near if type(self.variants.flat.get(path)) is (bool if is_number else int)]
        some += self.chance.sample(paired, self.chance.randint(len(paired) // 2, len(paired)))
        return {path: self.chance.choice(self.free[path]) for path in some}

    def judge(self, record: Record, pin: Pin, cases: Sequence[Case]) -> list[Any] | None:
        """The values of a field of which all is counted as it is built; None where something is counted otherwise."""
        blueprint = self._accept(record)
        if blueprint is None:
            return None
        good: list[Any] = []
        counted = 0
        for case in cases:
            why = gate.difference(blueprint, case.config, case.truth)
            if gate.is_wrong(why):
                return None
            value = case.changes[pin.path]
            counted += not why
            if not why and value not in good:
                good.append(value)
        return good if counted >= MIN_BUILDS else []

    def _accept(self, record: Record, *cases: Case) -> Blueprint | None:
        """The blueprint of a record, if it counts the class's config without changes, or these."""
        blueprint = self._parse(record)
        whys = (gate.difference(blueprint, case.config, case.truth) for case in cases or self.plain if blueprint)
        return None if any(whys) else blueprint

    def _parse(self, record: Record) -> Blueprint | None:
        try:
            return gate.blueprint(self.model_type, self.name, self.family, record)
        except (ValueError, AssertionError, KeyError, Inexpressible):
            return None

    def _see(self, case: Case, record: Record) -> Seen | None:
        blueprint = self._parse(record)
        if blueprint is None:
            return None
        try:
            read = ConfigFields(case.config, blueprint)
            return Seen(read.fields, derive_fields(blueprint, read.fields), case.truth, case.attributes)
        except (Problems, ArchitectureError):
            return None

    def _refit_rules(self, rules: list[Line], seen: Sequence[Seen], field: Field) -> list[Line] | None:
        """The rules as the config class derives fields once this one has other values; None where no way was found."""
        refitted = []
        for rule in rules:
            path, bracket, index = rule.name.partition("[")
            sizes = [
                (one.stated, (), len(value) if bracket else value)
                for one in seen
                if (value := one.attributes.get(path)) is not None and (not bracket or isinstance(value, list))
                for _ in rule.expand(one.stated)
            ]  # fmt: skip
            if rule.counts or index not in ("", "]") or not sizes:
                refitted.append(rule)
                continue
            text = find_expression(rule.shape[0], sizes, field)
            if text is None:
                return None
            refitted.append(rule._replace(shape=(text,)))
        return refitted

    def _verify(self) -> None:
        """Hold configs of many changes against what is counted, and pin again what some of them show to be wrong."""
        for number in range(_DRAWS):
            if not self.lifted or (number >= _FEWEST_DRAWS and time.process_time() > self.until):
                return
            options = sorted(self.free)
            some = self.chance.sample(options, min(len(options), self.chance.randint(1, 6)))
            some += self.chance.sample(sorted(self.lifted), min(2, len(self.lifted)))
            changes = {path: self.chance.choice(self.free[path]) for path in some}
            while self._find_wrong(changes):
                if not self._pin_again(changes):  # lines were refitted wrongly: nothing of this pass stays
                    self.lifted.clear()
                    return

    def _find_wrong(self, changes: Mapping[str, Any]) -> str:
        blueprint = self._parse(self.record)
        assert blueprint is not None
        whys = (gate.difference(blueprint, case.config, case.truth) for case in self.variants.build(changes))
        return next(filter(gate.is_wrong, whys), "")

    def _pin_again(self, changes: dict[str, Any]) -> bool:
        """Pin the field again without whose change the rest is right, or all that are left; false: there is none."""
        freed = [path for path in changes if path in self.lifted]
        if not freed:
            return False
        path = next(
            (one for one in freed if not self._find_wrong({p: v for p, v in changes.items() if p != one})), freed[0]
        )
        pin = self.lifted.pop(path)
        self.free.pop(path, None)
        self.record = self.record | {"given": [*self.record["given"], pin.clause]}
        return True


def _loosen(record: Record) -> Record:
    """The record as it reads configs, without anything that it takes for granted."""
    return record | {"given": [], "assumed": [], "pins": []}

"""The draft of a record: the entries, rules and assumptions that runs give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.huggingface.configs import ABSENT, DERIVED, kind_of
from paramcount.formats.huggingface.expressions import parse
from paramcount.formats.huggingface.functions import digest
from tools.blueprints import assumptions, records
from tools.blueprints.clauses import equal_to, literal
from tools.blueprints.explorer import Explorer
from tools.blueprints.learning import Learned, Learner
from tools.blueprints.phases import Phase
from tools.blueprints.raw import LABELS, RATE, Fields, Flat, is_part, matters
from tools.blueprints.records import Record
from tools.blueprints.shims import UNSEEN

_TWICE = 2


class Draft:
    """The record that an explorer's runs make. With `stated`, all fields of a config: of that config only."""

    def __init__(self, explorer: Explorer, full_payload: dict[str, Any], stated: Flat | None) -> None:
        self.explorer, self.full_payload, self.stated = explorer, full_payload, stated
        self.failures: list[str] = []
        self.shared: Record = {}
        self.record: Record = {}
        self.fallbacks: dict[str, Any] = {}
        self.configs: list[Phase] = []
        self.derives: set[str] = set()  # the fields that the config's class derives
        self.defaults: Flat = {}
        self.filled: set[str] = set()  # null fields that are pinned, and that the config's class fills in

    def write(self) -> None:
        """Learn, and write. Raises Inexpressible."""
        self._share_fallbacks()
        models, self.configs = ([one.model for one in self.explorer.runs], [one.config for one in self.explorer.runs])
        learner = Learner(models, literal=self.stated is not None)
        entries = learner.learn()
        self.failures += learner.failures
        assumed = self._list_assumptions(models, records.read_by(entries))
        self.defaults = self._defaults()
        self.shared = records.family(self.explorer.fields, self.defaults, self.explorer.flat)
        pins = assumptions.find_assumptions(self.configs, self._foreign()) if self.stated is None else []
        needed = records.read_by(entries) | _fields_in(assumed)
        rules, kinds = self._rules(needed, _fields_in(pins))
        opaque = {
            path: _member(self.full_payload, path) for path in sorted(self.explorer.fields.opaque - self._foreign())
        }
        pinned = self._pins()
        self.record = {
            "fields": kinds
            | {path: self._objects(path, inner) for path, inner in opaque.items()}
            | dict.fromkeys(sorted(self.filled), "nd")
            | backbone_kinds(self.explorer.fields),
            "given": [
                *pins,
                *pinned,
                *backbone_pins(self.explorer.fields, self.full_payload),
                *(_opaque(path, inner, self._objects(path, inner)) for path, inner in opaque.items()),
            ],
            "assumed": assumed,
            "rules": rules,
            "tensors": [records.tensor_line(entry) for entry in entries],
        }
        if self.explorer.inside:
            self.record["within"] = {one.path: one.to_slot() for one in self.explorer.inside}

    def _foreign(self) -> frozenset[str]:
        """The fields of configs inside that only the models inside read, whose blueprints say what must hold."""
        return self.explorer.foreign.difference(*(one.model.read_paths for one in self.explorer.runs))

    def _share_fallbacks(self) -> None:
        """Assume that getattr gives in all runs what it gave in one."""
        for one in self.explorer.runs:
            self.fallbacks.update(one.model.trace.fallbacks)
        for one in self.explorer.runs:
            for path, fallback in self.fallbacks.items():
                one.config.env.setdefault(path, None)
                if one.model.env.get(path) is None:
                    one.model.env[path] = fallback

    def _list_assumptions(self, phases: list[Phase], needed: set[str]) -> list[str]:
        if self.stated is not None:
            return []
        return [*assumptions.find_assumptions(phases), *assumptions.words(needed, phases)]

    def _defaults(self) -> Flat:
        """The fields' defaults: those that code asks for though no class declares them, and numbers of labels too."""
        defaults = dict(self.explorer.fields.defaults)
        undeclared = {path for one in self.explorer.runs for path in one.model.trace.missing} | self.fallbacks.keys()
        defaults.update({path: None for path in sorted(undeclared) if path not in defaults})
        env = self.explorer.first.config.env
        labels = {path: env[path] for path in env if path.rpartition(".")[2] == LABELS and env[path] is not None}
        return defaults | {path: number for path, number in labels.items() if path in defaults}

    def _objects(self, path: str, inner: Any) -> str:
        """The kinds of an object that is verified as it is by default only."""
        if isinstance(self.explorer.fields.defaults.get(path), dict):
            return "d"  # to be null is another
        return "n" if inner is None else "nd"

    def _rules(self, needed: set[str], questioned: set[str]) -> tuple[list[str], dict[str, str]]:
        """Return how the fields that matter are derived, and what kinds of value each may have."""
        runs = self.explorer.runs
        self.derives = {path for one in runs for path in _list_derived(one.config, one.same)}
        learned: list[Learned] = []
        ruled: set[str] = set()
        more = needed & self.derives
        while True:
            learner = Learner(self.configs, more, literal=self.stated is not None)
            learned += learner.learn()
            self.failures += learner.failures
            ruled |= more
            kinds = self._kinds((needed - ruled) | records.read_by(learned) | questioned)
            more = {path for path, letters in kinds.items() if DERIVED in letters} - ruled
            if not more:
                break
        lines = [records.rule_line(entry) for entry in learned]
        for path, fallback in sorted(self.fallbacks.items()):
            if path in needed and path not in ruled:
                lines.append(f"{path} = {literal(fallback)} where {path} is None")
                lines.append(f"{path} = {path} where not {path} is None")
        return lines, kinds

    def _kinds(self, used: set[str]) -> dict[str, str]:
        """The kinds of value that each field was verified with."""
        opaque = self.explorer.fields.opaque
        kinds = {}
        for path in sorted(used):
            if path in self.defaults and not is_part(self.defaults[path]) and path not in opaque:
                values = [*(phase.env.get(path) for phase in self.configs), self.defaults.get(path)]
                if self.stated is not None:
                    values.append(self.stated.get(path))
                kinds[path] = self._kinds_of(path, values)
        return kinds

    def _kinds_of(self, path: str, values: list[Any]) -> str:
        """One that a class derives by itself, and that was stated only as what the class would derive, must be that:
        nobody verified whether another would be heeded. One that no class declares may be absent, but not null."""
        letters = records.kinds_of(values)
        fields = self.explorer.fields
        if path not in fields.annotations and fields.defaults.get(path) is None and self.defaults.get(path) is None:
            letters = letters.replace("n", ABSENT)
        default = fields.defaults.get(path)
        if self.stated is not None or path not in self.derives:
            return letters
        for letter in letters:
            distinct = {str(one) for one in values if kind_of(one) == letter}
            if letter not in (kind_of(default), "n", ABSENT) and len(distinct) < _TWICE:
                letters = letters.replace(letter, "").rstrip(DERIVED) + DERIVED
        return letters

    def _pins(self) -> list[str]:
        """That fields are as they were: those that could not be learned, or all."""
        if self.stated is not None:
            return self._all_pins(self.stated)
        base = self.explorer.first.config.env
        pinned = [self._pin(path, base.get(path)) for path in sorted(self.explorer.pinned) if path in base]
        bounds = [" <= ".join(self.explorer.bound)] if self.explorer.bound else []
        return [*pinned, *bounds, *filter(None, self._list_constant_fields())]

    def _list_constant_fields(self) -> Iterator[str]:
        """Fields that code reads and that were the same in every run: nobody knows what else they would do."""
        fields, first = self.explorer.fields, self.explorer.first
        read = (
            {path for one in self.explorer.runs for path, _ in one.model.trace.reads} | fields.read | set(fields.legacy)
        )
        for path in sorted((read | self.explorer.sizing) - self.explorer.pinned - self._foreign()):
            value = first.config.env.get(path)
            name = path.rpartition(".")[2]
            if path not in self.defaults or is_part(value) or path in fields.opaque or path in fields.made:
                continue
            if not matters(name) or name in UNSEEN or (RATE.search(path) and path not in self.explorer.sizing):
                continue
            if len({str(phase.env.get(path)) for phase in self.configs}) == 1:
                fallback = self.fallbacks.get(path)
                yield self._pin(path, value, *(() if fallback is None else (fallback,)))

    def _all_pins(self, stated: Flat) -> list[str]:
        """That every field is as it is by default, whether stated or not."""
        pins = []
        for path, default in self.explorer.runs[0].config.env.items():
            rates = isinstance(default, float) or (
                isinstance(default, list) and any(isinstance(one, float) for one in default)
            )
            if (rates or RATE.search(path)) and path not in self.explorer.sizing:
                continue
            if is_part(default) or not matters(path.rpartition(".")[2]):
                continue
            if path in self.explorer.fields.defaults and path not in self.explorer.fields.opaque:
                values = {str(one): one for one in (default, stated.get(path, default))}
                pins.append(self._pin(path, *values.values()))
        return [*pins, *self._list_undeclared_pins()]

    def _list_undeclared_pins(self) -> Iterator[str]:
        """That what code asks for though no class declares it is absent, or what the whole config says of it.

        Whether embeddings are tied stays open: nearly every config says that they are not.
        """
        for path in sorted(self.defaults.keys() - self.explorer.fields.defaults.keys()):
            name = path.rpartition(".")[2]
            if self.defaults[path] is None and matters(name) and name != _TIES and not RATE.search(path):
                values = {str(one): one for one in (None, _member(self.full_payload, path))}
                yield self._pin(path, *values.values())

    def _pin(self, path: str, *values: Any) -> str:
        """That a field has one of some values; where that is null, it may be the object that the class fills in."""
        filled = _member(self.full_payload, path)
        if values[0] is None and isinstance(filled, dict):
            self.filled.add(path)
            return _opaque(path, filled, "nd")
        return " or ".join(equal_to(path, one) for one in values)


_TIES = "tie_word_embeddings"
_BACKBONE, _ARGUMENTS = "backbone", "backbone_kwargs"


def backbone_pins(fields: Fields, full_payload: Mapping[str, Any]) -> list[str]:
    """That an older field which names the backbone names that of the default: the config's class makes a whole config
    inside of it, and nobody has seen others. Where that config is stated, it says how many channels there are."""
    if _BACKBONE not in fields.legacy:
        return []
    inside, channels = f"{_BACKBONE}_config", "num_channels"
    backbone = _member(full_payload, f"{inside}.{_BACKBONE}")
    pins = [" or ".join(equal_to(_BACKBONE, one) for one in dict.fromkeys((None, backbone)))]
    if channels in full_payload:
        pins.append(f"{inside} is None or {equal_to(channels, full_payload[channels])}")
    return pins


def backbone_kinds(fields: Fields) -> dict[str, str]:
    """That its arguments are not stated."""
    return {_ARGUMENTS: "n"} if _ARGUMENTS in fields.legacy else {}


def _member(config: Any, path: str) -> Any:
    for step in path.split("."):
        config = config.get(step) if isinstance(config, dict) else None
    return config


def _opaque(path: str, inner: Any, kinds: str) -> str:
    """That an object, such as a config inside of a class that only it says, is the default: absent, mostly."""
    known = f"digest({path}) == {digest(inner)!r}" if "d" in kinds else ""
    return " or ".join(filter(None, [f"{path} is None" if "n" in kinds else "", known]))


def _fields_in(texts: list[str]) -> set[str]:
    return {path for text in texts for path in parse(text).fields}


def _list_derived(phase: Phase, same: set[str]) -> set[str]:
    """The attributes that are not just the field of their name."""
    return {name.partition("[")[0] for name in phase.facts} - same

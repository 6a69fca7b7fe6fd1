"""A config.json as its class reads it: defaults, other names of a field, configs inside, what is derived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, Rule
from paramcount.formats.huggingface.expressions import Scope, count, value_or_none, violated
from paramcount.formats.huggingface.places import each, where
from paramcount.model.errors import ArchitectureError, InvalidConfig, InvalidDocument, Problems, TooLarge, token
from paramcount.schema.validator import shown

MAX_DIMENSION = 2**40
LONGEST = 100_000
"""How many layers may differ from each other."""

LONGEST_TEXT = 1000
"""How many characters a text may have that something follows from."""

LABELS = "num_labels"

AGAIN = "_dict"
AS_DERIVED = "="
"""Among the kinds of a field: it may be stated, if it is stated as the class derives it."""

ABSENT = "a"
"""Among the kinds of a field: it may be left out, which is not the same as null."""

PER_LAYER = "per_layer_config"
"""What single layers say otherwise than the config around them, by the layer: {"5": {"head_dim": 512}}."""

KINDS = {
    "i": "an integer", "f": "a number", "b": "true or false", "s": "a string", "n": "null",
    "I": "a list of integers", "F": "a list of numbers", "B": "a list of booleans", "S": "a list of strings",
    "L": "a list of lists", "E": "an empty list", "d": "an object", "a": "absent",
}  # fmt: skip


def kind(value: Any) -> str:
    """The kind of a value, in one letter of KINDS."""
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "b"
    if isinstance(value, int):
        return "i"
    if isinstance(value, float):
        return "f"
    if isinstance(value, str):
        return "s"
    if isinstance(value, dict):
        return "d"
    kinds = {"L" if isinstance(item, list) else kind(item) for item in value}
    if not kinds:
        return "E"
    if kinds == {"i"}:
        return "I"
    if kinds <= {"i", "f"}:
        return "F"
    return {"b": "B", "s": "S"}.get(kinds.pop(), "L") if len(kinds) == 1 else "L"


def scope_of(payload: Mapping[str, Any], blueprint: Blueprint) -> dict[str, Any]:
    """Every field that matters by its dotted path, as the config's class has it once it derived what it derives.

    Raises Problems with all that was never verified.
    """
    return Given(payload, blueprint).scope()


class Given:
    """The fields of a config as they are stated, by their dotted paths, or else as their class has them by default."""

    def __init__(self, payload: Mapping[str, Any], blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.fields: dict[str, Any] = dict(blueprint.family.defaults)
        self.pointers: dict[str, str] = {}
        self.problems: list[ArchitectureError] = []
        self.repeated: dict[str, Mapping[str, Any]] = {}  # configs inside that are stated twice, as CLIP's once were
        self.layers: dict[str, Mapping[str, Mapping[str, Any]]] = {}  # configs of single layers
        self.echoes: dict[str, Any] = {}  # fields stated that the class derives: they must be what it derives
        self._read(payload, "", "")

    def essence(self, asked: Iterable[str], optional: Iterable[str]) -> tuple[Any, ...] | None:
        """What follows from the fields that are `asked`, and from whether those that are `optional` are stated, follows
        from this; None where more must be looked at."""
        if self.problems or self.repeated or not self.layers.keys() <= self.blueprint.fields.keys():
            return None
        return [*map(self.fields.get, asked)], [path in self.pointers for path in optional], self.echoes

    def scope(self) -> dict[str, Any]:
        """Every field that matters, once the class derived what it derives. Raises Problems as `scope_of` does."""
        self._check()
        if self.problems:
            raise Problems(self.problems)
        found = derived(self.blueprint, self.fields)
        problems = [
            _unverified(f"the value that the class derives, {shown(found.get(path))}", self.pointers.get(path, ""))
            for path, value in self.echoes.items()
            if found.get(path) != value
        ]
        if problems:
            raise Problems(problems)
        return found

    def _read(self, config: Mapping[str, Any], prefix: str, pointer: str) -> None:
        """Take in the members of a config, at `prefix` among the fields and at `pointer` in the document."""
        aliases, flat = self.blueprint.family.aliases, self.blueprint.family.flat
        if flat and not prefix and config.get(flat) is None:
            self._flat(config, f"{flat}.")
        fields, parts = self.fields, self.blueprint.family.parts
        for key, value in config.items():
            path = prefix + key
            if key == PER_LAYER:
                self._layers(path, value, pointer + token(key))
            elif (
                path in fields
                and path not in parts
                and not isinstance(value, dict)
                and key != LABELS
                and "." not in key
            ):
                fields[path], self.pointers[path] = value, f"{pointer}/{key}"
            elif path not in fields and path in aliases:
                self._alias(config, aliases[path], value, pointer + token(key))
            elif path in parts:
                self._part(path, value, pointer + token(key))
            elif isinstance(value, dict) and "." not in key:
                self._object(key, path, value, pointer + token(key))
        if type(stated := config.get(LABELS)) is int:  # its labels are made anew
            self._set(prefix + LABELS, stated, pointer + token(LABELS))
            self.echoes[prefix + LABELS] = stated  # a class that sets it by itself was verified with labels only

    def _flat(self, config: Mapping[str, Any], prefix: str) -> None:
        """The members that belong to a config inside, where that is not given."""
        inside = {key: value for key, value in config.items() if prefix + key in self.fields and key not in self.fields}
        if inside:
            self.fields.update(self.blueprint.family.parts[prefix[:-1]])
            self._read(inside, prefix, "")

    def _set(self, path: str, value: Any, where: str) -> None:
        self.fields[path] = _plain(value)
        self.pointers[path] = where

    def _object(self, key: str, path: str, value: Mapping[str, Any], where: str) -> None:
        """A member that is an object, and no config inside: labels, a number that JSON has not, or just members."""
        if path.removesuffix(AGAIN) in self.blueprint.family.parts:
            self.repeated[path] = value
            return
        if "__float__" in value:
            self._set(path, value, where)
            return
        if path in self.blueprint.within:  # null by default; what was verified in its place is put before
            self._other_type(path, value.get("model_type"), where)
            return
        if key == "id2label":
            self._set(path.removesuffix(key) + LABELS, len(value), where)
            return
        for name, item in value.items():
            if f"{path}.{name}" in self.fields:
                self._set(f"{path}.{name}", item, where + token(name))
        if path in self.blueprint.fields:
            self._set(path, value, where)

    def _alias(self, config: Mapping[str, Any], real: str, value: Any, where: str) -> None:
        """Another name of a field. The class sets it last, after it derived others from the field's default."""
        stated = real.rpartition(".")[2]
        if stated in config and config[stated] == value:
            return
        if any(real in rule.value.fields or real in rule.guard.fields for rule in self.blueprint.rules):
            detail = f"is another name of {real}, from which other fields are derived: state {real}"
            self.problems.append(InvalidConfig(detail, where, "unverified"))
        elif real in self.fields:
            self._set(real, value, where)

    def _part(self, path: str, value: Any, where: str) -> None:
        """A config inside the config."""
        if value is None and self.fields.get(path) is not None:
            return
        if not isinstance(value, dict):
            if value is not None or self.fields.get(path) is not None:
                self.problems.append(InvalidDocument(f"must be an object, not {shown(value)}", where, "type"))
            return
        if self.fields.get(path) is None:
            self.problems.append(_unverified(f"{path} is not null", where))
            return
        changes = self.blueprint.family.parts[path]
        expected = self.fields[path]
        stated = value.get("model_type", expected)
        if stated != expected and path in self.blueprint.family.auto:
            self._other_type(path, stated, where, expected)
            return
        self.fields.update(changes)
        self._read(value, f"{path}.", where)

    def _layers(self, path: str, value: Any, where: str) -> None:
        """What single layers say otherwise: null and {} say that none does, where a class would derive some itself."""
        try:
            layers = {str(int(layer)): dict(own.items()) for layer, own in (value or {}).items()}
        except (AttributeError, TypeError, ValueError):
            self.problems.append(InvalidDocument("must be an object of objects by layer", where, "type"))
            return
        self.layers[path] = layers
        self._set(path, layers, where)

    def _differing(self, path: str) -> Iterator[str]:
        """What matters and is stated otherwise by single layers."""
        matter = {field for one in (*self.blueprint.given, *self.blueprint.assumed) for field in one.fields}
        prefix = path.removesuffix(PER_LAYER)
        for own in self.layers[path].values():
            for name, value in own.items():
                real = self.blueprint.family.aliases.get(prefix + name, prefix + name)
                known = real in matter or real in self.blueprint.fields
                if (known and value != self.fields.get(real)) or (name == "skip" and value):
                    yield name

    def _other_type(self, path: str, stated: Any, where: str, *expected: str) -> None:
        """A config inside is of a model type that was not verified there."""
        within = self.blueprint.within.get(path)
        known = " or ".join(sorted((*expected, *(within.takes if within else ()))))
        self.problems.append(_unverified(f"{path} of model_type {known}, not {shown(stated)}", where + "/model_type"))

    def _check(self) -> None:
        """Everything that the blueprint depends on must be of a kind, and within what, was verified."""
        for path, kinds in self.blueprint.fields.items():
            value = self.fields.get(path)
            found = ABSENT if value is None and ABSENT in kinds and path not in self.pointers else kind(value)
            if AS_DERIVED in kinds and found not in kinds:
                self.echoes[path] = value
                self.fields[path] = self.blueprint.family.defaults.get(path)
            elif found not in kinds and not (found == "i" and "f" in kinds) and not (found == "I" and "F" in kinds):
                where = self.pointers.get(path, "")
                self.problems.append(InvalidConfig(_must_be(path, kinds, value), where, "type"))
            elif bound := _exceeded(value):
                self.problems.append(InvalidConfig(f"must {bound}", self.pointers.get(path, ""), "maximum"))
        for path, config in self.repeated.items():
            self._same(path, config)
        for path in sorted(self.layers.keys() - self.blueprint.fields.keys()):
            for name in dict.fromkeys(self._differing(path)):
                self.problems.append(_unverified(f"layers of one {name}", self.pointers[path]))
        if not self.problems:
            self.problems += (
                _unverified(assumption.text, self._pointer(assumption.fields))
                for assumption in self.blueprint.given
                if violated(assumption, self.fields)
            )

    def _same(self, path: str, config: Mapping[str, Any]) -> None:
        """A config inside that is stated again replaces the first one, so the two must say the same."""
        part = path.removesuffix(AGAIN)
        again = {**self.blueprint.family.defaults, **self.blueprint.family.parts[part]}
        again |= {f"{part}.{key}": _plain(value) for key, value in config.items()}
        fields = [
            field
            for field, kinds in self.blueprint.fields.items()
            if field.startswith(f"{part}.") and field.rpartition(".")[2] != LABELS
            and (ABSENT not in kinds or field.removeprefix(f"{part}.") in config)
        ]  # fmt: skip
        if any(again.get(field) != self.fields.get(field) for field in fields):
            self.problems.append(_unverified(f"a {path} that says the same as {part}", f"/{path}"))

    def _pointer(self, paths: frozenset[str]) -> str:
        return next((self.pointers[path] for path in sorted(paths) if path in self.pointers), "")


def _unverified(detail: str, pointer: str) -> ArchitectureError:
    return InvalidConfig(f"was verified against transformers only for {detail}", pointer, "unverified")


def _must_be(path: str, kinds: str, value: Any) -> str:
    return f"{path} must be {' or '.join(KINDS[letter] for letter in kinds if letter in KINDS)}, not {shown(value)}"


def _exceeded(value: Any) -> str:
    """What a value that is beyond all bounds must do instead."""
    if isinstance(value, list):
        if len(value) > LONGEST:
            return f"have at most {LONGEST:,} items"
        return next(filter(None, map(_exceeded, value)), "")
    if isinstance(value, str):
        return f"have at most {LONGEST_TEXT:,} characters" if len(value) > LONGEST_TEXT else ""
    return f"be within ±{MAX_DIMENSION:,}" if isinstance(value, int) and abs(value) > MAX_DIMENSION else ""


def _plain(value: Any) -> Any:
    """transformers writes what JSON has no number for as {"__float__": "Infinity"}."""
    if isinstance(value, dict) and value.keys() == {"__float__"}:
        try:
            return float(value["__float__"])
        except (TypeError, ValueError):
            return value
    return value


def derived(blueprint: Blueprint, given: Scope) -> dict[str, Any]:
    """The fields once the config's class has derived what it derives. Raises Problems where that was never verified."""
    fields = dict(given)
    for rule in blueprint.rules:
        fields[rule.name.partition("[")[0]] = None
    for rule in blueprint.rules:
        _apply(rule, given, fields)
    problems = [_unverified(found.text, "") for found in blueprint.assumed if violated(found, fields)]
    if problems:
        raise Problems(problems)
    return fields


def _apply(rule: Rule, given: Scope, fields: dict[str, Any]) -> None:
    if rule.name.endswith("[]"):  # how long a list is
        length = count(rule.value, given, ()) if rule.guard.truth(given, ()) else -1
        if length > LONGEST:
            raise TooLarge(f"at most {LONGEST:,} layers may differ from each other, not {length:,}")
        if length >= 0:
            fields[rule.name[:-2]] = [None] * length
    elif not rule.counts:
        if rule.guard.truth(given, ()):
            fields[rule.name] = value_or_none(rule.value, given, ())
    elif isinstance(items := fields[rule.name.partition("[")[0]], list):
        length = min(count(rule.counts[0], given, ()), len(items))
        for at in each(where(rule.guard, 0, length, given, ())):
            items[at] = value_or_none(rule.value, given, (at,))

"""A config.json as its class reads it: defaults, aliases, configs inside, derived fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, Rule
from paramcount.formats.huggingface.expressions import Scope, evaluate, evaluate_count, is_violated
from paramcount.formats.huggingface.forms import describe_form, restate
from paramcount.formats.huggingface.index_sets import indices_where, iterate
from paramcount.model.errors import ArchitectureError, InvalidConfig, InvalidDocument, Problems, TooLarge, token
from paramcount.schema.signature import MAX_DIMENSION
from paramcount.schema.validator import format_value

MAX_LIST_ITEMS = 100_000
"""The most items of a list in a config; most have one for each layer."""

MAX_TEXT_CHARS = 1000
"""The most characters of a text that the count depends on."""

LABELS = "num_labels"

DUPLICATE_SUFFIX = "_dict"
"""Ends the name of a config inside that is stated a second time: CLIP's text_config_dict."""

DERIVED = "="
"""Among the kinds of a field: it may be stated only as the class derives it."""

ABSENT = "a"
"""Among the kinds of a field: it may be left out, which is not the same as null."""

PER_LAYER = "per_layer_config"
"""The member that overrides the config for single layers, by their index: {"5": {"head_dim": 512}}."""

KINDS = {
    "i": "an integer", "f": "a number", "b": "true or false", "s": "a string", "n": "null",
    "I": "a list of integers", "F": "a list of numbers", "B": "a list of booleans", "S": "a list of strings",
    "L": "a list of lists", "E": "an empty list", "d": "an object", "a": "absent",
}  # fmt: skip


def kind_of(value: Any) -> str:
    """The kind of a value, as a letter of KINDS."""
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
    kinds = {"L" if isinstance(item, list) else kind_of(item) for item in value}
    if not kinds:
        return "E"
    if kinds == {"i"}:
        return "I"
    if kinds <= {"i", "f"}:
        return "F"
    return {"b": "B", "s": "S"}.get(kinds.pop(), "L") if len(kinds) == 1 else "L"


def resolve_fields(payload: Mapping[str, Any], blueprint: Blueprint) -> dict[str, Any]:
    """Return all fields of a config by dotted path, derived ones included.

    Raises Problems where the config is not within what was verified of the blueprint.
    """
    return ConfigFields(payload, blueprint).resolve()


class ConfigFields:
    """The fields of a config by dotted path: those that it states, over the defaults of its class."""

    def __init__(self, payload: Mapping[str, Any], blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.fields: dict[str, Any] = dict(blueprint.family.defaults)
        self.pointers: dict[str, str] = {}  # of the stated fields
        self.problems: list[ArchitectureError] = []
        self.duplicates: dict[str, Mapping[str, Any]] = {}  # configs inside that are stated a second time
        self.layers: dict[str, Mapping[str, Mapping[str, Any]]] = {}  # configs of single layers
        self.restated_derived: dict[str, Any] = {}  # stated fields that must equal what the class derives
        self.unequal: dict[str, tuple[Any, ...]] = {}  # the further items of lists that stand for one value
        self._read(payload, "", "")

    def cache_key(self, used: Iterable[str], optional: Iterable[str]) -> tuple[Any, ...] | None:
        """A key of plain data: configs with equal keys resolve to the same values of the `used` fields.

        `optional` are the fields for which absent is not the same as null. None where a config is too unusual.
        """
        if self.problems or self.duplicates or not self.layers.keys() <= self.blueprint.fields.keys():
            return None
        is_stated = [path in self.pointers for path in optional]
        return [*map(self.fields.get, used)], is_stated, self.restated_derived

    def resolve(self) -> dict[str, Any]:
        """Return all fields, derived ones included. Raises Problems with everything that was not verified."""
        self._check()
        if self.problems:
            raise Problems(self.problems)
        fields = derive_fields(self.blueprint, self.fields)
        if self.unequal:
            self._check_unequal(fields)
        problems = [
            _unverified_error(
                f"the value that the class derives, {format_value(fields.get(path))}", self.pointers.get(path, "")
            )
            for path, value in self.restated_derived.items()
            if fields.get(path) != value
        ]
        if problems:
            raise Problems(problems)
        return fields

    def _check_unequal(self, fields: Scope) -> None:
        """Check lists of unlike items, where one value was verified. Raises Problems unless they size nothing."""
        for path, items in self.unequal.items():
            stated = [{**self.fields, path: item} for item in items]
            violated = any(map(self._is_refused, stated))
            if violated or sizes_something(self.blueprint, path, fields):
                detail = f"{path} as {describe_form(self.blueprint.forms[path])}"
                raise Problems([_unverified_error(detail, self.pointers.get(path, ""))])
            for one in stated:
                derive_fields(self.blueprint, one)

    def _is_refused(self, stated: Scope) -> bool:
        return any(is_violated(assumption, stated) for assumption in self.blueprint.stated_assumptions)

    def _read(self, config: Mapping[str, Any], prefix: str, pointer: str) -> None:
        """Take in the members of a config; `prefix` begins their paths, `pointer` is the config's in the document."""
        aliases, (outer, _, flat) = self.blueprint.family.aliases, self.blueprint.family.flat.rpartition(".")
        if flat and prefix == (outer and f"{outer}.") and config.get(flat) is None:
            self._read_flat(config, prefix, f"{prefix}{flat}.", pointer)
        fields, parts = self.fields, self.blueprint.family.parts
        for key, value in config.items():
            path = prefix + key
            if key == PER_LAYER:
                self._read_layers(path, value, pointer + token(key))
            elif (
                path in fields
                and path not in parts
                and not isinstance(value, dict)
                and key != LABELS
                and "." not in key
            ):
                fields[path], self.pointers[path] = value, f"{pointer}/{key}"
            elif path not in fields and path in aliases:
                self._read_alias(config, aliases[path], value, pointer + token(key))
            elif path in parts:
                self._read_part(path, value, pointer + token(key))
            elif isinstance(value, dict) and "." not in key:
                self._read_object(key, path, value, pointer + token(key))
        if type(stated := config.get(LABELS)) is int:  # the class makes as many labels anew
            self._set(prefix + LABELS, stated, pointer + token(LABELS))
            self.restated_derived[prefix + LABELS] = stated  # a class that sets it itself was verified with labels only

    def _read_flat(self, config: Mapping[str, Any], outer: str, inner: str, pointer: str) -> None:
        """Take in the members that belong to a config inside, where that is not stated."""
        members = {
            key: value for key, value in config.items() if inner + key in self.fields and outer + key not in self.fields
        }
        if members:
            self.fields.update(self.blueprint.family.parts[inner[:-1]])
            self._read(members, inner, pointer)

    def _set(self, path: str, value: Any, pointer: str) -> None:
        self.fields[path] = _decode_float(value)
        self.pointers[path] = pointer

    def _read_object(self, key: str, path: str, value: Mapping[str, Any], pointer: str) -> None:
        """Take in an object that is no config inside: labels, a number that JSON cannot write, or just members."""
        if path.removesuffix(DUPLICATE_SUFFIX) in self.blueprint.family.parts:
            self.duplicates[path] = value
            return
        if "__float__" in value:
            self._set(path, value, pointer)
            return
        if path in self.blueprint.submodel_slots:  # null by default; a verified submodel is in the blueprint already
            self._refuse_model_type(path, value.get("model_type"), pointer)
            return
        if key == "id2label":
            self._set(path.removesuffix(key) + LABELS, len(value), pointer)
            return
        for name, item in value.items():
            if f"{path}.{name}" in self.fields:
                self._set(f"{path}.{name}", item, pointer + token(name))
        if path in self.blueprint.fields or self.fields.get(path, value) is None:  # what was null is so no longer
            self._set(path, value, pointer)

    def _read_alias(self, config: Mapping[str, Any], path: str, value: Any, pointer: str) -> None:
        """Take in a field under another name. The class sets it last, after it derived others from the default."""
        name = path.rpartition(".")[2]
        if name in config and config[name] == value:
            return
        if any(path in rule.value.fields or path in rule.guard.fields for rule in self.blueprint.rules):
            detail = f"is another name of {path}, from which other fields are derived: state {path}"
            self.problems.append(InvalidConfig(detail, pointer, "unverified"))
        elif path in self.fields:
            self._set(path, value, pointer)

    def _read_part(self, path: str, value: Any, pointer: str) -> None:
        """Take in a config inside the config."""
        if value is None and self.fields.get(path) is not None:
            return
        if not isinstance(value, dict):
            if value is not None or self.fields.get(path) is not None:
                self.problems.append(InvalidDocument(f"must be an object, not {format_value(value)}", pointer, "type"))
            return
        if self.fields.get(path) is None:
            self.problems.append(_unverified_error(f"{path} is not null", pointer))
            return
        changed_defaults = self.blueprint.family.parts[path]
        expected = self.fields[path]
        stated = value.get("model_type", expected)
        if stated != expected and path in self.blueprint.family.auto:
            self._refuse_model_type(path, stated, pointer, expected)
            return
        self.fields.update(changed_defaults)
        self._read(value, f"{path}.", pointer)

    def _read_layers(self, path: str, value: Any, pointer: str) -> None:
        """Take in the configs of single layers; null and {} say that there are none, not even derived ones."""
        try:
            layers = {str(int(layer)): dict(config.items()) for layer, config in (value or {}).items()}
        except (AttributeError, TypeError, ValueError):
            self.problems.append(InvalidDocument("must be an object of objects by layer", pointer, "type"))
            return
        self.layers[path] = layers
        self._set(path, layers, pointer)

    def _find_overrides(self, path: str) -> Iterator[str]:
        """Yield the names that single layers override with another value, where the count depends on them."""
        blueprint = self.blueprint
        assumptions = (*blueprint.stated_assumptions, *blueprint.derived_assumptions)
        used = {field for assumption in assumptions for field in assumption.fields}
        prefix = path.removesuffix(PER_LAYER)
        for config in self.layers[path].values():
            for name, value in config.items():
                field = blueprint.family.aliases.get(prefix + name, prefix + name)
                is_used = field in used or field in blueprint.fields
                if (is_used and value != self.fields.get(field)) or (name == "skip" and value):
                    yield name

    def _refuse_model_type(self, path: str, stated: Any, pointer: str, *expected: str) -> None:
        """Add the problem of a config inside whose model type was not verified there."""
        slot = self.blueprint.submodel_slots.get(path)
        accepted = " or ".join(sorted((*expected, *(slot.accepts if slot else ()))))
        detail = f"{path} of model_type {accepted}, not {format_value(stated)}"
        self.problems.append(_unverified_error(detail, f"{pointer}/model_type"))

    def _check(self) -> None:
        """Add a problem for every field whose kind or value was not verified."""
        for path, kinds in self.blueprint.fields.items():
            self._check_kind(path, kinds)
        for path, config in self.duplicates.items():
            self._check_duplicate(path, config)
        for path in sorted(self.layers.keys() - self.blueprint.fields.keys()):
            for name in dict.fromkeys(self._find_overrides(path)):
                self.problems.append(_unverified_error(f"layers of one {name}", self.pointers[path]))
        if not self.problems:
            self.problems += (
                _unverified_error(assumption.text, self._find_pointer(assumption.fields))
                for assumption in self.blueprint.stated_assumptions
                if is_violated(assumption, self.fields)
            )

    def _check_kind(self, path: str, kinds: str) -> None:
        """Check one field."""
        value = self.fields.get(path)
        kind = ABSENT if value is None and ABSENT in kinds and path not in self.pointers else kind_of(value)
        if kind not in kinds and not (kind == "i" and "f" in kinds) and not (kind == "I" and "F" in kinds):
            self._read_other_kind(path, kinds, value)
        elif bound := _find_exceeded_bound(value):
            self.problems.append(InvalidConfig(f"must {bound}", self.pointers.get(path, ""), "maximum"))

    def _read_other_kind(self, path: str, kinds: str, value: Any) -> None:
        """Take in a value in another form. One that restates a derived field is compared later, in `resolve`."""
        form = self.blueprint.forms.get(path, "")
        restated = restate(value, form, self.fields) if form else None
        if restated is not None:
            if bound := _find_exceeded_bound(value):
                self.problems.append(InvalidConfig(f"must {bound}", self.pointers.get(path, ""), "maximum"))
            self.fields[path] = restated.value
            self.unequal.update({path: restated.others} if restated.others else {})
        elif DERIVED in kinds:
            self.restated_derived[path] = value
            self.fields[path] = self.blueprint.family.defaults.get(path)
        else:
            choices = describe_kinds(kinds) + (f" or {describe_form(form)}" if form else "")
            detail = f"{path} must be {choices}, not {format_value(value)}"
            self.problems.append(InvalidConfig(detail, self.pointers.get(path, ""), "type"))

    def _check_duplicate(self, path: str, config: Mapping[str, Any]) -> None:
        """Check that a config inside that is stated twice says the same twice: the second replaces the first."""
        part = path.removesuffix(DUPLICATE_SUFFIX)
        second = {**self.blueprint.family.defaults, **self.blueprint.family.parts[part]}
        second |= {f"{part}.{key}": _decode_float(value) for key, value in config.items()}
        fields = [
            field
            for field, kinds in self.blueprint.fields.items()
            if field.startswith(f"{part}.") and field.rpartition(".")[2] != LABELS
            and (ABSENT not in kinds or field.removeprefix(f"{part}.") in config)
        ]  # fmt: skip
        if any(second.get(field) != self.fields.get(field) for field in fields):
            self.problems.append(_unverified_error(f"a {path} that says the same as {part}", f"/{path}"))

    def _find_pointer(self, paths: frozenset[str]) -> str:
        """The pointer of the first of these fields that is stated."""
        return next((self.pointers[path] for path in sorted(paths) if path in self.pointers), "")


def describe_kinds(kinds: str) -> str:
    """The kinds of a field in words: an integer or null."""
    return " or ".join(KINDS[letter] for letter in kinds if letter in KINDS)


def _unverified_error(detail: str, pointer: str) -> ArchitectureError:
    return InvalidConfig(f"was verified only for {detail}", pointer, "unverified")


def _find_exceeded_bound(value: Any) -> str:
    """The bound that a value exceeds, as the end of "must ..."; empty where there is none."""
    if isinstance(value, list):
        if len(value) > MAX_LIST_ITEMS:
            return f"have at most {MAX_LIST_ITEMS:,} items"
        return next(filter(None, map(_find_exceeded_bound, value)), "")
    if isinstance(value, str):
        return f"have at most {MAX_TEXT_CHARS:,} characters" if len(value) > MAX_TEXT_CHARS else ""
    return f"be within ±{MAX_DIMENSION:,}" if isinstance(value, int) and abs(value) > MAX_DIMENSION else ""


def _decode_float(value: Any) -> Any:
    """Decode a number that JSON cannot write, as transformers writes it: {"__float__": "Infinity"}."""
    if isinstance(value, dict) and value.keys() == {"__float__"}:
        try:
            return float(value["__float__"])
        except (TypeError, ValueError):
            return value
    return value


def derive_fields(blueprint: Blueprint, stated: Scope) -> dict[str, Any]:
    """Return the fields with those that the config's class derives. Raises Problems for unverified ones, TooLarge."""
    fields = dict(stated)
    for rule in blueprint.rules:
        fields[rule.name.partition("[")[0]] = None
    for rule in blueprint.rules:
        _apply(rule, stated, fields)
    violated = [assumption for assumption in blueprint.derived_assumptions if is_violated(assumption, fields)]
    if violated:
        raise Problems([_unverified_error(assumption.text, "") for assumption in violated])
    return fields


def sizes_something(blueprint: Blueprint, path: str, fields: Scope) -> bool:
    """Return whether a tensor that is there, or a field that is derived, may follow from a field."""
    if any(path in expression.fields for rule in blueprint.rules for expression in (rule.value, rule.guard)):
        return True
    return any(
        path in expression.fields and (path in entry.guard.fields or entry.guard.axes or entry.guard.truth(fields, ()))
        for entry in blueprint.entries
        for expression in (*entry.shape, *entry.counts, entry.guard)
    )


def _apply(rule: Rule, stated: Scope, fields: dict[str, Any]) -> None:
    """Write what a rule derives into `fields`: a list's length (`kinds[]`), a value, or the items of a list."""
    if rule.name.endswith("[]"):
        length = evaluate_count(rule.value, stated, ()) if rule.guard.truth(stated, ()) else -1
        if length > MAX_LIST_ITEMS:
            raise TooLarge(f"at most {MAX_LIST_ITEMS:,} layers may differ from each other, not {length:,}")
        if length >= 0:
            fields[rule.name[:-2]] = [None] * length
    elif not rule.counts:
        if rule.guard.truth(stated, ()):
            fields[rule.name] = evaluate(rule.value, stated, ())
    elif isinstance(items := fields[rule.name.partition("[")[0]], list):
        length = min(evaluate_count(rule.counts[0], stated, ()), len(items))
        for index in iterate(indices_where(rule.guard, 0, length, stated, ())):
            items[index] = evaluate(rule.value, stated, (index,))

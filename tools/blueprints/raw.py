"""A config class's own fields, flat by dotted path: defaults, annotations, and the arguments that build it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from transformers.configuration_utils import PreTrainedConfig

from tools.blueprints.framework import config_class
from tools.blueprints.symbolic import symbolic
from tools.blueprints.vocabulary import read_by

Flat = dict[str, Any]

PART = "<config>"
"""Prefix of the value of a field that holds a config: what follows is its model_type."""

LABELS = "num_labels"
_SKIPPED = frozenset(
    [
        "id2label",
        "label2id",
        "transformers_version",
        "architectures",
        "dtype",
        "torch_dtype",
        "output_hidden_states",
        "return_dict",
        "chunk_size_feed_forward",
        "problem_type",
        "use_cache",
        "gradient_checkpointing",
    ]
)
_MAX_PART_DEPTH = 3


def matters(name: str) -> bool:
    """Return whether a field can decide about parameters."""
    return not name.startswith(("_", "rope_")) and name not in _SKIPPED


def part_class(spec: Any) -> Any:
    part = spec.config_class
    return part if issubclass(part, PreTrainedConfig) else config_class(spec.model_type)


def is_part(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PART)


@dataclasses.dataclass(slots=True)
class Fields:
    """The fields that a config class takes."""

    defaults: Flat
    annotations: dict[str, str]
    parts: dict[str, Flat]  # how defaults differ when a config inside is given
    aliases: dict[str, str]
    legacy: dict[str, str]  # arguments that only __post_init__ knows, each with the type that its own default has
    opaque: set[str]  # configs inside of a class that only the config itself says, and other objects
    made: set[str]  # attributes that are no fields, and follow from those
    read: set[str]  # what the config classes' own code reads
    auto: set[str]  # configs inside whose class follows from their own model_type

    def declared_name(self, path: str) -> str:
        """The field that an attribute is, by the name that the class declares."""
        return path if path in self.defaults else self.aliases.get(path, path)


def fields_of(cls: Any) -> Fields:
    """All fields of a config class, those of the configs inside included."""
    fields = Fields({}, {}, {}, {}, {}, set(), set(), set(), set())
    _collect(cls, "", {}, fields, 0)
    return fields


def _collect(cls: Any, prefix: str, stated: Mapping[str, Any], fields: Fields, depth: int) -> None:
    for field in dataclasses.fields(cls):
        if not matters(field.name):
            continue
        fields.annotations[prefix + field.name] = str(field.type)
        fields.defaults[prefix + field.name] = _to_lists(stated.get(field.name, _default(field)))
        if isinstance(fields.defaults[prefix + field.name], dict) and field.name not in cls.sub_configs:
            fields.opaque.add(prefix + field.name)
    for name, value in stated.items():
        if matters(name) and not isinstance(value, dict):
            fields.defaults[prefix + name] = _to_lists(value)
    for name, real in cls.attribute_map.items():
        # Where the declared field is the one that is mapped, the attribute that it is stored as is the other name.
        declared = prefix + name in fields.defaults and prefix + real not in fields.defaults
        fields.aliases[prefix + (real if declared else name)] = prefix + (name if declared else real)
    for name, instead in _legacy(cls).items():
        if prefix + name not in fields.annotations:
            constants = {node.value for node in instead if isinstance(node, ast.Constant)}
            only = constants.pop() if len(constants) == 1 and len(set(map(ast.dump, instead))) == 1 else None
            fields.defaults[prefix + name] = stated.get(name, only)
            attribute = next((node.attr for node in instead if isinstance(node, ast.Attribute)), "")
            kind = type(only).__name__ if only is not None else fields.annotations.get(prefix + attribute, "")
            fields.legacy[prefix + name] = kind
    fields.read |= {prefix + name for name in read_by(cls, PreTrainedConfig)}
    fields.defaults[prefix + LABELS] = None
    _collect_parts(cls, prefix, stated, fields, depth)


def _collect_parts(cls: Any, prefix: str, stated: Mapping[str, Any], fields: Fields, depth: int) -> None:
    for name, spec in (getattr(cls, "sub_configs_defaults", None) or {}).items():
        path = prefix + name
        if (
            name == "backbone_config"
            or (spec.optional and fields.defaults.get(path) is None)
            or depth >= _MAX_PART_DEPTH
        ):
            fields.defaults[path] = None
            fields.opaque.add(path)
            continue
        stated_part = stated.get(name)
        arguments = stated_part if isinstance(stated_part, dict) else spec.init_kwargs
        inner = (
            config_class(stated_part["model_type"])
            if arguments is stated_part and "model_type" in stated_part
            else part_class(spec)
        )
        if not issubclass(spec.config_class, PreTrainedConfig):
            fields.auto.add(path)
        fields.defaults[path] = PART + (inner.model_type or "")
        _collect(inner, f"{path}.", arguments, fields, depth + 1)
        bare = Fields({}, {}, {}, {}, {}, set(), set(), set(), set())
        _collect(inner, f"{path}.", {} if prefix else _filled_in(cls, name, inner), bare, depth + 1)
        changed = {
            p: bare.defaults.get(p)
            for p, v in fields.defaults.items()
            if p.startswith(f"{path}.") and bare.defaults.get(p) != v
        }
        fields.parts[path] = changed


def _filled_in(cls: Any, name: str, inner: Any) -> Flat:
    """The values that a config class gives to a config inside that is stated, and that does not state them."""
    try:
        filled = getattr(cls.from_dict({name: {"model_type": inner.model_type}}), name)
        values = _list_changed(inner.from_dict({}), filled) if type(filled) is inner else {}
        values |= _list_changed(inner.from_dict(values), filled) if values else {}
    except Exception:  # noqa: BLE001 - whatever a config class raises, it does not take so little
        return {}
    for derived in [path for path in values if _default_of(inner, path) is None]:
        others = {path: value for path, value in values.items() if path != derived}
        if getattr(inner.from_dict(others), derived, None) == values[derived]:
            values = others
    return values


def _list_changed(config: Any, other: Any) -> Flat:
    """The fields of a config that have another value in another of its class."""
    names = [field.name for field in dataclasses.fields(config) if field.name not in config.sub_configs]
    values = {name: getattr(other, name, None) for name in names if matters(name)}
    return {name: value for name, value in values.items() if value != getattr(config, name, None)}


def _default_of(cls: Any, name: str) -> Any:
    return next((_default(field) for field in dataclasses.fields(cls) if field.name == name), None)


def _default(field: Any) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def _to_lists(value: Any) -> Any:
    return [_to_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _legacy(cls: Any) -> dict[str, list[ast.expr]]:
    """The arguments that a class's own __post_init__ takes from **kwargs, with what it takes instead, each time."""
    defaults: dict[str, list[ast.expr]] = {}
    for owner in cls.__mro__:
        if owner is PreTrainedConfig:
            break
        if "__post_init__" not in owner.__dict__:
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner.__post_init__)))
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="kwargs"), attr="pop" | "get"),
                    args=[ast.Constant(value=str(name)), *instead],
                ) if matters(name):
                    defaults.setdefault(name, []).extend(instead or [ast.Constant(None)])
    return defaults


def flat_part(cls: Any, fields: Fields) -> str:
    """The config inside that takes fields from the config around it, where it is not given itself; empty: none does."""
    for part in fields.parts:
        inside = [
            path.removeprefix(f"{part}.")
            for path, value in fields.defaults.items()
            if path.startswith(f"{part}.")
            and type(value) is int
            and value > 1
            and "int" in fields.annotations.get(path, "")
        ]
        some = [name for name in inside if "." not in name and name not in fields.defaults and not RATE.search(name)][
            :4
        ]
        if some and "." not in part and all(map(partial(_flows, cls, part), some)):
            return part
    return ""


def _flows(cls: Any, part: str, name: str) -> bool:
    try:
        inner = getattr(getattr(cls.from_dict({}), part), name)
        return bool(getattr(getattr(cls.from_dict({name: 2 * inner}), part), name) == 2 * inner)
    except Exception:  # noqa: BLE001 - whatever a config class raises, nothing flows
        return False


def payload(fields: Fields, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a config.json that make these changes to the defaults."""
    config: dict[str, Any] = {}
    for path, value in changes.items():
        *steps, name = path.split(".")
        inner, at = config, ""
        for step in steps:
            at = f"{at}.{step}" if at else step
            if step not in inner:
                inner[step] = {}
                if is_part(fields.defaults.get(at)):
                    inner[step]["model_type"] = fields.defaults[at].removeprefix(PART)
            inner = inner[step]
        if name == LABELS:
            inner["id2label"] = {str(label): f"LABEL_{label}" for label in range(value)}
        else:
            inner[name] = value
    return config


def decode(config: dict[str, Any]) -> dict[str, Any]:
    """A config.json as transformers reads it, infinity included."""
    values: dict[str, Any] = PreTrainedConfig._decode_special_floats(config)  # noqa: SLF001
    return values


def write_in_full(cls: Any, model_type: str, config: dict[str, Any]) -> dict[str, Any]:
    """The config.json that transformers writes, in full, of one that says less."""
    full: dict[str, Any] = json.loads(cls.from_dict(decode(config)).to_json_string(use_diff=False))
    return full | {"model_type": model_type}


def stated_fields(fields: Fields, config: Mapping[str, Any]) -> Flat:
    """The members of a config.json that are fields, by the names that the class declares."""
    flat = {fields.declared_name(path): value for path, value in flatten(config).items()}
    return {
        path: value for path, value in flat.items() if path in fields.defaults and not is_part(fields.defaults[path])
    }


def flatten(config: Mapping[str, Any], prefix: str = "") -> Flat:
    """The members of a config.json by dotted path."""
    members: Flat = {}
    for name, value in config.items():
        if isinstance(value, dict) and "__float__" not in value:
            members |= flatten(value, f"{prefix}{name}.")
        elif matters(name):
            members[prefix + name] = value
    return members


def effective(fields: Fields, changes: Mapping[str, Any]) -> Flat:
    """Every field once these changes are made; a config inside that is given loses its outer class's defaults."""
    values = dict(fields.defaults)
    touched = {at for path in changes for at in _prefixes(path)}
    for path in fields.parts:
        if path in touched:
            values.update(fields.parts[path])
    values.update(changes)
    return values


def _prefixes(path: str) -> Iterator[str]:
    steps = path.split(".")
    for length in range(1, len(steps)):
        yield ".".join(steps[:length])


def arguments(cls: Any, flat: Mapping[str, Any], explicit: set[str], flags: bool) -> dict[str, Any]:
    """Symbolic arguments of a config class, from flat fields."""
    return _arguments(cls, "", flat, explicit, flags)


def _arguments(cls: Any, prefix: str, flat: Mapping[str, Any], explicit: set[str], flags: bool) -> dict[str, Any]:
    specs = getattr(cls, "sub_configs_defaults", None) or {}
    named: dict[str, Any] = {}
    for path, value in flat.items():
        name = path[len(prefix) :]
        if not path.startswith(prefix) or "." in name or name == LABELS:
            continue
        if is_part(value) and name in specs:
            inner = part_class(specs[name])
            named[name] = _arguments(inner, f"{path}.", flat, explicit, flags)
            if inner.model_type and not issubclass(specs[name].config_class, PreTrainedConfig):
                named[name]["model_type"] = inner.model_type
        elif value is not None:
            named[name] = symbolic(value, path, flags)
        elif path in explicit:
            named[name] = None
    labels = flat.get(prefix + LABELS)
    if labels is not None:
        named["id2label"] = {label: f"LABEL_{label}" for label in range(labels)}
    return named


ACTIVATION = re.compile(r"(^|_)(act|activation)(_|$)|hidden_act|activation_function")
RATE = re.compile(r"drop|eps(ilon)?$|initializer|_std$|coef|theta|loss|_token_id|token_index")
"""Fields that decide how a model computes or learns, and never what it holds."""

"""Backbones: the configs that a model's feature extractor may have, held against transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from transformers.configuration_utils import PreTrainedConfig

from paramcount.formats.huggingface.blueprints import Blueprint, load_blueprint, load_family, parse_slot
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.model.errors import Problems
from tools.blueprints import moves
from tools.blueprints.clauses import equal_to
from tools.blueprints.framework import config_class, limit
from tools.blueprints.parts import MIN_CONFIGS, find_config, find_slot, hold, within

STAGED = ("convnext", "convnextv2", "resnet", "swin", "swinv2")
"""The model types that are tried in place of one another: each gives out four stages, ever wider."""

_STAGE_WIDTHS = ("hidden_sizes[] = len(depths)", "hidden_sizes[i] = embed_dim * 2 ** i for len(depths)")
DERIVED = {"swin": _STAGE_WIDTHS, "swinv2": _STAGE_WIDTHS}
"""The widths of stages, which Swin's config does not list, by the name of those that others list."""

FREEZES_NORMS = "freeze_backbone_batch_norms"
"""The field of a config that says that its backbone's batch norms are frozen: buffers, not weights."""

_SECONDS = 60
_MAX_CHANGES = 30
_MAX_PINS = 4


def find_backbones(outer: Blueprint) -> dict[str, dict[str, Any]]:
    """The slots of the backbones that a shipped class makes of its own, as its record says them; none where only the
    default is counted."""
    slots = ((path, _find_backbone(outer, path, default)) for path, default in _default_backbones(outer))
    return {path: slot for path, slot in slots if slot}


def _find_backbone(outer: Blueprint, path: str, default: Mapping[str, Any]) -> dict[str, Any]:
    at, takes = "", dict[str, str]()
    derives, assumes = dict[str, list[str]](), dict[str, list[str]]()
    norms = {"freezes_norms": FREEZES_NORMS} if outer.family.defaults.get(FREEZES_NORMS) is not None else {}
    for kind in dict.fromkeys((default["model_type"], *(STAGED if default["model_type"] in STAGED else ()))):
        base = default if kind == default["model_type"] else _state_lists(kind, default["out_features"])
        members = {name: value for name, value in base.items() if name != "model_type"}
        here = find_slot(outer, path, kind, **members)
        if here is None or at not in ("", here[0]):
            continue
        rules = DERIVED.get(kind, ()) if kind != default["model_type"] else ()
        record = {"at": here[0], "takes": {kind: here[1]}, "derives": {kind: rules}} | norms
        if (assumed := _find_assumptions(outer, path, kind, record, members)) is not None:
            at, takes[kind], assumes[kind] = here[0], here[1], assumed
            derives |= {kind: list(rules)} if rules else {}
    if default["model_type"] not in takes:
        return {}
    members = {"assumes": {kind: each for kind, each in assumes.items() if each}, "derives": derives}
    return {"at": at, "takes": takes} | norms | {name: member for name, member in members.items() if member}


def _find_assumptions(
    outer: Blueprint, path: str, kind: str, record: Mapping[str, Any], base: Mapping[str, Any]
) -> list[str] | None:
    """The assumptions with which a backbone is counted right; None where nothing that was tried is enough."""
    inner = load_blueprint(kind, record["takes"][kind])
    try:
        resolved = resolve_fields(base, inner)
    except Problems:
        return None
    values = {name: resolved[name] for name in inner.fields if name in resolved} | dict(base)
    for condition in _conditions(base):
        assumed = [*condition, *_require_stated(outer, path, kind, record)]
        for _ in range(_MAX_PINS):
            slot = parse_slot({**record, "assumes": {kind: assumed}})
            counted, miscounted = hold(outer, path, kind, slot, _changes(values, base))
            if not miscounted and counted >= MIN_CONFIGS:
                return assumed
            read = [name for members in miscounted if (name := _changed_field(members, values))]
            if not read or len(read) < len(miscounted):
                break
            assumed = [*assumed, *(equal_to(name, values[name]) for name in dict.fromkeys(read))]
    return None


def _require_stated(outer: Blueprint, path: str, kind: str, record: Mapping[str, Any]) -> list[str]:
    """The fields that tell which tensors the model around has, and that the backbone's record does not derive."""
    inner, prefix = load_blueprint(kind, record["takes"][kind]), f"{path}."
    derived = {rule.name.partition("[")[0] for rule in inner.rules}
    guards = [entry.guard for entry in outer.entries if not entry.name.startswith(record["at"])]
    read = {field.removeprefix(prefix) for guard in guards for field in guard.fields if field.startswith(prefix)}
    return [f"not {name} is None" for name in sorted(read - derived) if inner.family.defaults.get(name) is None]


def _changed_field(changed: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """The one field in which a backbone differs, which the model around may read; empty where it is none of those."""
    names = [name for name, value in changed.items() if value != values.get(name)]
    return names[0] if len(names) == 1 and names[0] in values and names[0] != "out_features" else ""


def find_slots(outer: Blueprint) -> dict[str, dict[str, Any]]:
    """The slots of all configs inside, those of backbones included."""
    return within(outer) | find_backbones(outer)


def _default_backbones(outer: Blueprint) -> Iterator[tuple[str, dict[str, Any]]]:
    """The configs that a class makes of its own where none is stated, each with its path."""
    unstated = [path for path, kinds in outer.fields.items() if "d" in kinds and outer.family.defaults[path] is None]
    if not unstated:
        return
    with limit(_SECONDS):
        config = config_class(outer.family.model_type)()
    for path in unstated:
        inner: Any = find_config(config, path)
        if not isinstance(inner, PreTrainedConfig):
            continue
        stated: dict[str, Any] = inner.to_diff_dict()
        kept = {name: value for name, value in stated.items() if name not in ("transformers_version", "architectures")}
        features = list(getattr(inner, "out_features", None) or ())
        yield path, kept | {"model_type": inner.model_type} | ({"out_features": features} if features else {})


def _state_lists(kind: str, features: list[str]) -> dict[str, Any]:
    """A config of another model type, with its lists stated: ConvNext's backbone does not build from its defaults."""
    defaults = load_family(kind).defaults
    lists = {name: value for name, value in defaults.items() if isinstance(value, list) and type(value[0]) is int}
    return {**lists, "out_features": features}


def _conditions(base: Mapping[str, Any]) -> Iterator[list[str]]:
    """The conditions on the stages that are given out, the widest first; none for what gives out its last only."""
    if (features := base.get("out_features")) is None:
        yield []
        return
    yield [f"not out_features is None and len(out_features) == {len(features)}"]
    yield [f"not out_features is None and out_features == {features}"]


def _changes(values: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """None; other stages; other numbers of layers, twice the size of all else that is a number, and other switches."""
    yield dict(base)
    rest = {member: value for member, value in base.items() if member != "out_indices"}
    if (features := base.get("out_features")) is not None:
        yield rest | {"out_features": features[:-1]}
        yield rest | {"out_features": ["stem", *features[:-1]]}
        yield rest | {"out_features": ["stage1", *features[1:]]}
    for path, value in list(values.items())[:_MAX_CHANGES]:
        if (other := _change(value, by_one=moves.counts_layers(path))) != value:
            yield {**base, path: other}


def _change(value: Any, *, by_one: bool) -> Any:
    """Another value of a field: numbers one or twice as large, those in lists too, and the other of a switch."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1 if by_one else value * 2
        case list():
            return [item if isinstance(item, bool) else _change(item, by_one=by_one) for item in value]
    return value

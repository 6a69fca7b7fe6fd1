"""Backbones: the configs that a model's feature extractor may have, held against transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, load_blueprint, load_family, parse_slot
from tools.blueprints import moves
from tools.blueprints.framework import config_class, limit
from tools.blueprints.parts import find_slot, verify, within

PATH = "backbone_config"
STAGED = ("convnext", "convnextv2", "resnet", "swin", "swinv2")
"""The model types that are tried in place of one another: each gives out four stages, ever wider."""

_STAGE_WIDTHS = ("hidden_sizes[] = len(depths)", "hidden_sizes[i] = embed_dim * 2 ** i for len(depths)")
DERIVED = {"swin": _STAGE_WIDTHS, "swinv2": _STAGE_WIDTHS}
"""The widths of stages, which Swin's config does not list, by the name of those that others list."""

_SECONDS = 60
_MAX_CHANGES = 10


def find_backbones(outer: Blueprint) -> dict[str, dict[str, Any]]:
    """The slot of a shipped class's backbone, as its record says it; none where only the default is counted."""
    default = _default_backbone(outer)
    if not default:
        return {}
    at, takes = "", dict[str, str]()
    derives, assumes = dict[str, list[str]](), dict[str, list[str]]()
    for kind in dict.fromkeys((default["model_type"], *(STAGED if default["model_type"] in STAGED else ()))):
        base = default if kind == default["model_type"] else _state_lists(kind, default["out_features"])
        members = {name: value for name, value in base.items() if name != "model_type"}
        here = find_slot(outer, PATH, kind, **members)
        if here is None or at not in ("", here[0]):
            continue
        for assumed in _conditions(default):
            record = {"at": here[0], "takes": {kind: here[1]}, "assumes": {kind: [assumed]}}
            rules = DERIVED.get(kind, ()) if kind != default["model_type"] else ()
            if verify(
                outer, PATH, kind, parse_slot(record | {"derives": {kind: rules}}), _changes(here[1], kind, members)
            ):
                at, takes[kind], assumes[kind] = here[0], here[1], [assumed]
                derives |= {kind: list(rules)} if rules else {}
                break
    if default["model_type"] not in takes:
        return {}
    return {PATH: {"at": at, "takes": takes, "assumes": assumes} | ({"derives": derives} if derives else {})}


def find_slots(outer: Blueprint) -> dict[str, dict[str, Any]]:
    """The slots of all configs inside, that of a backbone included."""
    return within(outer) | find_backbones(outer)


def _default_backbone(outer: Blueprint) -> dict[str, Any]:
    """The config that a class's backbone has by default; empty where it has none, or one that is stated already."""
    if PATH not in outer.fields or outer.family.defaults.get(PATH) is not None:
        return {}
    with limit(_SECONDS):
        config = config_class(outer.family.model_type)()
    inner: Any = getattr(config, PATH, None)
    stated: dict[str, Any] = inner.to_diff_dict() if inner is not None else {}
    kept = {name: value for name, value in stated.items() if name not in ("transformers_version", "architectures")}
    features = list(getattr(inner, "out_features", None) or ())
    return kept | {"model_type": inner.model_type, "out_features": features} if features else {}


def _state_lists(kind: str, features: list[str]) -> dict[str, Any]:
    """A config of another model type, with its lists stated: ConvNext's backbone does not build from its defaults."""
    defaults = load_family(kind).defaults
    lists = {name: value for name, value in defaults.items() if isinstance(value, list) and type(value[0]) is int}
    return {**lists, "out_features": features}


def _conditions(default: Mapping[str, Any]) -> Iterator[str]:
    """The conditions on the stages that are given out, the widest first."""
    features = default["out_features"]
    yield f"not out_features is None and len(out_features) == {len(features)}"
    yield f"not out_features is None and out_features == {features}"


def _changes(name: str, kind: str, base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """None; other stages; other numbers of layers and twice the size of all else that the config says in numbers."""
    yield dict(base)
    rest = {member: value for member, value in base.items() if member != "out_indices"}
    features = base["out_features"]
    yield rest | {"out_features": features[:-1]}
    yield rest | {"out_features": ["stem", *features[:-1]]}
    yield rest | {"out_features": ["stage1", *features[1:]]}
    inner = load_blueprint(kind, name)
    values = {path: base.get(path, inner.family.defaults.get(path)) for path in inner.fields if "." not in path}
    for path, value in list(values.items())[:_MAX_CHANGES]:
        if type(value) is int:
            yield {**base, path: value + 3 if moves.counts_layers(path) else value * 2}
        elif isinstance(value, list) and value and all(type(item) is int for item in value):
            yield {**base, path: [item + 1 if moves.counts_layers(path) else item * 2 for item in value]}

"""Models within models: the model types that a config inside may have, each held against transformers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from paramcount.formats.huggingface.blueprints import (
    Blueprint,
    SubmodelSlot,
    iterate_classes,
    load_blueprint,
    parse_slot,
)
from tools.blueprints import gate, moves
from tools.blueprints.framework import config_class, limit, model_class, part_for, torch
from tools.blueprints.raw import write_in_full
from tools.blueprints.runs import build

TEXTS = (
    *("bart", "bert", "bloom", "cohere", "cohere2", "deepseek_v2", "deepseek_v3", "falcon", "gemma"),
    *("gemma2", "gemma3_text", "glm4", "gpt2", "gpt_neox", "gpt_oss", "granite", "lfm2", "llama"),
    *("mbart", "ministral3", "mistral", "mistral4", "mixtral", "mt5", "nemotron_h", "olmo2", "opt", "persimmon"),
    *("phi", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "roberta", "smollm3", "stablelm"),
    *("starcoder2", "t5", "trocr", "xlm-roberta"),
)
IMAGES = (
    *("aimv2_vision_model", "beit", "chmv2", "clip_vision_model", "convnext", "convnextv2", "data2vec-vision"),
    *("deit", "dinov2", "dinov2_with_registers", "dinov3_convnext", "dinov3_vit", "donut-swin", "idefics3_vision"),
    *("internvl_vision", "pixtral", "radio", "resnet", "siglip2_vision_model", "siglip_vision_model", "swin"),
    *("swinv2", "vit", "vit_mae"),
)
SOUNDS = ("dac", "encodec", "hubert", "mimi", "wav2vec2", "wav2vec2-bert", "wav2vec2-conformer", "wavlm", "whisper")
"""The model types that are tried where another of the same sort is the default."""

_SWIN_WIDTH = (
    "hidden_size = embed_dim * 2 ** (len(depths) - 1) where hidden_size is None",
    "hidden_size = hidden_size where not hidden_size is None",
)
DERIVED = dict.fromkeys(("donut-swin", "swin", "swinv2"), _SWIN_WIDTH)
"""The fields that a config class derives and only the model around reads, where no class of its own needs them."""

MIN_CONFIGS = 4
"""Configs of a model type that must have been counted, its own and some with other numbers; and none otherwise."""

_MAX_CONFIGS = 6
_SECONDS = 30


def within(outer: Blueprint) -> dict[str, dict[str, Any]]:
    """The configs inside that a shipped class builds other models of, as its record says it."""
    slots: dict[str, dict[str, Any]] = {}
    for path, shipped in outer.submodel_slots.items():
        if (default := outer.family.defaults[path]) in shipped.accepts:
            slots[path] = {"at": shipped.prefix, "takes": {default: shipped.accepts[default]}}
    for path in sorted(outer.family.auto):
        default = outer.family.defaults.get(path)
        if "." in path or not isinstance(default, str) or (slot := find_slot(outer, path, default)) is None:
            continue
        if takes := {kind: one for kind in _similar_types(default) if (one := _try(outer, path, kind, slot[0]))}:
            derives = {kind: list(DERIVED[kind]) for kind in takes if kind in DERIVED}
            takes = slots.get(path, {"takes": {}})["takes"] | takes
            slots[path] = {"at": slot[0], "takes": takes} | ({"derives": derives} if derives else {})
    return slots


def _try(outer: Blueprint, path: str, kind: str, at: str) -> str:
    """Return the class that is built of a config inside, where it is counted as transformers builds it; or ''."""
    here = find_slot(outer, path, kind)
    if here is None or here[0] != at:
        return ""
    slot = parse_slot({"at": at, "takes": {kind: here[1]}, "derives": {kind: DERIVED.get(kind, ())}})
    return here[1] if verify(outer, path, kind, slot, _changes(kind, here[1])) else ""


def _similar_types(default: str) -> Iterator[str]:
    for sort in (TEXTS, IMAGES, SOUNDS):
        if default in sort:
            yield from (kind for kind in sort if kind != default)


def _config(outer: Blueprint, path: str, kind: str, **changes: Any) -> dict[str, Any]:
    *around, name = path.split(".")
    inner: dict[str, Any] = {name: {"model_type": kind, **changes}}
    for config in reversed(around):
        inner = {config: inner}
    return {"model_type": outer.family.model_type, **inner}


def find_config(config: Any, path: str) -> Any:
    """The config at a path inside a config of transformers; None where there is none."""
    for name in path.split("."):
        config = getattr(config, name, None)
    return config


def find_slot(shipped: Blueprint, path: str, kind: str, **base: Any) -> tuple[str, str] | None:
    """Return where a config inside is built, and its class: the one module of that config outside all other such."""
    model_type = shipped.family.model_type
    try:
        with limit(_SECONDS), torch.device("meta"):
            config = config_class(model_type).from_dict(_config(shipped, path, kind, **base))
            outer = model_class(model_type, shipped.name)
            model = outer(part_for(outer, config))
    except Exception:  # noqa: BLE001 - whatever the framework raises, it does not build
        return None
    inner_config = find_config(model.config, path)
    starts = [
        (f"{name}.", type(module).__name__)
        for name, module in model.named_modules()
        if name and inner_config is not None and getattr(module, "config", None) is inner_config
    ]
    outermost = [start for start in starts if not any(start[0].startswith(o[0]) for o in starts if o != start)]
    if len(outermost) != 1 or (kind, outermost[0][1]) not in set(iterate_classes()):
        return None
    return outermost[0]


def verify(outer: Blueprint, path: str, kind: str, slot: SubmodelSlot, changes: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether transformers builds what is counted, of the first of some changes to a config inside, and of
    those of the others that are not refused."""
    counted, miscounted = hold(outer, path, kind, slot, changes)
    return counted >= MIN_CONFIGS and not miscounted


def hold(
    outer: Blueprint, path: str, kind: str, slot: SubmodelSlot, changes: Iterable[Mapping[str, Any]]
) -> tuple[int, list[Mapping[str, Any]]]:
    """Return how many configs are counted as transformers builds them, and the changes of which one is not."""
    config_cls, model_cls = config_class(outer.family.model_type), model_class(outer.family.model_type, outer.name)
    compare = partial(gate.difference, replace(outer, submodel_slots={**outer.submodel_slots, path: slot}))
    counted, miscounted = 0, []
    for number, members in enumerate(changes):
        whys = []
        for tied in (None, True, False) if number == 0 else (None,):
            config = _config(outer, path, kind, **members)
            if tied is not None:
                config["tie_word_embeddings"] = tied
            try:
                truth = build(config_cls, model_cls, config, _SECONDS)
                whole = write_in_full(config_cls, outer.family.model_type, config)
            except Exception:  # noqa: BLE001
                continue
            may_refuse = number > 0 or tied is not None
            whys += [(compare(form, truth), may_refuse) for form in (config, whole)]
        counted += sum(not why for why, _ in whys)
        if any(why and not (may_refuse and why.startswith(gate.REFUSED)) for why, may_refuse in whys):
            miscounted.append(members)
    return counted, miscounted


def _changes(kind: str, name: str) -> Iterator[dict[str, Any]]:
    """None; a decoder, for what can be one; then other numbers of layers, and twice the size of all else that a class's
    own config says in numbers."""
    yield {}
    inner = load_blueprint(kind, name)
    defaults = inner.family.defaults
    yield {flag: True for flag in ("is_decoder", "add_cross_attention") if flag in defaults}
    numbers = {
        path: defaults[path]
        for path, kinds in inner.fields.items()
        if "i" in kinds and type(defaults.get(path)) is int and "." not in path and not path.endswith("num_labels")
    }
    for path, number in list(numbers.items())[:_MAX_CONFIGS]:
        yield {path: 3 if moves.counts_layers(path) else number * 2}

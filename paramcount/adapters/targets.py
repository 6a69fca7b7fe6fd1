"""What a method adapts when its config does not name modules: PEFT's defaults, all-linear, experts that are fused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from paramcount.adapters.bases import CUSTOM, Base
from paramcount.adapters.configs import tables
from paramcount.adapters.matching import Matcher, Names
from paramcount.adapters.modules import Module
from paramcount.model.errors import InvalidDocument

ALL_LINEAR = "all-linear"


class Modules(Protocol):
    """Every module: its path, what it is, the names of its own parameters; with `apart`, each copy of a block."""

    def __call__(self, *, apart: bool) -> Iterable[tuple[str, Module, tuple[str, ...]]]: ...


class Targets(NamedTuple):
    """What is adapted: modules, single parameters, and the ranks of fused ones."""

    modules: str | list[str] | Names
    parameters: tuple[str, ...] = ()
    fused: Mapping[str, int] = {}  # parameters that hold several matrices -> how many


def targets_of(config: Mapping[str, Any], base: Base, saved: list[str], modules: Modules) -> Targets:
    """What a config means. Raises InvalidDocument where PEFT asks for target_modules."""
    stated, kind = config.get("target_modules"), config["peft_type"]
    parameters = tuple(config.get("target_parameters") or ())
    experts = tables()["experts"].get(base.model_type) if kind == "LORA" else None
    if experts is not None:
        return _converted(config, base, saved, modules, experts)
    if stated is None and kind == "TRAINABLE_TOKENS":
        return Targets(re.escape(embedding(base, "target_modules")))
    if stated is None:
        if parameters and kind == "LORA" and base.model_type not in tables()[kind]:
            return Targets([], parameters)
        return Targets(default("target_modules", kind, base), parameters)
    if _is_all(stated):
        return Targets(Names(_all_linear(config, base, modules), blind=True), parameters)
    return Targets(stated, parameters)


def embedding(base: Base, member: str) -> str:
    """The path of the input embedding (_get_input_embeddings_name). Raises InvalidDocument where nobody knows."""
    if not base.known:
        raise InvalidDocument(
            "must name modules: which one is the input embedding is not known", f"/{member}", "required"
        )
    return base.input or "embed_tokens"


def default(member: str, table: str, base: Base) -> str | list[str]:
    """What PEFT's table says for the model's type. Raises InvalidDocument where it says nothing."""
    found: str | list[str] | None = tables().get(table, {}).get(base.model_type)
    if found is None:
        which = "a custom model" if base.model_type == CUSTOM else f'model_type "{base.model_type}"'
        raise InvalidDocument(f"is required: PEFT has no default for {which}", f"/{member}", "required")
    return found


def _is_all(stated: Any) -> bool:
    return isinstance(stated, str) and stated.lower() == ALL_LINEAR


def _all_linear(config: Mapping[str, Any], base: Base, modules: Modules) -> list[str]:
    """Every Linear and Conv1D but the head (_maybe_include_all_linear_layers)."""
    if not (base.known or base.printed):
        detail = f'is "{ALL_LINEAR}", and nothing tells which modules are linear: list their names'
        raise InvalidDocument(detail, "/target_modules", "unknown_modules")
    paths = {path: module for path, module, _ in modules(apart=False)}
    head = base.output
    if not head and base.known and config.get("task_type") == "SEQ_CLS":
        head = next((name for name in ("score", "classifier") if name in paths), "")
    uncertain = [path for path, module in paths.items() if not module.certain and len(module.weight) == 2]
    if uncertain:
        detail = f'is "{ALL_LINEAR}", and it is not known whether {uncertain[0]} is linear: list the names of modules'
        raise InvalidDocument(detail, "/target_modules", "unknown_modules")
    return [path for path, module in paths.items() if module.kind in ("Linear", "Conv1D") and path != head]


def _converted(
    config: Mapping[str, Any], base: Base, saved: list[str], modules: Modules, experts: Mapping[str, Any]
) -> Targets:
    """Names of experts as transformers 4 had them become the parameters that hold them in transformers 5
    (utils/transformers_weight_conversion.py)."""
    renamed, fused = experts["renamed"], experts["fused"]
    stated = config.get("target_modules")
    names = _resolved(config, base, saved, modules, renamed) if isinstance(stated, str) else set(stated or ())
    if isinstance(stated, str) and not names:
        return Targets(stated, tuple(config.get("target_parameters") or ()))
    parameters = set(config.get("target_parameters") or ())
    kept: set[str] = set()
    matched: dict[str, set[str]] = {new: set() for new in fused}
    for name in names:
        old = next((old for old in renamed if name == old or name.endswith(f".{old}")), None)
        if old is None:
            kept.add(name)
            continue
        parameters.add(renamed[old])
        matched.setdefault(renamed[old], set()).add(old)
    ranks = {}
    for new, needed in fused.items():
        if missing := matched[new] and set(needed) - matched[new]:
            both = f"{', '.join(sorted(matched[new]))} without {', '.join(sorted(missing))}"
            raise InvalidDocument(f"has {both}: they are one tensor, {new}", "/target_modules", "conflict")
        if matched[new] and len(needed) > 1:
            ranks[new] = len(needed)
    return Targets(sorted(kept), tuple(sorted(parameters)), ranks)


def _resolved(
    config: Mapping[str, Any], base: Base, saved: list[str], modules: Modules, renamed: Mapping[str, str]
) -> set[str]:
    """The last components of what a string names, those of transformers 4 included."""
    if _is_all(config["target_modules"]):
        return {name.rpartition(".")[2] for name in _all_linear(config, base, modules)} | renamed.keys()
    matcher = Matcher(config, config["target_modules"], saved)
    matched: set[str] = set()
    containers: dict[str, set[str]] = {}
    for path, _, parameters in modules(apart=True):
        for key in (path, *(f"{path}.{name}" for name in parameters)):
            if matcher.adapts(key):
                matched.add(key.rpartition(".")[2])
        for name in parameters:
            containers.setdefault(name, set()).add(path)
    for old, new in renamed.items():
        if old not in matched and any(matcher.adapts(f"{path}.{old}") for path in containers.get(new, ())):
            matched.add(old)
    return matched

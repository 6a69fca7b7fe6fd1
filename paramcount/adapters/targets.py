"""The targets of a method whose config names no modules: PEFT's defaults, all-linear, experts that are fused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from paramcount.adapters.base_model import CUSTOM, BaseModel
from paramcount.adapters.configs import load_tables
from paramcount.adapters.matchers import Names, TargetMatcher
from paramcount.adapters.modules import Module
from paramcount.model.errors import InvalidDocument

ALL_LINEAR = "all-linear"


class ListedModule(NamedTuple):
    """A module of the model, and the names of its own parameters."""

    module: Module
    parameters: tuple[str, ...]


class ListModules(Protocol):
    """A function that lists every module; with `split_blocks`, each copy of a block by itself."""

    def __call__(self, *, split_blocks: bool) -> Iterable[ListedModule]: ...


class Targets(NamedTuple):
    """The targets of an adapter: modules, single parameters, and the ranks of fused ones."""

    modules: str | list[str] | Names
    parameters: tuple[str, ...] = ()
    fused: Mapping[str, int] = {}  # parameters that hold several matrices -> their number


def find_targets(
    config: Mapping[str, Any], base: BaseModel, saved: Sequence[str], list_modules: ListModules
) -> Targets:
    """Return what a config adapts; `saved` are modules to leave alone. Raises InvalidDocument."""
    stated, peft_type = config.get("target_modules"), config["peft_type"]
    parameters = tuple(config.get("target_parameters") or ())
    experts = load_tables()["experts"].get(base.model_type) if peft_type == "LORA" else None
    if experts is not None:
        return _rename_experts(config, base, saved, list_modules, experts)
    if stated is None and peft_type == "TRAINABLE_TOKENS":
        return Targets(re.escape(find_input_embedding(base, "target_modules")))
    if stated is None:
        if parameters and peft_type == "LORA" and base.model_type not in load_tables()[peft_type]:
            if base.model_type == CUSTOM and not base.types_are_classes:
                detail = (
                    "is required: PEFT has defaults for some types of models, and of which type this is is not known"
                )
                raise InvalidDocument(detail, "/target_modules", "required")
            return Targets([], parameters)
        return Targets(find_default("target_modules", peft_type, base), parameters)
    if _is_all_linear(stated):
        linear = _list_linear_modules(config, base, list_modules)
        return Targets(Names(linear, ignores_block_index=True), parameters)
    return Targets(stated, parameters)


def find_input_embedding(base: BaseModel, member: str) -> str:
    """Return the path of the input embedding (_get_input_embeddings_name). Raises InvalidDocument at `member`."""
    if not base.is_recorded:
        detail = "must name modules: which one is the input embedding is not known"
        raise InvalidDocument(detail, f"/{member}", "required")
    return base.input_embedding or "embed_tokens"


def find_default(member: str, table: str, base: BaseModel) -> str | list[str]:
    """Return what PEFT's table says for the model's type. Raises InvalidDocument at `member` where it has no entry."""
    default: str | list[str] | None = load_tables().get(table, {}).get(base.model_type)
    if default is None:
        which = "a custom model" if base.model_type == CUSTOM else f'model_type "{base.model_type}"'
        raise InvalidDocument(f"is required: PEFT has no default for {which}", f"/{member}", "required")
    return default


def _is_all_linear(stated: Any) -> bool:
    return isinstance(stated, str) and stated.lower() == ALL_LINEAR


def _list_linear_modules(config: Mapping[str, Any], base: BaseModel, list_modules: ListModules) -> list[str]:
    """List the paths of every Linear and Conv1D but the head (_maybe_include_all_linear_layers)."""
    if not (base.is_recorded or base.types_are_classes):
        detail = f'is "{ALL_LINEAR}", and nothing tells which modules are linear: list their names'
        raise InvalidDocument(detail, "/target_modules", "unknown_modules")
    modules = {listed.module.path: listed.module for listed in list_modules(split_blocks=False)}
    head = base.output_embedding
    if not head and base.is_recorded and config.get("task_type") == "SEQ_CLS":
        head = next((name for name in ("score", "classifier") if name in modules), "")
    uncertain = [path for path, module in modules.items() if not module.certain and len(module.weight) == 2]
    if uncertain:
        detail = f'is "{ALL_LINEAR}", and it is not known whether {uncertain[0]} is linear: list the names of modules'
        raise InvalidDocument(detail, "/target_modules", "unknown_modules")
    return [path for path, module in modules.items() if module.kind in ("Linear", "Conv1D") and path != head]


def _rename_experts(
    config: Mapping[str, Any],
    base: BaseModel,
    saved: Sequence[str],
    list_modules: ListModules,
    experts: Mapping[str, Any],
) -> Targets:
    """Replace names of experts as transformers 4 had them by the parameters that hold them in transformers 5.

    Source: utils/transformers_weight_conversion.py. Raises InvalidDocument for a part of a fused parameter.
    """
    renamed = experts["renamed"]
    stated = config.get("target_modules")
    is_text = isinstance(stated, str)
    names = _match_last_names(config, base, saved, list_modules, renamed) if is_text else set(stated or ())
    if isinstance(stated, str) and not names:
        return Targets(stated, tuple(config.get("target_parameters") or ()))
    parameters = set(config.get("target_parameters") or ())
    modules: set[str] = set()
    old_names: dict[str, set[str]] = {new: set() for new in experts["fused"]}  # parameter -> its names in the config
    for name in names:
        old = next((old for old in renamed if name == old or name.endswith(f".{old}")), None)
        if old is None:
            modules.add(name)
        else:
            parameters.add(renamed[old])
            old_names.setdefault(renamed[old], set()).add(old)
    ranks = _count_fused(experts["fused"], old_names)
    return Targets(sorted(modules), tuple(sorted(parameters)), ranks)


def _count_fused(fused: Mapping[str, Sequence[str]], old_names: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the number of matrices in each fused parameter that is adapted.

    Raises InvalidDocument where only some of its matrices are named.
    """
    numbers = {}
    for parameter, needed in fused.items():
        present = old_names[parameter]
        if missing := present and set(needed) - present:
            names = f"{', '.join(sorted(present))} without {', '.join(sorted(missing))}"
            raise InvalidDocument(f"has {names}: they are one tensor, {parameter}", "/target_modules", "conflict")
        if present and len(needed) > 1:
            numbers[parameter] = len(needed)
    return numbers


def _match_last_names(
    config: Mapping[str, Any],
    base: BaseModel,
    saved: Sequence[str],
    list_modules: ListModules,
    renamed: Mapping[str, str],
) -> set[str]:
    """Return the last components of the paths that an expression matches, with experts as transformers 4 named them."""
    if _is_all_linear(config["target_modules"]):
        linear = _list_linear_modules(config, base, list_modules)
        return {path.rpartition(".")[2] for path in linear} | renamed.keys()
    matcher = TargetMatcher(config, config["target_modules"], saved)
    names: set[str] = set()
    owners: dict[str, set[str]] = {}  # parameter -> the paths of the modules that own one of this name
    for listed in list_modules(split_blocks=True):
        module_path = listed.module.path
        for path in (module_path, *(f"{module_path}.{name}" for name in listed.parameters)):
            if matcher.matches(path):
                names.add(path.rpartition(".")[2])
        for name in listed.parameters:
            owners.setdefault(name, set()).add(module_path)
    for old, new in renamed.items():
        if old not in names and any(matcher.matches(f"{path}.{old}") for path in owners.get(new, ())):
            names.add(old)
    return names

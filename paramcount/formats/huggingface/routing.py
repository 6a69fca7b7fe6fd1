"""The router of a mixture of experts: how many of them a config says that one token visits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paramcount.formats.huggingface.classes import choose_class
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.formats.huggingface.releases import load_of_release
from paramcount.formats.huggingface.submodels import fit_blueprint
from paramcount.model.errors import ArchitectureError, Problems

_FIELDS = (
    "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "top_k_experts", "moe_k", "top_k",
    "num_selected_experts", "router_top_k", "experts_per_token", "expert_top_k", "num_experts_per_layer",
)  # fmt: skip
"""The fields that say how many experts a token visits; authors of models have no common name for it."""

_AMBIGUOUS_FIELDS = frozenset(("top_k", "num_experts_per_layer"))
"""Those that mean something else in the config of another class: how to sample, for one."""

_BY_MODEL_TYPE = {"switch_transformers": 1, "nllb-moe": 2}
"""The number of experts that a token visits, by model type: the router's code says so, and no field does
(SwitchTransformersTop1Router, NllbMoeTop2Router)."""

_MAX_LEVELS = 4


def find_expert_fields(paths: Iterable[str]) -> list[str]:
    """Those of some fields that may say how many experts a token visits."""
    return [path for path in paths if path.rpartition(".")[2] in _FIELDS]


def count_visited_experts(fields: Mapping[str, Any], model_type: Any) -> int | None:
    """The number of experts that a token visits, where fields state one number and not several."""
    stated = [(path.rpartition(".")[2], fields[path]) for path in find_expert_fields(fields)]
    for name in _FIELDS:
        values = {value for stated_name, value in stated if stated_name == name and _is_integer(value)}
        if len(values) == 1:
            return int(values.pop())
    return _BY_MODEL_TYPE.get(model_type) if isinstance(model_type, str) else None


def read_visited_experts(config: Mapping[str, Any]) -> int | None:
    """Return the number of experts that a token visits by a config.json, with the defaults of a known class."""
    try:
        choice = choose_class(config)
        blueprint = load_of_release(config, choice.model_type, choice.name)
        fields = resolve_fields(config, fit_blueprint(blueprint, config))
        if (visited := count_visited_experts(fields, choice.model_type)) is not None:
            return visited
    except (ArchitectureError, Problems):
        pass
    stated = {path: value for path, value in _flatten(config, "", 1) if path not in _AMBIGUOUS_FIELDS}
    return count_visited_experts(stated, config.get("model_type"))


def _flatten(config: Mapping[str, Any], prefix: str, level: int) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a config and of the configs in it by dotted path."""
    for name, value in config.items():
        if isinstance(value, Mapping) and level < _MAX_LEVELS:
            yield from _flatten(value, f"{prefix}{name}.", level + 1)
        else:
            yield prefix + name, value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""A model's quantization config: how many bits and which group size it states for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import re2

from paramcount.schema.signature import MAX_DIMENSION

_MEMBERS = ("quantization_config", "quantization", "compression_config")
"""The members of a config.json that hold it: transformers', MLX', and compressed-tensors' first one."""

_MAX_PATTERNS = 200
_MAX_PATTERN_CHARACTERS = 20_000
_MAX_MATCH_STEPS = 2_000_000
"""The characters of a layer's path times those of all expressions."""

_MAX_MEMORY_BYTES = 8 * 2**20
_REGEX = "re:"

_MAX_BITS = 16
_MAX_GROUP_SIZE = 2**20


class LayerSettings(NamedTuple):
    """Statements of a config about one layer's weights; None where it makes none."""

    bits: int | None = None
    group_size: int | None = None
    size: int | None = None  # values of the weight


NO_SETTINGS: Final = LayerSettings()


class Quantization:
    """The quantization that a config states, by layer."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config` is a model's config.json, or the quantization's own (quantize_config.json); it may be empty."""
        stated = find_quantization(config) or config
        method = stated.get("quant_method")
        self.method = method.lower() if isinstance(method, str) else ""
        self._stated = stated
        self._default = _read_default(stated)
        self._groups = _TargetGroups(stated.get("config_groups"))
        self.has_packed_experts = "fp4" in _text(_expert_dtype(config, stated))

    def settings(self, layer: str) -> LayerSettings:
        """Return what is stated of the layer at a path: by its own name, else by its group, else of all layers."""
        for entries in (self._stated, *map(self._stated.get, ("extra_config", "config_for_layers"))):
            entry = entries.get(layer) if isinstance(entries, dict) else None
            if settings := _read_settings(entry):
                return settings
        if self._groups:
            return self._groups.settings(layer)
        return self._default


def find_quantization(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the part of a config.json that states a quantization: a member of it, or of its text model's config."""
    for part in (config, config.get("text_config"), config.get("llm_config")):
        for member in _MEMBERS:
            stated = part.get(member) if isinstance(part, dict) else None
            if isinstance(stated, dict) and stated:
                inner = stated.get("quantization_config")  # compressed-tensors' first releases nested it
                return inner if isinstance(inner, dict) and "quant_method" not in stated else stated
    return None


def _expert_dtype(config: Mapping[str, Any], stated: Mapping[str, Any]) -> Any:
    parts = (stated, config, config.get("text_config"))
    return next((part["expert_dtype"] for part in parts if isinstance(part, dict) and "expert_dtype" in part), "")


def _text(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


def _read_default(stated: Mapping[str, Any]) -> LayerSettings:
    """Return the settings of all layers that have none of their own; HQQ nests them."""
    inner = stated.get("quant_config", stated)
    of_weights = inner.get("weight_quant_params") if isinstance(inner, dict) else None
    return _read_settings(of_weights) or _read_settings(stated) or NO_SETTINGS


def _read_settings(stated: Any) -> LayerSettings | None:
    """Return the settings that an object states; None where it states none."""
    if not isinstance(stated, dict):
        return None
    bits = next((stated[name] for name in ("bits", "w_bit", "num_bits", "nbits") if name in stated), None)
    group_size = stated.get("group_size", stated.get("q_group_size"))
    settings = LayerSettings(
        bits if _is_integer(bits, _MAX_BITS) else None,
        group_size if _is_integer(group_size, _MAX_GROUP_SIZE) else None,
        _multiply(stated.get("out_features"), stated.get("in_features")),
    )
    return None if settings == NO_SETTINGS else settings


def _multiply(rows: Any, columns: Any) -> int | None:
    both = _is_integer(rows, MAX_DIMENSION) and _is_integer(columns, MAX_DIMENSION)
    return int(rows * columns) if both else None


def _is_integer(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


class _TargetGroups:
    """compressed-tensors' config_groups: each has targets, a layer's path, an expression, or the class of a layer.

    A path precedes expressions, and these, in the order of their text, precede classes. Names of tensors do not show
    classes: where groups for classes differ, nothing is known. Source: match_targets, _scheme_from_targets.
    """

    def __init__(self, groups: Any) -> None:
        self._by_target: dict[str, LayerSettings] = {}
        for group in groups.values() if isinstance(groups, dict) else ():
            if isinstance(group, dict):
                settings = _read_settings(group.get("weights")) or NO_SETTINGS
                targets = group.get("targets")
                for target in targets if isinstance(targets, list) and targets else [""]:
                    if isinstance(target, str):
                        self._by_target[target] = settings
        self._expressions = _Expressions(sorted(target for target in self._by_target if target.startswith(_REGEX)))

    def __bool__(self) -> bool:
        return bool(self._by_target)

    def settings(self, layer: str) -> LayerSettings:
        """Return what the group of a layer states."""
        if layer in self._by_target:
            return self._by_target[layer]
        match = self._expressions.first_match(layer)
        if match is None:
            return _agree(self._by_target.values())
        if match:
            return self._by_target[match]
        return _agree(settings for target, settings in self._by_target.items() if _is_class_name(target))


def _is_class_name(target: str) -> bool:
    """Return whether a target is likely a class: paths at the root, such as lm_head, are in small letters."""
    return target[:1].isupper() or not target


def _agree(settings: Any) -> LayerSettings:
    """Return the settings that all candidates share."""
    different = set(settings)
    return different.pop() if len(different) == 1 else NO_SETTINGS


class _Expressions:
    """Regular expressions of a config, which anyone may have written: run together by RE2, in linear time."""

    def __init__(self, targets: list[str]) -> None:
        self._targets = targets
        self._size = sum(map(len, targets))
        self._count = 0  # of those that RE2 can run, up to the first that it cannot
        options = re2.Options()
        options.max_mem, options.log_errors = _MAX_MEMORY_BYTES, False
        self._set = re2.Set.MatchSet(options)
        if len(targets) > _MAX_PATTERNS or self._size > _MAX_PATTERN_CHARACTERS:
            return
        try:
            for target in targets:
                self._set.Add(target.removeprefix(_REGEX).encode(errors="replace"))
                self._count += 1
        except re2.error:
            pass
        self._set.Add(b"")  # matches whatever there is, so that a match that ran out of memory is noticed
        self._set.Compile()

    def first_match(self, path: str) -> str | None:
        """Return the first target that matches from the start of a path, as re.match has it, or "".

        None: it cannot be known, since RE2 cannot run an expression before it.
        """
        if self._count and self._size * len(path) <= _MAX_MATCH_STEPS:
            matches: list[int] = self._set.Match(path.encode(errors="replace"))
            if self._count not in matches:
                return None
            if (first := min(matches)) < self._count:
                return self._targets[first]
            return "" if self._count == len(self._targets) else None
        return None if self._targets else ""


NO_QUANTIZATION: Final = Quantization({})

"""The Hub's own count of a checkpoint, by the rule that it publishes, whether or not that is what the weights hold.

Source: parse-safetensors-metadata.ts of @huggingface/hub 2.17.5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.model.errors import Problems, TooLarge
from paramcount.model.report import HubCount
from paramcount.model.tensors import Tensor

RULE = "@huggingface/hub 2.17.5"

Config = Mapping[str, Any]

_MAX_MATCHES = 5_000_000
"""The most patterns of a config times tensors."""

_SCALE_DTYPES = frozenset(("F8_E8M0",))
_CONTAINER_BITS: Mapping[str, int] = {"U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32}

_BESIDE = frozenset(
    ("weight_scale", "weight_scale_inv", "weight_scale_2", "weight_global_scale", "weight_zero_point", "input_scale",
     "input_global_scale", "input_zero_point", "zero_point", "weight_shape", "weight_g_idx")
)  # fmt: skip
"""The last parts of names that are no parameters where a config states a quantization."""

_BESIDE_BITSANDBYTES = frozenset(("absmax", "quant_map", "nested_absmax", "nested_quant_map"))
_BESIDE_GPTQ = frozenset(("qzeros", "g_idx", "scales"))

_FORMAT_BITS = {"nvfp4": 4, "mxfp4": 4, "fp4": 4, "int4": 4, "uint4": 4, "nf4": 4, "int2": 2}

_MLX_DEFAULTS = {"affine": (4, 64), "mxfp4": (4, 32), "nvfp4": (4, 16), "mxfp8": (8, 32)}
_MLX_BITS, _MLX_GROUP_SIZES = frozenset((2, 3, 4, 5, 6, 8)), frozenset((32, 64, 128))
_MLX_FIELDS = ("bits", "group_size", "mode")

_UNSUPPORTED = re.compile(r"[\\+?()\[\]{}|^$]")
_INTEGER = re.compile(r"\s*[+-]?\d+", re.ASCII)


def count_as_hub(files: Collection[Mapping[str, Tensor]], config: Config, declared: Any = None) -> HubCount:
    """Count the tensors of files, with the model's config; `declared` is the total that the checkpoint states.

    Raises Problems for a config of too many patterns.
    """
    rule = _Rule(config, files)
    by_dtype: dict[str, int] = {}
    for tensors in files:
        for name, tensor in tensors.items():
            values = rule.count(name, tensor)
            if values is not None:
                by_dtype[tensor.dtype] = by_dtype.get(tensor.dtype, 0) + values
    total = sum(by_dtype.values())
    stated = _parse_total(declared)
    return HubCount(by_dtype, total if stated is None else min(stated, total), RULE)


def _parse_total(declared: Any) -> int | None:
    """Return a declared total as JavaScript reads it, where "0" is one and 0 is none; None for no number."""
    if isinstance(declared, str):
        match = _INTEGER.match(declared)
        value = int(match[0]) if match and len(match[0]) < 30 else -1
        return value if value >= 0 else None
    number = _number(declared)
    return int(number) if number and math.isfinite(number) and number > 0 else None


class _MlxSettings(NamedTuple):
    bits: int
    mode: str


class _Rule:
    """The rule for the tensors of one checkpoint."""

    def __init__(self, config: Config, files: Collection[Mapping[str, Tensor]]) -> None:
        text_config = _object(config.get("text_config"))
        self.config = _find_quantization(config)
        if self.config is None:
            self.config = _find_quantization(text_config)
        self.stated: Config = self.config or {}
        self.method = _method(self.stated)
        self.expert_dtype = _first(config.get("expert_dtype"), text_config.get("expert_dtype"))
        self.excluded = _strings(self.stated.get("modules_to_not_convert"))
        self.ignored = _strings(self.stated.get("ignore"))
        groups = _object(self.stated.get("config_groups")).values()
        self.groups = [_object(group) for group in groups]
        patterns = len(self.excluded) + len(self.ignored) + sum(len(_targets(group)) for group in self.groups)
        if patterns * sum(map(len, files)) > _MAX_MATCHES:
            raise Problems([TooLarge("has too many patterns to match with its tensors", "/config")])
        self.mlx_modules = set(self._find_mlx_modules(files)) if self.method == "mlx" else set()

    def count(self, name: str, tensor: Tensor) -> int | None:
        """Return the parameters that a tensor counts as; None where it is none."""
        if not tensor.shape or tensor.dtype in _SCALE_DTYPES:
            return None
        if self.config is None:
            return tensor.size
        if self._is_beside(name, tensor.dtype):
            return None
        factor = self._factor(name, tensor.dtype) if self._is_quantized(name) else 1
        return math.floor(tensor.size * factor + 0.5) if factor != 1 else tensor.size

    def _is_beside(self, name: str, dtype: str) -> bool:
        """Return whether a tensor goes with packed weights: a scale, a zero point, a table."""
        leaf = name.rpartition(".")[2]
        if leaf in _BESIDE:
            return True
        if self.method == "mlx" and self._is_quantized(name):
            settings = self._mlx_settings(name)
            return leaf == "scales" or (leaf == "biases" and settings is not None and settings.mode == "affine")
        if self.method == "mxfp4":
            return dtype == "U8" and leaf.endswith("_scales")
        if self.method == "bitsandbytes":
            return leaf in _BESIDE_BITSANDBYTES or leaf.startswith("bitsandbytes__")
        return self.method in ("gptq", "awq") and leaf in _BESIDE_GPTQ and self._is_quantized(name)

    def _is_quantized(self, name: str) -> bool:
        """Return whether the config does not except a tensor."""
        if self.method == "mlx":
            return self._mlx_settings(name) is not None and _module(name) in self.mlx_modules
        module = _before_weight(name)
        if any(_matches_target(target, module) for target in self.ignored):
            return False
        return not any(_glob(pattern, name) if "*" in pattern else pattern in name for pattern in self.excluded)

    def _factor(self, name: str, dtype: str) -> float:
        """Return how many parameters an element is."""
        bits = _number(self.stated.get("bits"))
        if self.method == "mlx":
            settings = self._mlx_settings(name)
            is_weight = dtype == "U32" and name.rpartition(".")[2] == "weight"
            return _packing(dtype, settings.bits if settings else None) if is_weight else 1
        if self.method == "mxfp4":
            return 2 if dtype == "U8" and "_blocks" in name else 1
        if self.method in ("gptq", "awq"):
            if name.rpartition(".")[2] == "qweight":
                return max(1, math.floor(32 / (bits if bits and bits > 0 else 4)))
            return 8 / bits if dtype == "U8" and bits in (2, 4) else 1
        if self.method == "compressed-tensors":
            return self._compressed_factor(name, dtype)
        if self.method == "fp8":
            if ".experts." not in name or "shared_experts" in name:
                return 1
            stated = _first(self.stated.get("expert_dtype"), self.expert_dtype, self.stated.get("store_dtype"))
            return _packing(dtype, _format_bits(stated))
        is_four_bit = self.stated.get("load_in_4bit") or (bits == 4 and self.method != "bitsandbytes")
        return 2 if dtype == "U8" and is_four_bit else 1

    def _compressed_factor(self, name: str, dtype: str) -> float:
        if dtype not in _CONTAINER_BITS:
            return 1
        module = _before_weight(name)
        group = next((g for g in self.groups if any(_matches_target(t, module) for t in _targets(g))), None)
        stated = group.get("format") if group is not None else None
        form = _first(stated, self.stated.get("format"))
        if not isinstance(form, str) or not form.lower().endswith("pack-quantized"):
            return 1
        widths = [_group_bits(each) for each in self.groups]
        bits = _group_bits(group) if group is not None else None
        if bits is None:
            bits = next(filter(None, widths), None)
        return _packing(dtype, bits if bits is not None else _format_bits(form.lower()) or 4)

    def _mlx_settings(self, name: str) -> _MlxSettings | None:
        override = self.stated.get(_module(name))
        if override is False:
            return None
        return _parse_mlx(override if isinstance(override, dict) else self.stated)

    def _find_mlx_modules(self, files: Iterable[Mapping[str, Tensor]]) -> Iterator[str]:
        """Yield the modules that MLX packed: a weight of U32, scales, and biases in its affine mode."""
        modules: dict[str, set[str]] = {"scales": set(), "biases": set(), "weight": set()}
        for tensors in files:
            for name, tensor in tensors.items():
                module, _, leaf = name.rpartition(".")
                if leaf in modules and (leaf != "weight" or tensor.dtype == "U32"):
                    modules[leaf].add(module or name)
        for module in modules["weight"] & modules["scales"]:
            settings = self._mlx_settings(f"{module}.weight")
            if settings is not None and (settings.mode != "affine" or module in modules["biases"]):
                yield module


def _first(*values: Any) -> Any:
    """Return the first value that is not None."""
    return next((value for value in values if value is not None), None)


def _object(value: Any) -> Config:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _targets(group: Config) -> list[str]:
    return _strings(group.get("targets"))


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _method(stated: Config) -> str:
    method = stated.get("quant_method")
    return method.lower() if isinstance(method, str) else ""


def _group_bits(group: Config) -> float | None:
    return _number(_object(group.get("weights")).get("num_bits"))


def _format_bits(form: Any) -> int | None:
    if not isinstance(form, str):
        return None
    return next((bits for pattern, bits in _FORMAT_BITS.items() if pattern in form.lower()), None)


def _packing(dtype: str, bits: float | None) -> float:
    """Return how many values of so many bits an element holds, a fraction where they do not fill it."""
    container = _CONTAINER_BITS.get(dtype)
    return container / bits if container and bits and 0 < bits < container else 1


def _module(name: str) -> str:
    return name.rpartition(".")[0] or name


def _before_weight(name: str) -> str:
    before, mark, _ = name.rpartition(".weight")
    return before if mark else name


def _find_quantization(config: Config) -> Config | None:
    """Return the quantization that a config states, MLX' with its method."""
    for member in ("quantization", "quantization_config"):
        stated = config.get(member)
        if not isinstance(stated, dict):
            continue
        if (stated.get("quant_method") is None or _method(stated) == "mlx") and _is_mlx(stated):
            return {**stated, "quant_method": "mlx", "mode": stated.get("mode") or "affine"}
    stated = config.get("quantization_config")
    return stated if isinstance(stated, dict) else None


def _is_mlx(stated: Config) -> bool:
    """Return whether settings of MLX are there, for all modules or for one."""
    candidates = (stated, *(value for value in stated.values() if isinstance(value, dict)))
    return any(_parse_mlx(each) is not None for each in candidates if any(field in each for field in _MLX_FIELDS))


def _parse_mlx(stated: Config) -> _MlxSettings | None:
    """Return the settings that an object states, with MLX' defaults; None where MLX has no such ones."""
    mode = stated.get("mode")
    mode = "affine" if mode is None else mode.lower() if isinstance(mode, str) else ""
    if mode not in _MLX_DEFAULTS:
        return None
    default_bits, default_size = _MLX_DEFAULTS[mode]
    bits, size = stated.get("bits"), stated.get("group_size")
    bits, size = default_bits if bits is None else bits, default_size if size is None else size
    if mode == "affine":
        is_valid = _is_among(bits, _MLX_BITS) and _is_among(size, _MLX_GROUP_SIZES)
    else:
        is_valid = (bits, size) == (default_bits, default_size)
    return _MlxSettings(int(bits), mode) if is_valid else None


def _is_among(value: Any, known: frozenset[int]) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value in known


def _matches_target(target: str, module: str) -> bool:
    """Return whether a target of compressed-tensors names a module: its path, or a simple expression for it."""
    if not target.startswith("re:"):
        return target == module
    pattern = target[3:].removeprefix("^")
    pattern = pattern[:-1] if pattern.endswith("$") else f"{pattern}.*"
    pattern = pattern.replace(".*", "*").replace("\\.", ".")
    return not _UNSUPPORTED.search(pattern) and _glob(pattern, module)


def _glob(pattern: str, text: str) -> bool:
    """Return whether a text has the parts of a pattern between its asterisks in order, from its start to its end."""
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    if not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        index = text.find(part, position)
        if index < 0 or index + len(part) > end:
            return False
        position = index + len(part)
    return position <= end

"""Random configs of any component, of the arguments of its class: a few fields other than they are by default."""

from __future__ import annotations

import inspect
import random
from collections.abc import Sequence
from typing import Any

from tools.blueprints.seeds import SEEDS

_LAYERS = ("layers", "depth", "blocks")
_WORDS: dict[str, list[Any]] = {
    "activation_fn": ["geglu", "gelu", "gelu-approximate", "swiglu", "linear-silu"],
    "qk_norm": [None, "rms_norm", "layer_norm", "rms_norm_across_heads", "layer_norm_across_heads", "fp32_layer_norm"],
    "norm_type": ["layer_norm", "rms_norm", "ada_norm_single", "ada_norm_zero", "fp32_layer_norm"],
}
_UNKNOWN = "unheard-of"
"""A word that no class knows, though some build all the same."""

_RATIOS = [1.0, 2.0, 2.5, 8 / 3, 3, 4.0]
_SMALL = 8


def draw(cls: Any, chance: random.Random) -> dict[str, Any]:
    """A random config with few layers, which the class may refuse."""
    config: dict[str, Any] = dict(SEEDS.get(cls.__name__, {}))
    rate = chance.choice([0.1, 0.3, 0.6])
    for one in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) or one.default is one.empty:
            continue
        value = config.get(one.name, one.default)
        if type(value) is int and any(word in one.name for word in _LAYERS):
            config[one.name] = chance.choice([1, 2, 3, 5]) if value else chance.choice([0, 0, 2])
        elif chance.random() < rate:
            config[one.name] = _vary(one.name, value, str(one.annotation), chance)
    return config


def _vary(name: str, value: Any, annotation: str, chance: random.Random) -> Any:
    if isinstance(value, bool) or (value is None and "bool" in annotation):
        return not value
    if isinstance(value, str) or (value is None and "str" in annotation):
        return chance.choice([*_WORDS.get(name, [value]), _UNKNOWN])
    if isinstance(value, float):
        return chance.choice(_RATIOS) if "ratio" in name or "mult" in name else value
    if isinstance(value, int):
        return _vary_number(value, chance)
    if value is None and "int" in annotation and "list" not in annotation.lower():
        return chance.choice([4, 8, 24, 32])
    if isinstance(value, list | tuple) and all(type(item) is int for item in value):
        return _vary_list(name, list(value), chance)
    return value


def _vary_number(value: int, chance: random.Random) -> int:
    if value <= _SMALL:
        return chance.choice([1, 2, 3, 4])
    return chance.choice([value // 2, value // 4, value + 8, 2 * value, 16, 24, 32, 48])


def _vary_list(name: str, items: Sequence[int], chance: random.Random) -> list[int]:
    if any(word in name for word in ("layer", "block")):
        return sorted(chance.sample(range(6), chance.choice([1, 2, 3])))
    if chance.random() < 0.3:  # now and then a list of another length
        return [*items, items[-1]] if chance.random() < 0.5 else list(items[:-1])
    return [chance.choice([item, 2 * item, max(item // 2, 1)]) for item in items]

"""The functions and operators of the closed language of blueprints, and what it means that there is no value."""

from __future__ import annotations

import ast
import json
import math
import operator
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

MAX_DIMENSION = 2**63
"""The largest number that is reckoned with."""

_STEEPEST = 64

ACTIVATIONS = frozenset(
    [
        "gelu",
        "gelu_10",
        "gelu_accurate",
        "gelu_fast",
        "gelu_new",
        "gelu_python",
        "gelu_python_tanh",
        "gelu_pytorch_tanh",
        "hardswish",
        "laplace",
        "leaky_relu",
        "linear",
        "mish",
        "quick_gelu",
        "relu",
        "relu2",
        "relu6",
        "sigmoid",
        "silu",
        "sqrtsoftplus",
        "swish",
        "tanh",
    ]
)
"""transformers.activations.ACT2FN, but for those that hold parameters (prelu, xielu)."""


class Unknown(Exception):
    """An expression has no value here: a field is null, an index is out of range, an operand is of another type."""


NO_VALUE = (Unknown, TypeError, ZeroDivisionError, OverflowError, AttributeError, ValueError, LookupError)


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > _STEEPEST or abs(base) > MAX_DIMENSION:
        raise Unknown
    return base**exponent


def _alike(left: Any, right: Any) -> bool:
    """Equality of values of one kind: whether 64 is "auto" is no question that a class could have meant."""
    if isinstance(left, str) != isinstance(right, str):
        raise Unknown
    return bool(left == right)


_UNTOLD = frozenset(
    [
        "id2label",
        "label2id",
        "transformers_version",
        "dtype",
        "torch_dtype",
        "architectures",
        "_name_or_path",
        "return_dict",
        "output_hidden_states",
        "output_attentions",
        "problem_type",
        "chunk_size_feed_forward",
    ]
)


def digest(config: Any) -> str:
    """A hash of what matters in a config."""
    told = (
        {name: value for name, value in config.items() if name not in _UNTOLD} if isinstance(config, dict) else config
    )
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _split(text: str, separator: str, place: int) -> str:
    return text.split(separator)[place]


def _letter(text: str, place: int) -> str:
    return text[place]


def _times(kinds: list[Any]) -> int:
    """How many layers GPT-Neo's [[["global", "local"], 12]] is; -1 where it is nothing of that form."""
    try:
        return sum(len(words) * number if type(number) is int else -1 for words, number in kinds)
    except (TypeError, ValueError):
        return -1


def _count(words: list[Any], word: str) -> int:
    """How many of a list are a word."""
    return words.count(word)


def _nth(words: list[Any], word: str, number: int) -> int:
    """The place of the n-th of those."""
    places = [place for place, found in enumerate(words) if found == word]
    if not 0 <= number < len(places):
        raise Unknown
    return places[number]


def _own(layers: Mapping[str, Mapping[str, Any]], layer: int, name: str, otherwise: int) -> int:
    """What the config of a layer says, and else the one around it."""
    found = layers.get(str(layer), {}).get(name, otherwise)
    if type(found) is not int:
        raise Unknown
    return found


def _overridden(layers: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """What the configs of layers say."""
    return {name for own in layers.values() for name in own}


def _parts(text: str, separator: str) -> int:
    return text.count(separator) + 1


ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: _power,
}  # fmt: skip
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: _alike, ast.NotEq: lambda a, b: not _alike(a, b), ast.In: lambda item, items: item in items,
}  # fmt: skip
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "len": len, "sum": sum, "max": max, "min": min, "int": int, "float": float, "round": round, "abs": abs,
    "ceil": math.ceil, "floor": math.floor, "sqrt": math.sqrt, "log": math.log, "log2": math.log2, "gcd": math.gcd,
    "bit_length": int.bit_length, "lower": str.lower, "split": _split, "parts": _parts, "startswith": str.startswith,
    "contains": operator.contains, "digest": digest, "is_activation": ACTIVATIONS.__contains__,
    "count": _count, "nth": _nth, "letter": _letter, "times": _times, "own": _own, "overridden": _overridden,
    "only": lambda items, allowed: set(items) <= set(allowed),
}  # fmt: skip

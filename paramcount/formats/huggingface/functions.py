"""The functions and operators of the blueprint language, and the errors that mean "no value"."""

from __future__ import annotations

import ast
import json
import math
import operator
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from paramcount.model.errors import TooLarge

MAX_NUMBER = 2**63
"""The largest magnitude that an operand may have."""

MAX_SPREAD_BLOCKS = 4096
"""The most blocks that stages have together, where each block is to know its stage."""

_MAX_EXPONENT = 64

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
"""The names of transformers.activations.ACT2FN, without those that hold parameters (prelu, xielu)."""


class Unknown(Exception):
    """An expression has no value here: a field is null, an index is out of range, an operand is of another type."""


NO_VALUE = (Unknown, TypeError, ZeroDivisionError, OverflowError, AttributeError, ValueError, LookupError)
"""The errors by which an expression says that it has no value."""


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > _MAX_EXPONENT or abs(base) > MAX_NUMBER:
        raise Unknown
    return base**exponent


def _equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal. Raises Unknown where one is text and the other is not: 64 == "auto"."""
    if isinstance(left, str) != isinstance(right, str):
        raise Unknown
    return bool(left == right)


_UNDIGESTED = frozenset(
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
"""Members of a config that size no tensor."""


def digest(config: Any) -> str:
    """A hash of a config without the members that size no tensor: 16 hexadecimal digits of SHA-256."""
    if isinstance(config, dict):
        config = {name: value for name, value in config.items() if name not in _UNDIGESTED}
    return sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def _split(text: str, separator: str, position: int) -> str:
    return text.split(separator)[position]


def _letter(text: str, position: int) -> str:
    return text[position]


def _count_parts(text: str, separator: str) -> int:
    return text.count(separator) + 1


def _count_layers(patterns: list[Any]) -> int:
    """The number of layers that GPT-Neo's [[["global", "local"], 12]] describes: 24; -1 for any other form."""
    try:
        return sum(len(words) * times if type(times) is int else -1 for words, times in patterns)
    except (TypeError, ValueError):
        return -1


def _count(words: list[Any], word: str) -> int:
    """Return how often a list holds a word."""
    return words.count(word)


def _count_earlier(words: list[Any], word: str) -> list[int]:
    """Of each place of a list, how many before it hold the word."""
    counts, earlier = [], 0
    for item in words:
        counts.append(earlier)
        earlier += item == word
    return counts


def _multiply(numbers: list[Any]) -> int:
    """The product of a list. Raises Unknown where it exceeds what an operand may be."""
    product = 1
    for number in numbers:
        product *= number
        if abs(product) > MAX_NUMBER:
            raise Unknown
    return product


def _make_divisible(value: float, divisor: int, minimum: int) -> int:
    """The multiple of a divisor that is nearest to a number of channels, but not below nine tenths of it."""
    rounded = max(minimum, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _spread(repeats: list[Any], factor: float, stages: int) -> list[int]:
    """The stage of each block, where each of so many stages has ceil(factor * its repeats). Raises TooLarge."""
    counts = [max(math.ceil(factor * number), 0) for number in repeats[:stages]]
    if sum(counts) > MAX_SPREAD_BLOCKS:
        raise TooLarge(f"at most {MAX_SPREAD_BLOCKS:,} blocks may be of stages, not {sum(counts):,}")
    return [stage for stage, count in enumerate(counts) for _ in range(count)]


def _find_nth(words: list[Any], word: str, number: int) -> int:
    """The position of the word's occurrence `number`, counted from 0. Raises Unknown where there are fewer."""
    positions = [position for position, item in enumerate(words) if item == word]
    if not 0 <= number < len(positions):
        raise Unknown
    return positions[number]


def _layer_override(layers: Mapping[str, Mapping[str, Any]], layer: int, name: str, default: int) -> int:
    """The integer that the config of one layer states under `name`, or else `default`."""
    value = layers.get(str(layer), {}).get(name, default)
    if type(value) is not int:
        raise Unknown
    return value


def _overridden_names(layers: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The names of all fields that the configs of single layers state."""
    return {name for config in layers.values() for name in config}


ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: _power,
}  # fmt: skip
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: _equal, ast.NotEq: lambda a, b: not _equal(a, b), ast.In: lambda item, items: item in items,
}  # fmt: skip
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "len": len, "sum": sum, "prod": _multiply, "max": max, "min": min, "int": int, "float": float, "round": round,
    "abs": abs,
    "ceil": math.ceil, "floor": math.floor, "sqrt": math.sqrt, "log": math.log, "log2": math.log2, "gcd": math.gcd,
    "bit_length": int.bit_length, "lower": str.lower, "split": _split, "parts": _count_parts,
    "startswith": str.startswith, "contains": operator.contains, "digest": digest,
    "is_activation": ACTIVATIONS.__contains__, "count": _count, "nth": _find_nth, "letter": _letter,
    "times": _count_layers, "earlier": _count_earlier, "spread": _spread, "own": _layer_override,
    "overridden": _overridden_names,
    "make_divisible": _make_divisible,
    "only": lambda items, allowed: set(items) <= set(allowed),
}  # fmt: skip

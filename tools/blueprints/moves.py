"""Other values of a field to try next."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator
from typing import Any

from transformers.configuration_utils import ALLOWED_ATTN_LAYER_TYPES, ALLOWED_LAYER_TYPES, ALLOWED_MLP_LAYER_TYPES

from tools.blueprints.raw import ACTIVATION

LAYERS = re.compile(r"layer|depth|blocks?$|num_hidden_group|repeats")
NOT_LAYERS = re.compile(r"period|offset|dim|size|interval|norm|drop|idx|index|id$|type|feature|scale|freq|std|eps")
_ACTIVATIONS = ("gelu", "relu")
_SIZES = re.compile(r"size|dim|num|head|rank|layers|width|length|expert")
_CHOICES = re.compile(r"Literal\[([^\]]*)\]")


def counts_layers(path: str) -> bool:
    """Return whether a field is, by its name, a number of layers."""
    name = path.rpartition(".")[2]
    return bool(LAYERS.search(name)) and not NOT_LAYERS.search(name)


def others(
    path: str, value: Any, annotation: str, chance: random.Random, known: Collection[str] = frozenset()
) -> list[Any]:
    """Values to try in place of one; `known` are the words that code looks for in it."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return _integers(value)
    if isinstance(value, float):
        return [value * 2, value * 1.5, value / 2] if value else [0.5]
    if isinstance(value, str):
        return [word for word in dict.fromkeys([*_words(path, annotation), *sorted(known)]) if word != value]
    if isinstance(value, list):
        return _lists(value, chance)
    return list(_instead_of_null(path, annotation, known)) if value is None else []


def _integers(value: int) -> list[int]:
    if value >= 16:
        return [value * 2, value + 7, value * 3, value // 2, value + 16]
    return [value + 1, value * 2, value + 2, value - 1, 1, 0] if value > 1 else [value + 1, 2, 3, 4, 0]


def _words(path: str, annotation: str) -> Iterator[str]:
    if ACTIVATION.search(path.rpartition(".")[2]):
        yield from _ACTIVATIONS
    for choices in _CHOICES.findall(annotation):
        yield from re.findall(r"['\"]([^'\"]+)['\"]", choices)


def _lists(items: list[Any], chance: random.Random) -> list[Any]:
    if not items:
        return []
    if all(isinstance(item, bool) for item in items):
        return [[not item for item in items], [chance.random() < 0.5 for _ in items]]
    if all(isinstance(item, int) for item in items):
        return [
            [item + (7 if item >= 16 else 1) for item in items],
            [item * 2 for item in items],
            [item * 3 for item in items],
            [item + index for index, item in enumerate(items)],
            items[::-1],
        ]
    if all(isinstance(item, str) for item in items):
        return list(word_lists(items, chance))
    return [[item * 2 for item in items]] if all(isinstance(item, float) for item in items) else []


def word_lists(items: list[str], chance: random.Random) -> Iterator[list[str]]:
    """Lists as long, of the words that are there, and of the layer types that transformers knows."""
    words = sorted(set(items))
    if len(words) > 1:
        yield from ([word] * len(items) for word in words)
        yield [chance.choice(words) for _ in items]
    known = ALLOWED_MLP_LAYER_TYPES if words and words[0] in ALLOWED_MLP_LAYER_TYPES else ALLOWED_ATTN_LAYER_TYPES
    for word in known if set(words) & set(ALLOWED_LAYER_TYPES) else ():
        if word not in words:
            yield [word if index % 2 else item for index, item in enumerate(items)]


def _instead_of_null(path: str, annotation: str, known: Collection[str]) -> Iterator[Any]:
    words = sorted(known)[:6]
    yield from words
    if len(words) > 1:
        yield "|".join(words)
    if words and "list" in annotation:
        yield words
    if "list[int]" in annotation:
        yield from ([1], [0, 2])
    if "int" in annotation or not annotation:
        yield from (3, 8, 16, 64)
    if "bool" in annotation or (not annotation and not _SIZES.search(path)):
        yield True
    if "float" in annotation and "int" not in annotation:
        yield from (0.5, 2.0)
    if "str" in annotation and ACTIVATION.search(path):
        yield "gelu"


def companion(path: str) -> Any:
    """Return what a field that is null may need to be, once a flag is on that asks for it."""
    name = path.rpartition(".")[2]
    if re.search(r"per_tok|top_k", name):
        return 2
    if "expert" in name:
        return 4
    return 64 if re.search(r"size|dim|rank", name) else 4

"""Other forms of a field: a list that stands for one value, or one value that stands for a list.

A record says under "forms" in which other form transformers takes a field, each held against it:

    "image_size": "pair"                   [224, 224] is 224
    "vision_feature_layer": "one"          [-2] is -2
    "attention_window": "each num_layers"  [512, 512, ...], one for each layer, is 512
    "pos_att_type": "joined |"             ["c2p", "p2c"] is "c2p|p2c"
    "patch_size": "repeated 2"             14 is [14, 14]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from paramcount.formats.huggingface.expressions import Scope

PAIR, ONE, EACH, JOINED, REPEATED = "pair", "one", "each", "joined", "repeated"

MAX_UNEQUAL_ITEMS = 64
"""The most unlike items of a list each of which is checked as the one value."""

_WORD = re.compile(r"[a-z0-9_]+")


class Restated(NamedTuple):
    """A value in the form that a blueprint is written in."""

    value: Any
    others: tuple[Any, ...] = ()
    """The further items of a list of unlike ones: right only where the field sizes nothing."""


def restate(value: Any, form: str, fields: Scope) -> Restated | None:
    """Return the value that one in another form stands for; None where it is not in that form."""
    kind, _, argument = form.partition(" ")
    if kind == REPEATED:
        return Restated([value] * int(argument)) if _is_integer(value) else None
    if not isinstance(value, list) or not value:
        return None
    if kind == JOINED:
        return Restated(argument.join(value)) if _are_words(value) else None
    length = {PAIR: 2, ONE: 1}.get(kind) or fields.get(argument)
    if len(value) != length or not all(map(_is_integer, value)):
        return None
    first, *others = dict.fromkeys(value)
    return Restated(first, tuple(others)) if len(others) < MAX_UNEQUAL_ITEMS else None


def describe_form(form: str) -> str:
    """A form in words, as the end of "must be an integer or"."""
    kind, _, argument = form.partition(" ")
    return {
        PAIR: "a list of two equal ones", ONE: "a list of one", EACH: f"a list of {argument} equal ones",
        JOINED: f"a list of its words, which {argument} joins", REPEATED: "an integer",
    }[kind]  # fmt: skip


def _is_integer(value: Any) -> bool:
    return type(value) is int


def _are_words(items: Sequence[Any]) -> bool:
    return all(isinstance(item, str) and _WORD.fullmatch(item) for item in items)

"""The text of clauses about the values of fields, in the language of blueprints."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from paramcount.formats.huggingface.functions import digest


class Inexpressible(Exception):
    """Something that the language of blueprints does not say."""


def literal(value: Any) -> str:
    """A value as the language writes it. Raises Inexpressible."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    raise Inexpressible(f"a {type(value).__name__}")


def equal_to(path: str, value: Any) -> str:
    """That a field has a value."""
    if value is None:
        return f"{path} is None"
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return f"digest({path}) == {digest(value)!r}"
    return f"{path} == {literal(value)}"


def only_words(path: str, words: Iterable[str]) -> str:
    """That a list of strings holds no others than some."""
    return f"only({path}, {literal(sorted(words))})"


def activation(term: str) -> str:
    """That a word names an activation that holds no parameters."""
    return f"is_activation({term})"

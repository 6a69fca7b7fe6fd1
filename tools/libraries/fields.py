"""Random configs of tables of fields: what each may be, always or sometimes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Draw = Callable[[random.Random], dict[str, Any]]
Table = Mapping[str, Sequence[Any]]
"""The values of a field, or of several, by their names with spaces between: then each value is one of each."""


def fields(always: Table, sometimes: Table | None = None, chance: float = 0.4) -> Draw:
    """A draw of a value for each field; of those of `sometimes`, with a chance."""

    def draw(source: random.Random) -> dict[str, Any]:
        drawn = dict(always)
        drawn |= {names: values for names, values in (sometimes or {}).items() if source.random() < chance}
        config: dict[str, Any] = {}
        for names, values in drawn.items():
            several, value = names.split(), source.choice(values)
            config |= dict(zip(several, value, strict=True)) if len(several) > 1 else {names: value}
        return config

    return draw

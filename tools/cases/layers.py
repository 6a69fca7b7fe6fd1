"""The case tables in tests/layers: what each layer type makes of a config, replayed on the real framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TABLES = Path(__file__).parents[2] / "tests/layers"


@dataclass(frozen=True)
class Case:
    """One line of a table. `tensors` train; `frozen` are weights that don't; `buffers` are saved and never trained."""

    id: str
    type: str  # keras.Dense
    config: dict[str, Any] = field(default_factory=dict)
    inputs: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)  # what a call says beside its inputs
    tensors: dict[str, list[int]] = field(default_factory=dict)
    frozen: dict[str, list[int]] = field(default_factory=dict)
    buffers: dict[str, list[int]] = field(default_factory=dict)
    output: Any = None
    total: int | None = None
    error: str = ""
    replay: bool = True  # False: the framework cannot show it (say why in the table)


def cases(framework: str) -> Iterator[Case]:
    """Every case of a framework's tables."""
    for table in sorted((TABLES / framework).glob("*.yaml")):
        for kind, lines in yaml.load(table.read_text(), yaml.CSafeLoader).items():
            for number, line in enumerate(lines):
                yield Case(id=f"{kind}-{number}", type=f"{framework}.{kind}", **line)


def is_shape(value: Any) -> bool:
    """Return whether a value is one shape, and not a list or dict of shapes."""
    return isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)


def shape(value: Any) -> Any:
    """[null, 3] -> (None, 3); a list of shapes stays a list."""
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return [shape(item) for item in value]
    return tuple(value) if isinstance(value, list) else value

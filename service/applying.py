"""A formula applied to a config and to what flows in; alike layers are worked out once."""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple

from service.model import Call, Layer, Output, Reason, Tensor
from service.settling import Settled

MOST_KNOWN = 2048
"""How many different layers a process remembers: a model of a thousand layers has a few hundred."""

LARGEST_KNOWN = 4096
"""How long the config of one that is remembered may be, in bytes."""


class Applied(NamedTuple):
    """What a formula yields and returns, and what became of it by dtype and by what freezes it."""

    tensors: tuple[Tensor, ...]
    output: Output
    settled: dict[tuple[str, Reason | None], Settled]


Key = tuple[str, str, bytes]

_known: dict[Key, Applied] = {}


def key_of(layer: Layer, given: Call, framework: str) -> Key | None:
    """What a formula's result depends on; None where that is too much to remember."""
    try:
        described: Any = layer.config, given.args, given.kwargs
        content = marshal.dumps(described, 2)  # which tells 1 from 1.0 and from True
    except ValueError:
        return None
    return (framework, layer.type, content) if len(content) <= LARGEST_KNOWN else None


def recall(key: Key | None) -> Applied | None:
    """What was worked out before."""
    return _known.get(key) if key is not None else None


def remember(key: Key | None, applied: Applied) -> None:
    """Keep what was worked out for `key`."""
    if key is not None and len(applied.tensors) <= 64:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = applied

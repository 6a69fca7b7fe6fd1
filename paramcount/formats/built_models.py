"""The models that configs describe, cached: many requests hold the same config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from paramcount.model.cache import Cache, fingerprint
from paramcount.model.layers import Layer

MAX_CACHED_LAYERS = 8_000
"""The most layers of all cached models together."""


class BuiltModel(NamedTuple):
    """The layers of a model, and where counting keeps its result."""

    root: Layer
    counts: dict[Any, Any]


_MODELS: Cache[BuiltModel] = Cache(MAX_CACHED_LAYERS, lambda model: model.root.count_layers())


def get_or_build(kind: str, config: Any, build: Callable[[], Layer]) -> BuiltModel:
    """Return the model of a config, from the cache where it was met; `kind` says how it is built.

    Raises whatever `build` raises.
    """
    key = fingerprint((kind, config))
    if (model := _MODELS.get(key)) is not None:
        return model
    model = BuiltModel(build(), {})
    _MODELS.put(key, model)
    return model

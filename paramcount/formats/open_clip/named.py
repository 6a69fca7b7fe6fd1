"""The configs that open_clip ships, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson


@lru_cache(maxsize=1)
def load_configs() -> Mapping[str, Mapping[str, Any]]:
    """Load the configs, each the `model_cfg` of an open_clip_config.json."""
    configs: Mapping[str, Mapping[str, Any]] = orjson.loads(
        (files("paramcount.formats") / "open_clip/models.json").read_bytes()
    )
    return configs

"""Documents that look like those of two formats: which of them claims each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_params_json(payload: Any) -> bool:
    """Return whether a value is a params.json; DistilBERT's config has the same names, and its model_type."""
    return (
        isinstance(payload, Mapping)
        and "dim" in payload
        and "n_layers" in payload
        and payload.get("model_type", "transformer") in ("transformer", "mamba")
        and "architectures" not in payload
    )

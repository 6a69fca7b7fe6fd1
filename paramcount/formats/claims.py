"""Documents that look like those of two formats: which of them claims each."""

from __future__ import annotations

from typing import Any


def is_params_json(payload: Any) -> bool:
    """Return whether a value is a params.json; DistilBERT's config has the same names, and its model_type."""
    return (
        isinstance(payload, dict)
        and "dim" in payload
        and "n_layers" in payload
        and payload.get("model_type", "transformer") in ("transformer", "mamba")
        and "architectures" not in payload
    )


_OF_TIMM = frozenset(("pretrained_cfg", "num_classes", "num_features", "input_size"))


def is_timm_config(payload: Any) -> bool:
    """Return whether a value is a config.json of timm; an envelope too has an architecture, and none of the others."""
    return isinstance(payload, dict) and "architecture" in payload and not _OF_TIMM.isdisjoint(payload)


def is_safety_checker(payload: Any) -> bool:
    """Return whether a value is the config of diffusers' class of a transformers model."""
    return isinstance(payload, dict) and payload.get("architectures") == ["StableDiffusionSafetyChecker"]


def is_named_model(payload: Any) -> bool:
    """Return whether a value is a model by name, which may state a model_type too."""
    return isinstance(payload, dict) and "library" in payload and "name" in payload and "layers" not in payload

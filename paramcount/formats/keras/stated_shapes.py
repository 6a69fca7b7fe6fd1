"""The shapes that Keras' JSON states for a layer: of the input that it was built for, or of a first layer."""

from __future__ import annotations

from typing import Any

from paramcount.formats.keras.nodes import is_shape
from paramcount.formats.keras.raw import RawLayer
from paramcount.model.tensors import Dimensions


def find_built_shape(item: RawLayer) -> Any:
    """Return the shape, or the shapes, that a layer was built for."""
    built = item.get("build_config")
    return built.get("input_shape") if isinstance(built, dict) else None


def to_shape(value: Any) -> Dimensions | None:
    """Return a shape of JSON as a tuple; None for anything else, and for []."""
    return tuple(value) if is_shape(value) and value else None


def find_stated_shape(config: Any) -> Dimensions | None:
    """Return the input shape that the first layer of a Sequential states in its own config, as Keras 2 wrote it."""
    if not isinstance(config, dict):
        return None
    if is_shape(config.get("batch_input_shape")):
        return tuple(config["batch_input_shape"])
    if is_shape(config.get("input_shape")):
        return (None, *config["input_shape"])
    width = config.get("input_dim")
    return (None, width) if width is not None and is_shape([width]) and "output_dim" not in config else None

"""Warnings about Keras models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Totals
from paramcount.schema.validator import format_value

CLASSES_WITH_CODE = frozenset(("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"))
"""Layers that hold code or name files, which the JSON does not carry or nobody should run."""

COMPOSITES = frozenset(
    (
        "Bidirectional",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "GroupQueryAttention",
        "MultiHeadAttention",
        "Pipeline",
        "RNN",
        "SpectralNormalization",
        "StackedRNNCells",
        "TimeDistributed",
    )
)
"""Layers made of layers: their flag `trainable`, when they are built from a config, does not reach the inner ones."""

_INNER_LAYERS = ("layer", "backward_layer", "cell", "cells", "layers")
"""The arguments that hold a composite's inner layers."""

# The number of variables of each optimizer for a trainable parameter, and the arguments that add one more.
# Source: `build` of keras.optimizers.
_SLOTS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "SGD": (0, ("momentum",)),
    "RMSprop": (1, ("momentum", "centered")),
    "Adam": (2, ("amsgrad",)),
    "AdamW": (2, ("amsgrad",)),
    "Nadam": (2, ()),
    "Adamax": (2, ()),
    "Adagrad": (1, ()),
    "Adadelta": (2, ()),
    "Ftrl": (2, ()),
    "Lion": (1, ()),
    "Lamb": (2, ()),
}
_NAMES = {name.lower(): name for name in _SLOTS}


def warn_of_code(kind: str, path: str) -> ReportWarning:
    detail = f"{kind} holds code or a file that the JSON does not: what it may own is not counted"
    return ReportWarning("code_not_read", path, detail, exact=False)


def trains_inside(config: Mapping[str, Any]) -> bool:
    """Return whether a layer inside a composite trains: by its own flag, or since it is not in the config at all."""
    inner = _find_inner_layers(config)
    return any(map(_trains, inner)) if inner else True


def _trains(layer: Mapping[str, Any]) -> bool:
    """Return whether a serialized layer trains, or one inside it, which its own flag does not reach."""
    config = layer["config"]
    if str(layer.get("class_name")) in COMPOSITES or _find_inner_layers(config):
        return trains_inside(config)
    return config.get("trainable") is not False


def _find_inner_layers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    values = [config[member] for member in _INNER_LAYERS if member in config]
    layers = [layer for value in values for layer in (value if isinstance(value, list) else [value])]
    return [
        layer
        for layer in layers
        if isinstance(layer, dict) and isinstance(layer.get("config"), dict) and layer.get("class_name") != "InputLayer"
    ]


def warn_of_flag(kind: str, path: str) -> ReportWarning:
    detail = f"trainable=false of a {kind} does not reach the layers inside it when Keras rebuilds it: they train"
    return ReportWarning("flag_not_inherited", path, detail)


def warn_of_undecided_flag(kind: str, path: str) -> ReportWarning:
    detail = (
        f"trainable=false of a {kind} reaches the layers inside it in Keras 2, and not in Keras 3, as counted here; "
        f"nothing in the document says which of them wrote it: state its keras_version"
    )
    return ReportWarning("flag_not_inherited", path, detail, exact=False)


def warn_of_data_format(kind: str, path: str) -> ReportWarning:
    detail = (
        f"Keras 1 does not write the dim_ordering of {kind}, and no layer of the model states one; it is taken for "
        f'"tf", channels last'
    )
    return ReportWarning("data_format_unknown", path, detail, exact=False)


def warn_of_custom_model(kind: str, path: str) -> ReportWarning:
    detail = f"{format_value(kind)} is a class of its own: what it owns beside its layers is not in the JSON"
    return ReportWarning("custom_model", path, detail, exact=False)


def warn_of_unused_layer(path: str) -> ReportWarning:
    return ReportWarning(
        "unused_layer", path, "feeds no output of its model: Keras leaves it out when it rebuilds the model"
    )


def warn_of_orphan(name: str) -> ReportWarning:
    detail = (
        f'"{name[:100]}" is marked as an object that stands elsewhere too, but nothing there is like it: counted alone'
    )
    return ReportWarning("shared_object", "", detail, exact=False)


def warn_of_dtype_map(path: str) -> ReportWarning:
    return ReportWarning(
        "dtype_map", path, "a map of dtype policies is not followed: a quantized one is not seen", exact=False
    )


def warn_of_optimizer(compiled: Any, totals: Totals) -> tuple[ReportWarning, ...]:
    """Return a warning with the number of a compiled model's optimizer variables.

    `summary()` adds them to its total, `count_params()` does not.
    """
    optimizer = compiled.get("optimizer") if isinstance(compiled, Mapping) else None
    if not isinstance(optimizer, Mapping) and not isinstance(optimizer, str):
        return ()
    kind = optimizer if isinstance(optimizer, str) else str(optimizer.get("class_name"))
    kind = _NAMES.get(kind.lower(), kind)
    config = {} if isinstance(optimizer, str) else optimizer.get("config")
    if kind not in _SLOTS or not isinstance(config, Mapping):
        detail = f"the model is compiled with {format_value(kind)}, whose variables are not in the total"
        return (ReportWarning("optimizer", "", detail),)
    slots, optional_slots = _SLOTS[kind]
    per_parameter = slots + sum(
        bool(config.get(name)) for name in (*optional_slots, "use_ema", "gradient_accumulation_steps")
    )
    # iteration; the learning rate, unless it follows a schedule; Nadam's product
    constant = 1 + (not isinstance(config.get("learning_rate"), Mapping)) + (kind == "Nadam")
    count = per_parameter * totals.trainable + constant
    product = f"{per_parameter} × {totals.trainable:,} + {constant}"
    detail = f"{kind} keeps {count:,} variables ({product}), which are not in the total"
    return (ReportWarning("optimizer", "", detail),)

"""Classes and arguments of Keras 1, translated to those of Keras 2. Source: Keras 1.2.2, and keras.legacy of 2.2.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DATA_FORMATS: Mapping[Any, str | None] = {"tf": "channels_last", "th": "channels_first", "default": None}

_WEIGHTS = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_DENSE = {**_WEIGHTS, "output_dim": "units"}
_WINDOWS = {"border_mode": "padding", "dim_ordering": "data_format"}
_CONVOLUTION = {**_WEIGHTS, **_WINDOWS, "nb_filter": "filters", "subsample": "strides", "atrous_rate": "dilation_rate"}
_CONVOLUTION_1D = {**_CONVOLUTION, "filter_length": "kernel_size", "subsample_length": "strides"}
_SEPARABLE = {**_CONVOLUTION, "init": "depthwise_initializer"}
_RECURRENT = {
    **_DENSE,
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": "implementation",
    "forget_bias_init": "unit_forget_bias",
}
_POOLING_1D = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
_IMAGE = {"dim_ordering": "data_format"}

_RENAMED: Mapping[str, Mapping[str, str]] = {
    "Dense": _DENSE,
    "TimeDistributedDense": _DENSE,
    "MaxoutDense": _DENSE,
    "Highway": _WEIGHTS,
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "Convolution1D": _CONVOLUTION_1D,
    "AtrousConvolution1D": _CONVOLUTION_1D,
    "LocallyConnected1D": _CONVOLUTION_1D,
    "Convolution2D": _CONVOLUTION,
    "AtrousConvolution2D": _CONVOLUTION,
    "Deconvolution2D": _CONVOLUTION,
    "LocallyConnected2D": _CONVOLUTION,
    "SeparableConvolution2D": _SEPARABLE,
    "Convolution3D": _CONVOLUTION,
    "ConvLSTM2D": {**_RECURRENT, **_CONVOLUTION},
    "SimpleRNN": _RECURRENT,
    "GRU": _RECURRENT,
    "LSTM": _RECURRENT,
    "MaxPooling1D": _POOLING_1D,
    "AveragePooling1D": _POOLING_1D,
    "MaxPooling2D": _WINDOWS,
    "AveragePooling2D": _WINDOWS,
    "MaxPooling3D": _WINDOWS,
    "AveragePooling3D": _WINDOWS,
    "GlobalMaxPooling2D": _IMAGE,
    "GlobalAveragePooling2D": _IMAGE,
    "GlobalMaxPooling3D": _IMAGE,
    "GlobalAveragePooling3D": _IMAGE,
    "UpSampling1D": {"length": "size"},
    "UpSampling2D": _IMAGE,
    "UpSampling3D": _IMAGE,
    "ZeroPadding1D": {},
    "ZeroPadding2D": _IMAGE,
    "ZeroPadding3D": _IMAGE,
    "Cropping2D": _IMAGE,
    "Cropping3D": _IMAGE,
    "Dropout": {"p": "rate"},
    "SpatialDropout1D": {"p": "rate"},
    "SpatialDropout2D": {"p": "rate", **_IMAGE},
    "SpatialDropout3D": {"p": "rate", **_IMAGE},
    "GaussianDropout": {"p": "rate"},
    "GaussianNoise": {"sigma": "stddev"},
    "PReLU": {"init": "alpha_initializer"},
}
IMAGE_LAYERS = frozenset(f"{name}{rank}D" for name in ("UpSampling", "ZeroPadding", "Cropping") for rank in (2, 3))
"""Layers whose data format Keras 1 does not write: it is that of the installation."""

_CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "TimeDistributedDense": "Dense",
}
_KERNEL_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_DROPPED: Mapping[str, tuple[str, ...]] = {"BatchNormalization": ("mode",), "Embedding": ("dropout",)}
"""Arguments without effect on weights and shapes."""

_EDGES: Mapping[str, tuple[str, ...]] = {
    "ZeroPadding1D": ("left_pad", "right_pad"),
    "ZeroPadding2D": ("top_pad", "bottom_pad", "left_pad", "right_pad"),
}
_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum"}


def modernize(kind: str, arguments: dict[str, Any], data_format: str | None) -> tuple[str, dict[str, Any]]:
    """Return the class and its arguments by the names of Keras 2.

    Where a layer does not state its data format, it is `data_format`, if that is given.
    """
    if kind == "Merge":
        return _merge(arguments)
    if (renamed := _RENAMED.get(kind)) is None:
        return kind, _drop(kind, arguments)
    for old in renamed.keys() & arguments.keys():
        value = arguments.pop(old)
        if old == "dim_ordering":
            value = _DATA_FORMATS.get(value, value) if isinstance(value, str) else value
        arguments.setdefault(renamed[old], value)
    for names in _KERNEL_SIZES:
        if all(name in arguments for name in names):
            arguments["kernel_size"] = [arguments.pop(name) for name in names]
    if kind in _EDGES and "padding" in arguments:
        arguments["padding"] = _pair_edges(arguments["padding"], _EDGES[kind])
    if data_format is not None and "dim_ordering" in renamed:
        arguments.setdefault("data_format", data_format)
    return _CLASSES.get(kind, kind), _drop(kind, arguments)


def _drop(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    for name in _DROPPED.get(kind, ()):
        arguments.pop(name, None)
    return arguments


def _pair_edges(padding: Any, names: tuple[str, ...]) -> Any:
    """Return a padding as Keras 2 writes it: Keras 1 has an object by edges, too, and a flat list of four."""
    if isinstance(padding, dict):
        padding = [padding.get(name, 0) for name in names]
    is_flat = isinstance(padding, list) and len(padding) == 4
    return [padding[:2], padding[2:]] if is_flat else padding


def _merge(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the layer that a Merge of this mode became; one whose mode is a function is a Lambda."""
    mode = arguments.get("mode", "sum")
    base: dict[str, Any] = {name: arguments[name] for name in ("name", "trainable") if name in arguments}
    if arguments.get("mode_type", "raw") != "raw":
        is_stated = arguments.get("output_shape_type") == "raw"
        return "Lambda", {**base, "output_shape": arguments.get("output_shape") if is_stated else None}
    if mode == "concat":
        return "Concatenate", {**base, "axis": arguments.get("concat_axis", -1)}
    if mode in ("dot", "cos"):
        return "Dot", {**base, "axes": arguments.get("dot_axes", -1)}
    return _MERGES.get(mode, "Merge") if isinstance(mode, str) else "Merge", base

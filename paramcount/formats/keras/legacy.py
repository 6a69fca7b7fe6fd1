"""Classes and arguments of older versions of Keras, translated to those of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from paramcount.formats.keras import keras_1
from paramcount.formats.keras.writer import Writer
from paramcount.model.layers import Call

_CLASSES = {
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "GroupedQueryAttention": "GroupQueryAttention",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "SyncBatchNormalization": "BatchNormalization",
    "ThresholdedReLU": "Activation",  # x above a threshold, else 0; Keras 3 has no such class
}

ANY_VALUE: Final = object()
"""In _SILENT: the argument has no effect at any value."""

# Arguments without effect at the given value: Keras 2 wrote them, Keras 3 has no such argument.
_KERNEL = {"kernel_initializer": ANY_VALUE, "kernel_regularizer": ANY_VALUE, "kernel_constraint": ANY_VALUE}
_SILENT: Mapping[str, Mapping[str, Any]] = {
    "Conv1DTranspose": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "Conv3DTranspose": {"groups": 1},
    "DepthwiseConv1D": {"groups": 1, **_KERNEL},
    "DepthwiseConv2D": {"groups": 1, **_KERNEL},
    "SeparableConv1D": {"groups": 1, **_KERNEL},
    "SeparableConv2D": {"groups": 1, **_KERNEL},
    "BatchNormalization": {"fused": ANY_VALUE, "virtual_batch_size": None, "adjustment": None},
    "Activation": {"theta": ANY_VALUE},
    "SimpleRNN": {"time_major": False, "implementation": ANY_VALUE},
    "GRU": {"time_major": False, "implementation": ANY_VALUE},
    "LSTM": {"time_major": False, "implementation": ANY_VALUE},
    "RNN": {"time_major": False},
    "ConvLSTM1D": {"time_major": False},
    "ConvLSTM2D": {"time_major": False, "implementation": ANY_VALUE},
    "ConvLSTM3D": {"time_major": False},
    "SpatialDropout1D": {"noise_shape": None},
    "SpatialDropout2D": {"noise_shape": None},
    "SpatialDropout3D": {"noise_shape": None},
    "MultiHeadAttention": {
        "softmax_robust_masking": ANY_VALUE,
        "query_shape": ANY_VALUE,
        "key_shape": ANY_VALUE,
        "value_shape": ANY_VALUE,
    },
    "Lambda": {
        "module": ANY_VALUE,
        "function_type": ANY_VALUE,
        "output_shape_type": ANY_VALUE,
        "output_shape_module": ANY_VALUE,
    },
}
RECURRENT = frozenset(
    (
        "Bidirectional",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "CuDNNGRU",
        "CuDNNLSTM",
        "GRU",
        "LSTM",
        "RNN",
        "SimpleRNN",
    )
)
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "InputLayer": {"batch_input_shape": "batch_shape", "input_shape": "shape"},
    "LeakyReLU": {"alpha": "negative_slope"},
}
# Arguments of the first layer of a Sequential for its input, and of random layers for their generator.
_ANYWHERE = ("batch_input_shape", "input_shape", "input_dtype", "batch_size", "input_length")
_RANDOM = ("rng_type", "force_generator", "auto_vectorize")


def _find_defaults(kind: str, config: Mapping[str, Any], writer: Writer) -> dict[str, Any]:
    """Return the arguments that mean something else than in Keras 3 where they are absent."""
    if kind in ("GRU", "GRUCell") and "reset_after" not in config:
        has_one_bias = writer.has_one_gru_bias
        if has_one_bias is None:  # every version that has the argument writes it, beside all others
            has_one_bias = "implementation" in config and "recurrent_dropout" in config
        return {"reset_after": not has_one_bias}
    if kind == "Bidirectional" and writer.generation == 2 and config.get("backward_layer") is not None:
        return {"adds_widths": True}
    return {}


def split_states(call: Call) -> Call:
    """Return a recurrent layer's call with its initial states apart from its sequences, if one list holds both."""
    first = call.args[0] if call.args else None
    return call._replace(args=(first[0], first[1:], *call.args[1:])) if isinstance(first, list) and first else call


def modernize(kind: str, config: Mapping[str, Any], writer: Writer) -> tuple[str, dict[str, Any]]:
    """Return the class and its arguments by the names of Keras 3."""
    arguments = dict(config)
    if not writer.is_keras_3:
        kind, arguments = keras_1.modernize(kind, arguments, writer.data_format)
    kind = _CLASSES.get(kind, kind)
    if not writer.is_keras_3:
        arguments |= _find_defaults(kind, arguments, writer)
    for old, new in _RENAMED.get(kind, {}).items():
        if old in arguments:
            arguments.setdefault(new, arguments.pop(old))
    for name in (*_ANYWHERE, *_RANDOM, *(() if "output_dim" in arguments else ("input_dim",))):  # an Embedding's own
        arguments.pop(name, None)
    for name, value in _SILENT.get(kind, {}).items():
        if name in arguments and (value is ANY_VALUE or arguments[name] == value):
            del arguments[name]
    return kind, arguments

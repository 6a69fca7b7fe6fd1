"""The modules of sentence-transformers that own weights, from their configs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.model.errors import InvalidDocument
from paramcount.model.tensors import Tensor
from paramcount.schema.signature import is_dimension
from paramcount.schema.validator import format_value

MAX_LIST_ITEMS = 10_000
"""The most kernel sizes or layers of one module."""

Config = Mapping[str, Any]


class Module(NamedTuple):
    """A class of modules: its tensors by name, and the file that its config is in."""

    tensors: Callable[[Config], Iterator[Tensor]]
    config_file: str = "config.json"


def _dense(config: Config) -> Iterator[Tensor]:
    """Source: sentence_transformers.base.modules.dense.Dense."""
    inputs, outputs = _size(config, "in_features"), _size(config, "out_features")
    yield Tensor("linear.weight", (outputs, inputs))
    if _flag(config, "bias", True):
        yield Tensor("linear.bias", (outputs,))
    if _flag(config, "use_residual", False) and inputs != outputs:
        yield Tensor("residual.weight", (outputs, inputs))


def _layer_norm(config: Config) -> Iterator[Tensor]:
    size = _size(config, "dimension")
    yield Tensor("norm.weight", (size,))
    yield Tensor("norm.bias", (size,))


def _cnn(config: Config) -> Iterator[Tensor]:
    """Source: sentence_transformers.sentence_transformer.modules.cnn.CNN."""
    inputs = _size(config, "in_embedding_dimension", "in_word_embedding_dimension")
    outputs = _size(config, "out_channels", default=256)
    kernels, strides = config.get("kernel_sizes", [1, 3, 5]), config.get("stride_sizes")
    if not isinstance(kernels, list) or len(kernels) > MAX_LIST_ITEMS:
        raise InvalidDocument("must be a list of integers", "/kernel_sizes")
    count = len(strides) if isinstance(strides, list) else len(kernels)
    for position, kernel in enumerate(kernels[:count]):
        if not _is_size(kernel):
            raise InvalidDocument(f"must be an integer, not {format_value(kernel)}", f"/kernel_sizes/{position}")
        yield Tensor(f"convs.{position}.weight", (outputs, inputs, kernel))
        yield Tensor(f"convs.{position}.bias", (outputs,))


def _lstm(config: Config) -> Iterator[Tensor]:
    """Source: sentence_transformers.sentence_transformer.modules.lstm.LSTM, and torch.nn.LSTM."""
    inputs, hidden = _size(config, "embedding_dimension", "word_embedding_dimension"), _size(config, "hidden_dim")
    directions = ("", "_reverse") if _flag(config, "bidirectional", True) else ("",)
    layers = _size(config, "num_layers", default=1)
    if layers > MAX_LIST_ITEMS:
        raise InvalidDocument(f"must be at most {MAX_LIST_ITEMS}", "/num_layers", "too_large")
    for layer in range(layers):
        for direction in directions:
            name = f"l{layer}{direction}"
            yield Tensor(f"encoder.weight_ih_{name}", (4 * hidden, inputs if not layer else hidden * len(directions)))
            yield Tensor(f"encoder.weight_hh_{name}", (4 * hidden, hidden))
            yield Tensor(f"encoder.bias_ih_{name}", (4 * hidden,))
            yield Tensor(f"encoder.bias_hh_{name}", (4 * hidden,))


def _weighted_layers(config: Config) -> Iterator[Tensor]:
    layers, start = _size(config, "num_hidden_layers", default=12), config.get("layer_start", 4)
    if not _is_size(start) or start > layers + 1:
        raise InvalidDocument(f"must be an integer up to {layers + 1}, not {format_value(start)}", "/layer_start")
    yield Tensor("layer_weights", (layers + 1 - start,))


def _sparse_auto_encoder(config: Config) -> Iterator[Tensor]:
    """Source: sentence_transformers.sparse_encoder.modules.sparse_auto_encoder.SparseAutoEncoder."""
    inputs, hidden = _size(config, "input_dim"), _size(config, "hidden_dim", default=512)
    yield Tensor("pre_bias", (inputs,))
    yield Tensor("latent_bias", (hidden,))
    yield Tensor("encoder.weight", (hidden, inputs))
    yield Tensor("decoder.linear.weight", (hidden, inputs), tied_to="encoder.weight")
    yield Tensor("stats_last_nonzero", (hidden,), "buffer", "I64", trainable=False)


MODULES: Mapping[str, Module] = {
    "CNN": Module(_cnn, "cnn_config.json"),
    "Dense": Module(_dense),
    "LSTM": Module(_lstm, "lstm_config.json"),
    "LayerNorm": Module(_layer_norm),
    "SparseAutoEncoder": Module(_sparse_auto_encoder),
    "WeightedLayerPooling": Module(_weighted_layers),
}
"""The modules that own weights, and were verified, by the name of their class."""


def _size(config: Config, *names: str, default: int | None = None) -> int:
    """The size that a config states under one of some names. Raises InvalidDocument."""
    name = next((name for name in names if name in config), names[0])
    value = config.get(name, default)
    if name not in config and default is None:
        raise InvalidDocument(f'"{name}" is missing', "", "required")
    if not _is_size(value):
        raise InvalidDocument(f"must be an integer of at least 0, not {format_value(value)}", f"/{name}")
    return int(value)


def _is_size(value: Any) -> bool:
    return type(value) is int and is_dimension(value)


def _flag(config: Config, name: str, default: bool) -> bool:
    value = config.get(name, default)
    if not isinstance(value, bool):
        raise InvalidDocument(f"must be true or false, not {format_value(value)}", f"/{name}")
    return value

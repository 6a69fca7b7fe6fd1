"""The Keras that wrote a document, which decides what the document means."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from paramcount.formats.keras.raw import RawDocument

_VERSION = re.compile(r"(?:tfjs-layers )?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
_FIRST_WITHOUT_OTHERS = (2, 4)
"""From this version on, the package `keras` is tf.keras; before, it was the Keras of several backends."""


class FlagRule(Enum):
    """The effect of a layer's flag `trainable` on the layers in its config, once Keras rebuilds it from JSON."""

    INHERITED = auto()  # false reaches them
    REPLACED = auto()  # so does true
    IGNORED = auto()
    UNKNOWN = auto()  # versions differ, and nothing tells which one wrote the document


class Writer(NamedTuple):
    """The version of Keras that wrote a document."""

    generation: int  # 1, 2 or 3; 0: nothing tells
    version: tuple[int, ...] = ()  # empty where it is not stated
    is_tensorflow: bool = True  # of generation 2: tf.keras, and not the Keras of several backends or TensorFlow.js
    is_javascript: bool = False
    data_format: str | None = None  # of the layers of Keras 1 that do not write their own

    @property
    def is_keras_3(self) -> bool:
        return self.generation == 3

    @property
    def cache_prefix(self) -> bytes:
        """A key of what decides how a layer is read; empty for Keras 3."""
        return b"" if self.generation == 3 else repr(self).encode()

    @property
    def has_one_gru_bias(self) -> bool | None:
        """True if a GRU without `reset_after` has one bias; None if that depends on the layer.

        Source: GRU.__init__ of each version; those before Keras 2.1.5 have no such argument.
        """
        if self.generation == 1 or self.is_javascript:
            return True
        if self.generation == 2 and self.version:
            return not self.is_tensorflow or self.version < (2, 2, 4)
        return None if self.generation != 3 else False

    def flag_rule(self, class_name: str) -> FlagRule:
        """Return the rule of a layer that is made of layers.

        Source: `Wrapper`, `Bidirectional` and `trainable_weights` of Keras 1.2.2, 2.0.9 to 2.3.1, TensorFlow 1.15 to
        2.15, TensorFlow.js 4.
        """
        if self.generation == 3 or self.is_javascript:
            return FlagRule.IGNORED
        if self.generation == 0:
            return FlagRule.UNKNOWN
        if class_name not in ("Bidirectional", "TimeDistributed"):
            return FlagRule.INHERITED
        is_bidirectional = class_name == "Bidirectional"
        if self.generation == 1:
            return FlagRule.IGNORED if is_bidirectional else FlagRule.INHERITED
        if not self.is_tensorflow:
            return FlagRule.IGNORED if self.version < (2, 1, 4) else FlagRule.REPLACED
        forgets = is_bidirectional and (2, 3) <= self.version < (2, 12)
        return FlagRule.IGNORED if forgets else FlagRule.INHERITED


KERAS_3 = Writer(3)
_UNKNOWN = Writer(0)

# Members that only one generation writes. In JSON a quoted name before a colon is a member, and no text.
_MEMBER = rb'"(?:%s)"\s*:'
_MARKS: tuple[tuple[int, re.Pattern[bytes]], ...] = (
    (3, re.compile(_MEMBER % rb"batch_shape|keras_history" + rb'|"(?:DTypePolicy|__keras_tensor__)"')),
    (
        1,
        re.compile(_MEMBER % rb"nb_filter|border_mode|dim_ordering|input_dtype|[WUb]_regularizer|inner_init|mode_type"),
    ),
    (
        2,
        re.compile(
            _MEMBER % rb"batch_input_shape|time_major"
            + rb'|"config"\s*:\s*\[|"inbound_nodes"\s*:\s*\[\s*\[|"keras\.src\.engine|"(?:TFOpLambda|SlicingOpLambda)"'
        ),
    ),
)
_DATA_FORMAT = re.compile(rb'"dim_ordering"\s*:\s*"(tf|th)"')
_DATA_FORMATS = {b"tf": "channels_last", b"th": "channels_first"}
_MAX_ENTRY_BYTES = 1000


def find_writer(document: RawDocument) -> Writer:
    """Return the Keras that wrote a document: by its `keras_version`, else by members that only one of them writes."""
    version = document.keras_version
    if version is None and _begins_as_keras_3(document):
        return KERAS_3
    match = _VERSION.match(version) if isinstance(version, str) else None
    if match is None:
        generation = next((number for number, mark in _MARKS if mark.search(document.raw)), 0)
        return _of_generation(generation, document)
    numbers = tuple(int(number or 0) for number in match.groups())
    if version.startswith("tfjs"):
        return Writer(2, is_tensorflow=False, is_javascript=True)
    if numbers[0] >= 3:
        return KERAS_3
    if numbers[0] < 2:
        return _of_generation(1, document)
    return Writer(2, numbers, is_tensorflow="-tf" in version or numbers >= _FIRST_WITHOUT_OTHERS)


def _begins_as_keras_3(document: RawDocument) -> bool:
    """Return whether the first layer is an input as Keras 3 writes it: a short cut for most documents."""
    layers = document.model.layers if document.model else None
    first = bytes(layers[0].config)[:_MAX_ENTRY_BYTES] if layers else b""
    return b'"batch_shape"' in first


def _of_generation(generation: int, document: RawDocument) -> Writer:
    if generation != 1:
        return Writer(generation)
    stated = {_DATA_FORMATS[name] for name in _DATA_FORMAT.findall(document.raw)}
    return Writer(1, data_format=stated.pop() if len(stated) == 1 else None)

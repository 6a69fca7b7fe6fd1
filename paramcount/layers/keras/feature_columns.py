"""keras.layers.DenseFeatures of Keras 2, whose columns state the weights and the width of its output."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from paramcount import Anything, Formula, Inputs, Tensor, layer, require
from paramcount.layers.keras.shapes import is_length
from paramcount.schema.validator import format_value

_BUCKETS = {
    "HashedCategoricalColumn": "hash_bucket_size",
    "CrossedColumn": "hash_bucket_size",
    "IdentityCategoricalColumn": "number_buckets",
    "VocabularyFileCategoricalColumn": "vocabulary_size",
}
"""The number of categories by class."""


@layer("keras.DenseFeatures", ignores="partitioner")
def dense_features(features: Inputs, feature_columns: Anything) -> Formula:
    """Columns of a table side by side; embeddings are its weights. Source: keras.layers.DenseFeatures of Keras 2.15."""
    require(isinstance(feature_columns, list), "must be a list of columns", "feature_columns")
    width = 0
    for index, column in enumerate(feature_columns):
        pointer = f"feature_columns/{index}"
        kind, config = _read_column(column, pointer)
        if kind == "EmbeddingColumn":
            dimension = _require_length(config.get("dimension"), pointer)
            rows = _count_categories(config.get("categorical_column"), pointer)
            trainable = config.get("trainable", True) is True
            yield Tensor(f"{index}.embedding_weights", (rows, dimension), trainable=trainable)
            width += dimension
        elif kind == "IndicatorColumn":
            width += _count_categories(config.get("categorical_column"), pointer)
        elif kind == "NumericColumn":
            width += _numeric_width(config, pointer)
        else:
            width += _count_buckets(kind, config, pointer)
    first = features[0] if features else None
    return (first[0] if isinstance(first, tuple) and first else None, width)


def _read_column(column: Any, pointer: str) -> tuple[str, Mapping[str, Any]]:
    config = column.get("config") if isinstance(column, dict) else None
    require(isinstance(config, dict), f"must be a column, not {format_value(column)}", pointer)
    return str(column.get("class_name")), config or {}


def _count_categories(column: Any, pointer: str) -> int:
    """Return the number of categories of a column. Source: its `num_buckets` in tf.feature_column."""
    kind, config = _read_column(column, pointer)
    if kind == "WeightedCategoricalColumn":
        kind, config = _read_column(config.get("categorical_column"), pointer)
    if kind == "VocabularyListCategoricalColumn":
        words = config.get("vocabulary_list")
        require(isinstance(words, list), "must have a vocabulary_list", pointer)
        return len(words or ()) + _require_length(config.get("num_oov_buckets", 0), pointer, 0)
    if kind in _BUCKETS:
        extra = _require_length(config.get("num_oov_buckets", 0), pointer, 0)
        return _require_length(config.get(_BUCKETS[kind]), pointer) + extra
    return _count_buckets(kind, config, pointer)


def _count_buckets(kind: str, config: Mapping[str, Any], pointer: str) -> int:
    """Return the number of buckets of a column of numbers, one more than its boundaries for each number."""
    require(kind == "BucketizedColumn", f"{format_value(kind)} is no column that states its width", pointer)
    boundaries = config.get("boundaries")
    require(isinstance(boundaries, list), "must have a list of boundaries", pointer)
    _, source = _read_column(config.get("source_column"), pointer)
    return (len(boundaries or ()) + 1) * _numeric_width(source, pointer)


def _numeric_width(config: Mapping[str, Any], pointer: str) -> int:
    shape = config.get("shape", [1])
    require(isinstance(shape, list) and all(map(is_length, shape)), "must have a shape", pointer)
    return prod(shape)


def _require_length(value: Any, pointer: str, minimum: int = 1) -> int:
    require(
        is_length(value, minimum), f"must have an integer of at least {minimum}, not {format_value(value)}", pointer
    )
    return int(value)

"""Keras' transfer-learning guide: its model as JSON, and what Keras counts after each way to freeze it.

`--write` renews the files; else they are compared with what Keras says now.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def guide() -> tuple[Any, Any]:
    """The model of https://keras.io/guides/transfer_learning/ and the frozen Xception in it."""
    import keras  # noqa: PLC0415 # after its backend is chosen

    keras.utils.clear_session()
    base = keras.applications.Xception(weights=None, input_shape=(150, 150, 3), include_top=False)
    base.trainable = False
    inputs = keras.Input(shape=(150, 150, 3))
    outputs = keras.layers.Normalization()(inputs)
    outputs = base(outputs, training=False)
    outputs = keras.layers.GlobalAveragePooling2D()(outputs)
    outputs = keras.layers.Dropout(0.2)(outputs)
    return keras.Model(inputs, keras.layers.Dense(1)(outputs)), base


def scenarios(model: Any, base: Any) -> Iterator[tuple[str, list[list[Any]]]]:
    """Yield what people do to it, each with the rules that must come to the same."""
    thawed = [base.name, True]
    yield "as the guide builds it", []
    base.trainable = True
    yield "base thawed", [thawed]
    _freeze(layer for layer in base.layers if type(layer).__name__ == "BatchNormalization")
    yield "base thawed but for BatchNormalization", [thawed, ["type:BatchNormalization", False]]
    base.trainable = True
    _freeze(base.layers[:100])
    yield "base.layers[:100] frozen", [thawed, [f"first:100:{base.name}.*", False]]
    base.trainable = True
    _freeze(base.layers[:-20])
    yield "base.layers[:-20] frozen", [thawed, [f"all-but-last:20:{base.name}.*", False]]
    base.trainable = True
    _freeze(base.layers)
    for layer in base.layers[-20:]:
        layer.trainable = True
    yield "base.layers[-20:] thawed", [[f"last:20:{base.name}.*", True]]
    _freeze(base.layers)
    for layer in base.layers[100:]:
        layer.trainable = True
    yield "base.layers[100:] thawed", [[f"all-but-first:100:{base.name}.*", True]]
    base.trainable = True
    _freeze(model.layers[:-1])
    yield "model.layers[:-1] frozen", [thawed, ["all-but-last:1", False]]
    base.trainable = True
    _freeze([layer for layer in base.layers if type(layer).__name__ == "SeparableConv2D"][:7])
    yield "the first 7 separable convolutions frozen", [thawed, ["first:7:type:SeparableConv2D", False]]


def wrap_layers() -> str:
    """A model with layers inside wrappers, as JSON, and what Keras counts when those are frozen by their types."""
    import keras  # noqa: PLC0415

    keras.utils.clear_session()
    steps = keras.layers.TimeDistributed(keras.layers.BatchNormalization(), name="steps")
    dense, normal = keras.layers.Dense(6, name="dense"), keras.layers.BatchNormalization(name="normal")
    nested = keras.layers.TimeDistributed(keras.Sequential([keras.Input((4,)), dense, normal], name="inner"))
    both = keras.layers.Bidirectional(keras.layers.LSTM(3), name="both")
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(both(nested(steps(inputs)))))
    document, rows = model.to_json(), []

    def counts(*rules: list[Any]) -> None:
        trainable = sum(prod(weight.shape) for weight in model.trainable_weights)
        rows.append(json.dumps([list(rules), model.count_params(), trainable]))

    counts()
    steps.layer.trainable = normal.trainable = False
    counts(["type:BatchNormalization", False])
    both.forward_layer.trainable = both.backward_layer.trainable = False
    counts(["type:BatchNormalization", False], ["type:LSTM", False])
    dense.trainable = False
    counts(["type:*", False], ["out", True])
    return f'{{"model": {document}, "counts": [\n' + ",\n".join(rows) + "\n]}\n"


def _freeze(layers: Any) -> None:
    for layer in layers:
        layer.trainable = False


def files() -> dict[str, str]:
    """The guide's model, and what Keras counts."""
    os.environ["KERAS_BACKEND"] = "torch"
    model, base = guide()
    written = model.to_json() + "\n"
    rows = []
    for name, rules in scenarios(model, base):
        trainable = sum(prod(weight.shape) for weight in model.trainable_weights)
        rows.append(json.dumps([name, rules, model.count_params(), trainable]))
    golden = "[\n" + ",\n".join(rows) + "\n]\n"
    return {
        "examples/transfer-learning-keras.json": written,
        "tests/golden/transfer-learning.json": golden,
        "tests/golden/wrapped-layers.json": wrap_layers(),
    }


def main() -> int:
    """Write or compare the files; returns how many differ."""
    differ = 0
    for name, text in files().items():
        if "--write" in sys.argv:
            (ROOT / name).write_text(text)
        elif (ROOT / name).read_text() != text:
            differ += 1
            sys.stdout.write(f"{name} is not what Keras writes now\n")
    sys.stdout.write(f"{3 - differ} passed, {differ} failed\n")
    return differ


if __name__ == "__main__":
    sys.exit(main())

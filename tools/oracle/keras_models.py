"""Compares the count of random models, of some of keras.applications, and of the tests' documents with Keras' own.

    python -m tools.oracle.keras_models --count 500 --seed 1 --applications ResNet50 MobileNetV2

Needs Keras 3 with a backend (KERAS_BACKEND).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

import paramcount
from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.report import Row
from paramcount.model.tensors import Output
from paramcount.schema.registry import FORMATS, load_plugins
from tools.cases.keras_documents import COUNTED

APPLICATIONS = ("ResNet50", "MobileNetV2", "EfficientNetB0", "ConvNeXtTiny", "DenseNet121", "NASNetMobile")


class Maker:
    """Makes models at random: chains and branches, nested, shared, wrapped, frozen."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.by_rank: dict[int, list[Callable[[], Any]]] = {
            2: [self.dense, self.norm, self.rest, self.rest, lambda: layers.Reshape((-1, 1)), self.repeat_vector],
            3: [
                self.dense,
                self.norm,
                self.rest,
                self.conv1d,
                self.conv1d,
                self.recurrent,
                self.wrap_layer,
                self.pool1d,
            ],
            4: [self.conv2d, self.conv2d, self.norm, self.rest, self.pool2d, self.frames, self.dense],
        }

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def dense(self) -> Any:
        size, bias = self.pick(1, 3, 8), self.chance(0.8)
        if self.chance(0.15):
            return layers.Dense(size, use_bias=bias, lora_rank=2)
        if self.chance(0.15):
            return layers.Dense(size, use_bias=bias, dtype=self.pick("int8_from_float32", "int4_from_float32"))
        return layers.Dense(size, use_bias=bias, activation=self.pick(None, "relu"))

    def repeat_vector(self) -> Any:
        return layers.RepeatVector(self.pick(2, 3))

    def norm(self) -> Any:
        return self.pick(
            lambda: layers.BatchNormalization(center=self.chance(0.8), scale=self.chance(0.8)),
            lambda: layers.LayerNormalization(scale=self.chance(0.8)),
            layers.RMSNormalization,
            lambda: layers.GroupNormalization(groups=-1),
            layers.Normalization,
            layers.UnitNormalization,
        )()

    def rest(self) -> Any:
        return self.pick(
            lambda: layers.Dropout(0.2),
            lambda: layers.Activation("relu"),
            layers.LeakyReLU,
            layers.Identity,
            lambda: layers.GaussianNoise(0.1),
            lambda: layers.Rescaling(2.0),
            layers.Softmax,
        )()

    def conv1d(self) -> Any:
        width, padding = self.pick(1, 2, 3), self.pick("same", "causal", "valid")
        plain = self.pick("same", "valid")
        return self.pick(
            lambda: layers.Conv1D(self.pick(2, 4), width, padding=padding, use_bias=self.chance(0.7)),
            lambda: layers.SeparableConv1D(3, width, padding=plain, depth_multiplier=self.pick(1, 2)),
            lambda: layers.DepthwiseConv1D(width, padding=plain, depth_multiplier=self.pick(1, 2)),
            lambda: layers.Conv1DTranspose(3, width, strides=self.pick(1, 2), padding=plain),
            lambda: layers.ZeroPadding1D(self.pick(1, 2)),
            layers.UpSampling1D,
        )()

    def conv2d(self) -> Any:
        size, padding = self.pick(1, 2, 3), self.pick("same", "valid")
        return self.pick(
            lambda: layers.Conv2D(self.pick(2, 4), size, strides=self.pick(1, 2), padding=padding),
            lambda: layers.SeparableConv2D(3, size, padding=padding, use_bias=self.chance(0.7)),
            lambda: layers.DepthwiseConv2D(size, padding=padding, depth_multiplier=self.pick(1, 2)),
            lambda: layers.Conv2DTranspose(3, size, strides=self.pick(1, 2), padding=padding),
            lambda: layers.ZeroPadding2D(self.pick(1, 2)),
            layers.UpSampling2D,
            lambda: layers.PReLU(shared_axes=[1, 2]),
            lambda: layers.SpectralNormalization(layers.Conv2D(3, 1)),
        )()

    def frames(self) -> Any:
        return self.pick(
            lambda: layers.ConvLSTM1D(2, 1, return_sequences=True),
            lambda: layers.TimeDistributed(layers.Conv1D(3, 1)),
            layers.GlobalAveragePooling2D,
            lambda: layers.Reshape((-1, 2)),
        )()

    def pool1d(self) -> Any:
        return self.pick(
            lambda: layers.MaxPooling1D(2, padding="same"),
            layers.GlobalMaxPooling1D,
            layers.Flatten,
            lambda: layers.Permute((2, 1)),
            lambda: layers.AdaptiveAveragePooling1D(2),
        )()

    def pool2d(self) -> Any:
        return self.pick(
            lambda: layers.AveragePooling2D(2, padding="same"),
            layers.GlobalAveragePooling2D,
            layers.Flatten,
            lambda: layers.Cropping2D(self.pick(0, 1)),
        )()

    def recurrent(self) -> Any:
        kind, sequences = self.pick(layers.LSTM, layers.GRU, layers.SimpleRNN), self.chance(0.5)
        bare = kind(self.pick(2, 4), return_sequences=sequences, use_bias=self.chance(0.8))
        if self.chance(0.3):
            return layers.Bidirectional(bare, merge_mode=self.pick("concat", "sum"))
        if self.chance(0.3):
            cells = [layers.GRUCell(2), layers.LSTMCell(3, trainable=self.chance(0.8))]
            return layers.RNN(self.pick(cells, cells[0], cells[1]), return_sequences=sequences)
        return bare

    def wrap_layer(self) -> Any:
        inner = self.pick(lambda: layers.Dense(3, trainable=self.chance(0.7)), lambda: layers.BatchNormalization())()
        return self.pick(
            lambda: layers.TimeDistributed(inner),
            lambda: layers.SpectralNormalization(layers.Dense(2)),
            lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d"),
            layers.PReLU if self.chance(0.2) else layers.ELU,
        )()

    def start(self) -> Any:
        """An input."""
        rank = self.pick(2, 3, 3, 4)
        size = {2: (self.pick(3, 6),), 3: (self.pick(5, 8), self.pick(2, 4)), 4: (8, self.pick(6, 9), self.pick(2, 4))}
        return keras.Input(size[rank])

    def step(self, x: Any, depth: int) -> Any:
        """The tensor that comes of one more layer, block or model."""
        if depth and self.chance(0.12):
            inner = self.model(x.shape[1:], depth - 1)
            y = inner(x)
            return layers.Add()([y, inner(x)]) if self.chance(0.3) else y
        if self.chance(0.12):
            return self.branches(x)
        if len(x.shape) == 3 and self.chance(0.12):
            attention = self.pick(
                lambda: layers.MultiHeadAttention(2, 3, use_bias=self.chance(0.7)),
                lambda: layers.GroupQueryAttention(3, 4, 2),
            )()
            return attention(x, x)
        made = self.pick(*self.by_rank[len(x.shape)])()
        if self.chance(0.15):
            made.trainable = False
        return made(x)

    def branches(self, x: Any) -> Any:
        """Two ways, of one layer or of two, that meet again."""
        last = x.shape[-1]
        if last is None:
            return x
        one = layers.Dense(last)
        other = one if self.chance(0.4) else layers.Dense(last)
        merge = self.pick(layers.Add, layers.Multiply, layers.Maximum, layers.Average, layers.Concatenate)()
        return merge([one(x), other(one(x))])

    def model(self, shape: Any = None, depth: int = 2) -> Any:
        """A Functional or a Sequential model, at times frozen as a whole."""
        entry = self.start() if shape is None else keras.Input(shape)
        if self.chance(0.25):
            made = keras.Sequential([entry])
            for _ in range(self.random.randint(1, 4)):
                made.add(self.pick(*self.by_rank[len(made.output_shape if made.layers else entry.shape)])())
        else:
            x = entry
            for _ in range(self.random.randint(1, 6)):
                x = self.step(x, depth)
            made = keras.Model(entry, x)
        if self.chance(0.1):
            made.trainable = False
            if made.layers and self.chance(0.5):
                self.pick(*made.layers).trainable = True
        return made


def difference(text: str) -> str:
    """Return where our count of a model's JSON and Keras' own disagree."""
    keras.backend.clear_session()
    try:
        model = keras.models.model_from_json(text)
    except Exception as error:  # noqa: BLE001  whatever it raises, it refuses
        return f"Keras refuses it: {type(error).__name__}: {str(error)[:200]}"
    try:
        report = count(read(json.loads(text), FORMATS["keras"]))
    except (Problems, ArchitectureError) as error:
        refusals = error.problems if isinstance(error, Problems) else [error]
        return "refused: " + "; ".join(f"{problem.pointer} {problem.detail}" for problem in refusals[:3])
    totals = report.root.totals
    counts: dict[str, Any] = {"total": totals.trainable + totals.frozen + totals.buffers, "trainable": totals.trainable}
    wanted: dict[str, Any] = {"total": model.count_params(), "trainable": _size(model.trainable_weights)}
    rows = {row.name: row for row in report.root.children}
    for layer in model.layers:
        row = rows.get(layer.name)
        if row is None:
            return f"no row for {layer.name}"
        wanted[layer.name] = [layer.count_params(), _shapes(layer)]
        counts[layer.name] = [_all(row), _as_lists(row.output) if row.output is not None else _shapes(layer)]
    wrong = [f"{name}: {wanted[name]}, not {counts[name]}" for name in wanted if wanted[name] != counts[name]]
    return "; ".join([*wrong[:3], *([] if report.exact else ["not exact"])])


def _size(weights: Any) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _all(row: Row) -> int:
    return row.totals.trainable + row.totals.frozen + row.totals.buffers


def _shapes(layer: Any) -> Any:
    """Return what the last call of a layer returned."""
    shapes = [list(tensor.shape) for tensor in layer._inbound_nodes[-1].output_tensors]  # noqa: SLF001
    return shapes[0] if len(shapes) == 1 else shapes


def _as_lists(output: Output) -> Any:
    return [_as_lists(one) for one in output] if isinstance(output, list | tuple) else output


def application(name: str) -> str:
    """The JSON of an application, whose live model must count as Keras counts it."""
    model = getattr(keras.applications, name)(weights=None)
    live, total = paramcount.count(model), model.count_params()
    assert (live.format, live.totals["total"]) == ("keras", total), f"the live {name} has {total:,}, not {live!r}"
    return str(model.to_json())


def random_model(seed: int) -> str:
    return str(Maker(seed).model().to_json())


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=500)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--applications", nargs="*", default=APPLICATIONS)
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    load_plugins()
    passed = skipped = 0
    failures = []
    made: list[tuple[str, Callable[[], str]]] = [
        (name, partial(json.dumps, document)) for name, (document, _, _) in COUNTED.items()
    ]
    made += [(name, partial(application, name)) for name in chosen.applications]
    made += [(f"seed {seed}", partial(random_model, seed)) for seed in range(chosen.seed, chosen.seed + chosen.count)]
    for name, make in made:
        try:
            text = make()
        except (ValueError, TypeError):  # not every random model is possible
            skipped += 1
            continue
        wrong = difference(text)
        if wrong:
            failures.append(f"{name}: {wrong}")
        passed += not wrong
    for failure in failures:
        print(failure)
    print(f"{passed} passed, {len(failures)} failed, {skipped} impossible")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""Compares the count of random .keras archives in which places share objects with that of `load_model`.

    python -m tools.oracle.keras_sharing --count 100 --seed 1

Needs Keras 3 with a backend (KERAS_BACKEND).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
from keras import layers
from keras.src.saving.serialization_lib import ObjectSharingScope, deserialize_keras_object

from paramcount.schema.registry import load_plugins
from tools.cases.keras_documents import count_document, numbers, problems
from tools.cases.keras_shared import SHARED

STEPS, WIDTH = 5, 6
MAX_DEPTH = 3


class Maker:
    """Makes models of sequences of one width at random: layers, cells and inner models stand in several places."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.layers: list[Any] = []
        self.cells: list[Any] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def cell(self) -> Any:
        if self.cells and self.chance(0.5):
            return self.random.choice(self.cells)
        kind = self.random.choice((layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell))
        cell = kind(WIDTH, name=self.name(), use_bias=self.chance(0.8), trainable=self.chance(0.85))
        if self.chance(0.2):
            cell = layers.StackedRNNCells([cell, self.cell()], name=self.name())
        self.cells.append(cell)
        return cell

    def rnn(self) -> Any:
        cells = [self.cell() for _ in range(self.random.randint(1, 3))]
        return layers.RNN(self.random.choice((cells, cells[0], cells[:1] * 2)), return_sequences=True, name=self.name())

    def bidirectional(self) -> Any:
        backward = layers.LSTM(WIDTH, return_sequences=True, go_backwards=True, name=self.name())
        forward = layers.LSTM(WIDTH, return_sequences=True, name=self.name())
        return layers.Bidirectional(
            forward, backward_layer=backward if self.chance(0.5) else None, merge_mode="sum", name=self.name()
        )

    def leaf(self) -> Any:
        kind = self.random.choice((layers.Dense, layers.LayerNormalization, layers.BatchNormalization, layers.LSTM))
        sizes: tuple[int, ...] = (WIDTH,) if kind in (layers.Dense, layers.LSTM) else ()
        options = {"return_sequences": True} if kind is layers.LSTM else {}
        return kind(*sizes, name=self.name(), trainable=self.chance(0.8), **options)

    def time_distributed(self) -> Any:
        known = [layer for layer in self.layers if isinstance(layer, layers.Dense)]
        inner = self.random.choice(known) if known and self.chance(0.5) else layers.Dense(WIDTH, name=self.name())
        self.layers.append(inner)
        if self.chance(0.3):
            inner = keras.Sequential([keras.Input((WIDTH,)), inner], name=self.name())
        return layers.TimeDistributed(inner, name=self.name())

    def layer(self, depth: int) -> Any:
        if self.layers and self.chance(0.4):
            return self.random.choice(self.layers)
        makers: list[Any] = [self.leaf, self.leaf, self.rnn, self.bidirectional, self.time_distributed]
        if depth < MAX_DEPTH:
            makers += [lambda: self.model(depth + 1)] * 2
        made = self.random.choice(makers)()
        self.layers.append(made)
        return made

    def model(self, depth: int = 0) -> Any:
        made = [self.layer(depth) for _ in range(self.random.randint(1, 4))]
        entry = keras.Input((STEPS, WIDTH), name=self.name())
        if self.chance(0.5):
            return keras.Sequential([entry, *dict.fromkeys(made)], name=self.name())
        outputs = [entry]
        for layer in made:
            outputs.append(layer(self.random.choice(outputs)))
        return keras.Model(entry, layers.Add(name=self.name())(outputs), name=self.name())


def _count(model: Any) -> tuple[int, int]:
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return trainable, model.count_params() - trainable


def _count_document(payload: Any) -> Any:
    try:
        return numbers(count_document(payload))
    except Exception as error:  # noqa: BLE001  a refusal is told too
        return [f"{problem.pointer} {problem.detail}" for problem in problems(error)][:3]


def difference(seed: int, folder: Path) -> str | None:
    """Return where our count of a random archive and Keras' own disagree; None where Keras cannot load its own file."""
    keras.backend.clear_session()
    model, path = Maker(seed).model(), folder / "model.keras"
    model.save(path)
    try:
        wanted = _count(keras.saving.load_model(path))
    except Exception:  # noqa: BLE001  Keras cannot load all that it saves
        return None
    copies = _count(keras.models.model_from_json(model.to_json()))
    made = _count_document(path.read_bytes()), _count_document(json.loads(model.to_json()))
    return "" if made == (wanted, copies) else f"{wanted} and {copies} without marks, not {made}"


def replay(name: str) -> str:
    """Return where Keras disagrees with a document of the tests."""
    keras.backend.clear_session()
    document, *wanted = SHARED[name]
    with ObjectSharingScope():
        counted = _count(deserialize_keras_object(json.loads(json.dumps(document))))
    return "" if counted == tuple(wanted) else f"Keras has {counted}"


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=60)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    load_plugins()
    results: dict[str, str | None] = {name: replay(name) for name in SHARED}
    with TemporaryDirectory() as folder:
        for seed in range(chosen.seed, chosen.seed + chosen.count):
            results[f"seed {seed}"] = difference(seed, Path(folder))
    failures = [f"{name}: {wrong}" for name, wrong in results.items() if wrong]
    for failure in failures:
        print(failure)
    unloadable = sum(wrong is None for wrong in results.values())
    print(
        f"{len(results) - len(failures) - unloadable} passed, {len(failures)} failed, {unloadable} that Keras refuses"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

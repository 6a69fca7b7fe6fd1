"""Writes tests/formats/keras/files.json: small files of Keras with the counts of the models that Keras loads from them.

    python -m tools.oracle.keras_examples

Needs Keras 3 with a backend (KERAS_BACKEND), or tf.keras 2.15, and h5py. Each leaves the other's files as they are.
"""

from __future__ import annotations

import base64
import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

IS_KERAS_3 = keras.__version__.startswith("3")

MAX_SHARD_BYTES = 160
TARGET = Path(__file__).parents[2] / "tests/formats/keras/files.json"


def _classifier(*, frozen: bool = True, optimizer: str = "adam", **arguments: Any) -> Any:
    entry = keras.Input((6,))
    hidden = layers.Dense(5, trainable=not frozen, name="hidden", **arguments)(entry)
    model = keras.Model(entry, layers.Dense(3, name="digit", **arguments)(layers.BatchNormalization()(hidden)))
    if optimizer:
        model.compile(optimizer, "mse", metrics=["mae"])
        model.fit(np.zeros((4, 6)), np.zeros((4, 3)), verbose=0)
    return model


def _many_layers() -> Any:
    return keras.Sequential([keras.Input((3,)), *(layers.Dense(3, name=f"step_{number:03}") for number in range(12))])


def _model_in_model() -> Any:
    """A layer in a model, and in a model inside it."""
    shared = layers.Dense(4, name="shared")
    inner_entry, entry = keras.Input((4,)), keras.Input((4,))
    return keras.Model(entry, shared(keras.Model(inner_entry, shared(inner_entry), name="inner")(entry)))


def _series() -> Any:
    entry = keras.Input((8, 6))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(entry)
    normalized = layers.SpectralNormalization(layers.Conv1D(4, 2))
    return keras.Model(entry, layers.Dense(2)(normalized(x)))


def _lora() -> Any:
    return keras.Sequential([keras.Input((6,)), layers.Dense(5, name="adapted", lora_rank=2), layers.Dense(3)])


def _models() -> Iterator[tuple[str, Any, str]]:
    """Yield the name, the model and the file's name of each example."""
    generation = f"keras-{keras.__version__[0]}"
    whole, alone = ("m.keras", "m.h5"), ("m.weights.h5", *(() if IS_KERAS_3 else ("m.h5 weights",)))
    for file in (*whole, *alone):
        yield f"{generation} classifier", _classifier(), file
        if IS_KERAS_3 or file in alone:  # tf.keras does not load its SpectralNormalization
            yield f"{generation} series", _series(), file
    for file in alone:
        yield f"{generation} shared", _model_in_model(), file
    yield f"{generation} layers", _many_layers(), "m.h5 latest"
    yield f"{generation} layers", _many_layers(), "m.h5 ordered"
    if IS_KERAS_3:
        yield f"{generation} classifier", _classifier(optimizer=""), "m.weights.json"
        yield f"{generation} lora", _lora(), "m.keras"
        yield f"{generation} lora", _lora(), "m.weights.h5"
        yield f"{generation} bfloat16", _classifier(frozen=False, optimizer="", dtype="bfloat16"), "m.keras"


def _write(model: Any, file: str, folder: Path) -> Path:
    name, _, form = file.partition(" ")
    path = folder / name
    if name.endswith(".json"):
        model.save_weights(str(path), max_shard_size=MAX_SHARD_BYTES / 2**30)
        return path
    (model.save_weights if form == "weights" or "weights" in name else model.save)(str(path))
    if form in ("latest", "ordered"):
        options = {"libver": "latest"} if form == "latest" else {"track_order": True}
        with h5py.File(path) as old, h5py.File(folder / f"{form}.h5", "w", **options) as new:
            _copy(old, new, track_order=form == "ordered")
            for number in range(12):
                new.attrs[f"note_{number}"] = np.bytes_(b"x" * 1000 * (number % 6))
        path = folder / f"{form}.h5"
    return path


def _copy(old: Any, new: Any, *, track_order: bool) -> None:
    for name, value in old.attrs.items():
        new.attrs[name] = value
    for name, member in old.items():
        if isinstance(member, h5py.Group):
            _copy(member, new.create_group(name, track_order=track_order), track_order=track_order)
        else:
            options = {} if track_order else {"chunks": True, "compression": "gzip", "shuffle": True}
            new.create_dataset(name, data=member[()], **options)


def _count(model: Any, path: Path, file: str) -> dict[str, Any]:
    if "weights" in file:
        return {"total": sum(int(np.prod(weight.shape)) for weight in model.weights)}
    loaded = keras.models.load_model(str(path), compile=False)
    return {
        "total": loaded.count_params(),
        "trainable": sum(int(np.prod(weight.shape)) for weight in loaded.trainable_weights),
        "layers": {layer.name: layer.count_params() for layer in loaded.layers},
    }


def _pack(path: Path) -> str:
    return base64.b64encode(zlib.compress(path.read_bytes(), 9)).decode()


def main() -> None:
    examples = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    for name, model, file in _models():
        with tempfile.TemporaryDirectory() as folder:
            path = _write(model, file, Path(folder))
            example = examples[f"{name} {file}"] = _count(model, path, file)
            if path.suffix == ".json":
                example["index"] = json.loads(path.read_text())
                example["shards"] = {shard.name: _pack(shard) for shard in sorted(Path(folder).glob("*.h5"))}
            else:
                example["zlib"] = _pack(path)
    TARGET.write_text(json.dumps(dict(sorted(examples.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Compares our count of files that Keras writes with the model that Keras loads from them.

    python -m tools.oracle.keras_files --count 40 --seed 1

Random models of keras_models, with Keras 3, or models of keras_2, with tf.keras 2.15, are saved as .keras, .h5 and
.weights.h5, and by tf.keras as older files of weights; h5py writes each file again in another form of HDF5.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import h5py
import keras
import numpy as np

import paramcount
from paramcount.model.errors import Problems
from paramcount.schema.registry import load_plugins

IS_KERAS_3 = keras.__version__.startswith("3")
OPTIMIZERS = ("sgd", "adam", "rmsprop", "nadam", None, None)

FORMS: tuple[dict[str, Any], ...] = (
    {},
    {"chunks": True},
    {"compression": "gzip", "shuffle": True},
    {"compression": "lzf", "fletcher32": True},
    {"chunks": True, "maxshape": True},
)
"""Arguments of create_dataset; `maxshape=True` leaves all axes open."""

LIBRARY_VERSIONS = ("earliest", "latest", ("v108", "v110"), "v112")


def rewrite(source: Path, target: Path, choose: random.Random) -> str:
    """Write an HDF5 file again in a form by chance; returns the form."""
    form, version = choose.choice(FORMS), choose.choice(LIBRARY_VERSIONS)
    order, attributes = choose.random() < 0.5, choose.random() < 0.3
    with h5py.File(source) as old, h5py.File(target, "w", libver=version, track_order=order) as new:
        _copy(old, new, form, track_order=order, many_attributes=attributes)
    return f"{form} {version} track_order={order} many_attributes={attributes}"


def _copy(old: Any, new: Any, form: dict[str, Any], *, track_order: bool, many_attributes: bool) -> None:
    for name, value in old.attrs.items():
        new.attrs[name] = value
    for number in range(40 if many_attributes else 0):
        new.attrs[f"more {number}"] = "x" * number * 40
    for name, member in old.items():
        if isinstance(member, h5py.Group):
            group = new.create_group(name, track_order=track_order)
            _copy(member, group, form, track_order=track_order, many_attributes=many_attributes)
            continue
        options = dict(form) if member.size and member.shape else {}
        if options.pop("maxshape", None):
            options["maxshape"] = (None,) * len(member.shape)
        dataset = new.create_dataset(name, data=member[()], dtype=member.dtype, **options)
        for attribute, value in member.attrs.items():
            dataset.attrs[attribute] = value


def write_files(model: Any, folder: Path, choose: random.Random) -> Iterator[tuple[Path, str]]:
    """Yield the files of a model, and how each was written."""
    for name in ("m.keras", "m.h5", "m.weights.h5", *(() if IS_KERAS_3 else ("weights.h5",))):
        path, again = folder / name, folder / f"again.{name}"
        (model.save_weights if "weights" in name else model.save)(str(path))
        yield path, name
        if name != "m.keras":
            yield again, f"{name} {rewrite(path, again, choose)}"
        else:
            yield again, f"{name} {_rewrite_archive(path, again, choose)}"


def _rewrite_archive(source: Path, target: Path, choose: random.Random) -> str:
    """Write a .keras file again, its weights in another form; returns the form."""
    method = choose.choice((ZIP_STORED, ZIP_STORED, ZIP_DEFLATED))
    with ZipFile(source) as old, ZipFile(target, "w", method) as new:
        members = old.namelist()
        choose.shuffle(members)
        for member in members:
            content = old.read(member)
            if member.endswith(".h5"):
                plain, other = target.with_suffix(".plain"), target.with_suffix(".other")
                plain.write_bytes(content)
                form = rewrite(plain, other, choose)
                content = other.read_bytes()
            new.writestr(member, content)
    return f"{form} method={method}"


def difference(path: Path, model: Any) -> str:
    """Return where our count of a file and Keras' own differ; raises what Keras raises."""
    if "weights" in path.name:
        _load_weights(model, path)
        weights = {id(weight): weight for weight in model.weights if "lora_" not in weight.name}
        expected = {"total": sum(int(np.prod(weight.shape)) for weight in weights.values())}
    else:
        model = keras.models.load_model(str(path))
        expected = {
            "total": model.count_params(),
            "trainable": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        }
    try:
        report = paramcount.count(str(path))
    except Problems as problems:
        return "refused: " + "; ".join(problem.detail for problem in problems.problems[:3])
    counts: Any = report.totals
    wrong = [f"{name}: {expected[name]}, not {counts[name]}" for name in expected if expected[name] != counts[name]]
    inexact = [warning.detail for warning in report.warnings if not warning.exact and warning.code != "lora_not_stored"]
    return "; ".join([*wrong, *inexact])


def _load_weights(model: Any, path: Path) -> None:
    copy = path.with_name("copy.weights.h5" if "m.weights" in path.name else "copy.h5")
    copy.write_bytes(path.read_bytes())
    model.load_weights(str(copy))


def makers(first: int, count: int) -> Iterator[tuple[int, Callable[[], Any]]]:
    """Yield numbers, and what makes a model of each."""
    if IS_KERAS_3:
        from tools.oracle.keras_models import Maker  # noqa: PLC0415 # needs Keras 3

        for seed in range(first, first + count):
            yield seed, Maker(seed).model
    else:
        from tools.oracle.keras_2 import samples  # noqa: PLC0415 # needs tf.keras

        chosen = random.Random(first).sample(list(samples()), count)
        for number, sample in enumerate(chosen, first):
            yield number, sample.make


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=40)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    load_plugins()
    results: Counter[str] = Counter()
    for seed, make in makers(chosen.seed, chosen.count):
        keras.backend.clear_session()
        choose = random.Random(seed)
        try:
            model = make()
        except Exception:  # noqa: BLE001  not every model is possible
            results["impossible"] += 1
            continue
        if optimizer := choose.choice(OPTIMIZERS):
            model.compile(optimizer)
            if model.trainable_weights and choose.random() < 0.7:
                model.optimizer.build(model.trainable_variables)
        with tempfile.TemporaryDirectory() as folder:
            for path, form in write_files(model, Path(folder), choose):
                try:
                    wrong = difference(path, model)
                except Exception:  # noqa: BLE001  whatever it raises, it does not load the file
                    results["not loaded by Keras"] += 1
                    continue
                results["differ" if wrong else "agree"] += 1
                if wrong:
                    print(f"seed {seed} {form}: {wrong}")
    print(", ".join(f"{count} {name}" for name, count in sorted(results.items())))
    return 1 if results["differ"] else 0


if __name__ == "__main__":
    sys.exit(main())

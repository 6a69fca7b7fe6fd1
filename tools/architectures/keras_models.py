"""keras.applications: the builds of each model that tell what its arguments size. No weights are loaded."""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
os.environ["KERAS_TORCH_DEVICE"] = "meta"

from paramcount.formats.architectures.keras_applications import WEIGHTLESS, build_application, write_width
from paramcount.model.layers import Layer
from tools.architectures.building import Builds, Built, build_observed
from tools.architectures.fitting import LARGE, LARGER, Fit, Inexact
from tools.architectures.trees import Definitions, Dimension

import keras  # isort: skip # after its backend is chosen
from keras.src.applications import imagenet_utils, nasnet

LIBRARY, VERSION = "keras", str(keras.__version__)

_ALPHAS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.25, 1.3, 1.4, 1.5, 2.0)
_WIDTHS: Mapping[str, tuple[Any, ...]] = {
    "alpha": _ALPHAS,
    "depth_multiplier": (1, 2, 3),
    "minimalistic": (False, True),
}
"""The arguments that make another model, and the values that are built."""

_SIDES = (96, 160)
"""The sides of an image that tell what its size changes: floors of eighths, of halves, all differ."""


def names() -> list[str]:
    return [name for name in dir(keras.applications) if name[0].isupper()]


def family(name: str) -> str:
    """The module that defines a model: resnet."""
    module: str = getattr(keras.applications, name).__module__
    return module.rpartition(".")[2]


def create(name: str, **arguments: Any) -> Any:
    """A model without weights, whose layers are named as those of the first model of a process."""
    keras.backend.clear_session()
    return getattr(keras.applications, name)(**{"weights": None, **arguments})


def observe(model: Any) -> Built:
    """The weights and the classes of a model's layers."""
    tensors: dict[str, tuple[tuple[int, ...], str, str]] = {}
    classes = {"": type(model).__name__}
    for path, layer in _iterate_layers(model, ""):
        classes[path] = type(layer).__name__
        for weight in () if hasattr(layer, "layers") else layer.weights:
            name = f"{path}.{weight.name}"
            assert name not in tensors, name
            tensors[name] = (tuple(weight.shape), "p" if weight.trainable else f"b:{weight.dtype}", "")
    assert sum(_size(shape) for shape, _, _ in tensors.values()) == model.count_params()
    return tensors, classes


def _iterate_layers(model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        yield prefix + layer.name, layer
        if hasattr(layer, "layers"):
            yield from _iterate_layers(layer, f"{prefix}{layer.name}.")


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _widths(name: str) -> list[dict[str, Any]]:
    """The combinations of arguments that make another model, the default one first."""
    known = inspect.signature(getattr(keras.applications, name)).parameters
    widths: list[dict[str, Any]] = [{}]
    for argument, values in _WIDTHS.items():
        if argument in known:
            others = [value for value in values if value != known[argument].default]
            widths += [{**width, argument: value} for width in widths for value in others]
    return widths


def learn(name: str, known: Builds) -> Builds:
    builds: Builds = dict(known)
    for width in _widths(name):
        key, create_one = write_width(width), partial(_build, name, width)
        if f"{key}|A" in known:
            continue
        builds[f"{key}|A"] = create_one(LARGE)
        builds[f"{key}|B"] = create_one(LARGER)
        builds[f"{key}|headless"] = create_one(LARGE, include_top=False)
        if family(name).startswith("vgg"):
            builds[f"{key}|resized"] = create_one(LARGE, sides=_SIDES)
    return builds


def _build(
    name: str, width: Mapping[str, Any], sizes: Mapping[str, int], sides: tuple[int, int] | None = None, **more: Any
) -> Built | str:
    sides = sides or (_read_sizes(name)["default_size"],) * 2
    shape = (*sides, sizes["in_chans"])
    return build_observed(observe, create, name, input_shape=shape, classes=sizes["num_classes"], **width, **more)


def _read_sizes(name: str) -> dict[str, int]:
    """The default side of a model's images, and the least: what it checks its input_shape with."""
    sizes = {"default_size": 224, "min_size": 32, "any_size": 1}  # of those that check by themselves (mobilenet_v3)
    checked = imagenet_utils.obtain_input_shape

    def note(shape: Any, default_size: int, min_size: int, **named: Any) -> Any:
        sizes.update(default_size=default_size, min_size=min_size, any_size=0)
        return checked(shape, default_size=default_size, min_size=min_size, **named)

    imagenet_utils.obtain_input_shape = note
    try:
        create(name)
    finally:
        imagenet_utils.obtain_input_shape = checked
    return sizes


class _Fit(Fit):
    """The builds of one model of a width."""

    def fit_shapes(self) -> dict[str, tuple[Dimension, ...]]:
        shapes = dict(super().fit_shapes())
        if "resized" in self.builds:
            for name, (shape, _, _) in self._built("resized")[0].items():
                before = self.first[0][name][0]
                shapes[name] = tuple(map(_fit_sides, shapes[name], before, shape))
        return shapes


def _fit_sides(fitted: Dimension, length: int, resized: int) -> Dimension:
    """The length as an expression of the sides of an image, which is halved five times. Raises Inexact."""
    if length == resized:
        return fitted
    times, rest = divmod(length, 7 * 7)
    if rest or times * (_SIDES[0] // 32) * (_SIDES[1] // 32) != resized:
        raise Inexact(f"a length of {length} becomes {resized}")
    return f"{times}*(rows//32)*(cols//32)"


def write(name: str, builds: Builds, definitions: Definitions) -> list[str]:
    """The lines of a model, one and its changes for each width. Raises Inexact."""
    lines = []
    for width in _widths(name):
        key = write_width(width)
        of_width = {one.rpartition("|")[2]: built for one, built in builds.items() if one.startswith(f"{key}|")}
        fit = _Fit(of_width, definitions)
        lines.append(" ".join([name + key, fit.root.kind, *fit.tokens]))
        changes = fit.changes("headless")
        assert changes is not None, name
        lines.append(" ".join([" include_top=False", *changes]))
    return lines


def read_key(_: str) -> dict[str, Any] | None:
    """None: a check builds all models in minutes."""
    return None


def defaults(name: str, _: Builds) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the default arguments of a model, and what its images are checked with."""
    known = inspect.signature(getattr(keras.applications, name)).parameters
    arguments = {one: known[one].default for one in ("include_top", *_WIDTHS) if one in known}
    weightless = ",".join(one for one in WEIGHTLESS if one in known)
    yield "", arguments | {"weightless": weightless} | _read_sizes(name)


def count(name: str, arguments: Mapping[str, Any]) -> Layer:
    return build_application(name, arguments).root


def draw(name: str, chance: random.Random) -> dict[str, Any]:
    """Random arguments, of which Keras refuses some."""
    arguments = {one: value for one, value in chance.choice(_widths(name)).items() if chance.random() < 0.8}
    if chance.random() < 0.7:
        arguments["classes"] = chance.choice([1, 2, 10, 37, 100, 21843])
    if chance.random() < 0.5:
        arguments["include_top"] = chance.random() < 0.4
    if chance.random() < 0.6:
        sides: list[int | None] = [chance.choice([chance.randint(20, 400), 224, 299, 331]) for _ in range(2)]
        if chance.random() < 0.3:
            sides = [None, None]
        arguments["input_shape"] = [*sides, chance.choice([1, 2, 3, 3, 4, 13])]
    if chance.random() < 0.4:
        arguments["pooling"] = chance.choice([None, "avg", "max"])
    return arguments


class _OtherBackend:
    """keras.src.backend, that says it is another."""

    def __getattr__(self, name: str) -> Any:
        return (lambda: "tensorflow") if name == "backend" else getattr(keras.src.backend, name)


def prepare() -> None:
    """Let NASNets be built, which Keras refuses with this backend: it does not train them."""
    nasnet.backend = _OtherBackend()

"""torchvision: the builds of each model that tell what its number of classes changes. No weights are loaded."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.formats.architectures.tables import load_index
from paramcount.model.layers import Layer
from tools.architectures.building import Builds, build, skip_initialisation, torch
from tools.architectures.counting import count_architecture
from tools.architectures.fitting import LARGE, LARGER, Fit, write_architecture
from tools.architectures.trees import Definitions

import torchvision  # isort: skip # after what makes its operators
from torchvision import models

LIBRARY, VERSION = "torchvision", str(torchvision.__version__).partition("+")[0]


def names() -> list[str]:
    return list(models.list_models())


def family(name: str) -> str:
    """The module that defines a model: resnet, segmentation_fcn."""
    module: str = models.get_model_builder(name).__module__
    return module.removeprefix("torchvision.models.").replace(".", "_")


def create(name: str, **arguments: Any) -> Any:
    """A model without weights, its backbone's included."""
    builder = models.get_model_builder(name)
    known = inspect.signature(builder).parameters
    backbone = {"weights_backbone": None} if "weights_backbone" in known else {}
    with torch.device("cpu" if family(name) == "regnet" else "meta"):  # a regnet computes its widths with tensors
        return builder(weights=None, **backbone, **arguments)


def learn(name: str, known: Builds) -> Builds:
    if known:
        return known
    default = build(create, name)
    large, larger = (build(create, name, num_classes=one["num_classes"]) for one in (LARGE, LARGER))
    if isinstance(large, str) or isinstance(larger, str):
        large = larger = default
    return {"C": default, "A": large, "B": larger}


def read_key(key: str) -> dict[str, Any] | None:
    """The arguments that a build was made with; None where that is not told by its key."""
    return {} if key == "C" else None


def write(name: str, builds: Builds, definitions: Definitions) -> list[str]:
    return write_architecture(name, Fit(builds, definitions), ())


def defaults(_: str, builds: Builds) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the default number of classes, where there is one: the length that is LARGE's with LARGE."""
    default, large = builds["C"], builds["A"]
    assert not isinstance(default, str)
    assert not isinstance(large, str)
    for name, (shape, _kind, _tied) in default[0].items():
        for length, other in zip(shape, large[0][name][0], strict=True):
            times, rest = divmod(other, LARGE["num_classes"])
            if other != length and not rest and not length % times:
                yield "", {"num_classes": length // times}
                return
    yield "", {}


def count(name: str, arguments: Mapping[str, Any]) -> Layer:
    return count_architecture(LIBRARY, name, arguments)


def draw(name: str, chance: random.Random) -> dict[str, Any]:
    """Random arguments."""
    has_classes = "num_classes" in load_index(LIBRARY).entry(name).defaults
    return {"num_classes": chance.choice([1, 2, 10, 37, 100])} if has_classes else {}


def prepare() -> None:
    skip_initialisation("torchvision")

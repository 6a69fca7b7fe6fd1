"""Models on the meta device: built without initialising weights, and what they hold."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools import operators  # noqa: F401 # before whatever imports torchvision

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from torch import nn  # noqa: E402

logging.disable(logging.CRITICAL)

Built = tuple[dict[str, tuple[tuple[int, ...], str, str]], dict[str, str]]
"""The tensors of a model by name (shape, kind, name that it is tied to), and the classes of its modules by path.

A kind is p (a parameter), f (a frozen one), b: or n: with the dtype of a buffer, saved or not."""

Builds = dict[str, Built | str]
"""The models that were built with some arguments, or the reasons why not."""


def _leave(tensor: Any = None, *_: Any, **named: Any) -> Any:
    return named.get("tensor", tensor)


def skip_initialisation(library: str) -> None:
    """Let no weight be initialised: that takes most of the time, and changes no shape."""
    for module in [nn.init, *_modules(library)]:
        for name in dir(module):
            if name.endswith("_") and not name.startswith("_") and callable(getattr(module, name)):
                setattr(module, name, _leave)
        if "named_apply" in vars(module):
            vars(module)["named_apply"] = lambda _, module, *__, **___: module
    nn.Module.apply = lambda self, _: self
    for cls in (nn.Linear, nn.LayerNorm, nn.Embedding, nn.Bilinear, nn.modules.conv._ConvNd):  # noqa: SLF001
        cls.reset_parameters = _leave


def _modules(library: str) -> Iterator[Any]:
    for name, module in list(sys.modules.items()):
        if name.startswith((f"{library}.layers.weight_init", f"{library}.models.")):
            yield module


def build(create: Callable[..., Any], *args: Any, **named: Any) -> Built | str:
    """Return the model that a library builds, or the reason why it does not."""
    return build_observed(observe_modules, create, *args, **named)


def build_observed(
    observe: Callable[[Any], Built], create: Callable[..., Any], *args: Any, **named: Any
) -> Built | str:
    """The same for a library whose models are no modules of torch: `observe` says what they hold."""
    try:
        with torch.device("meta"):
            return observe(create(*args, **named))
    except Exception as error:  # noqa: BLE001 - whatever a constructor raises
        return f"{type(error).__name__}: {error}"[:300]


def observe_modules(model: Any) -> Built:
    """The tensors and classes of a model."""
    tensors: dict[str, tuple[tuple[int, ...], str, str]] = {}
    owners: dict[int, str] = {}
    classes: dict[str, str] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        classes[path] = type(module).__name__
        prefix = f"{path}." if path else ""
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):  # noqa: SLF001
            if tensor is None:
                continue
            owner = owners.setdefault(id(tensor), prefix + name)
            kind = _kind(module, name, tensor)
            tensors[prefix + name] = (tuple(tensor.shape), kind, "" if owner == prefix + name else owner)
    return tensors, classes


def _kind(module: Any, name: str, tensor: Any) -> str:
    if name in module._parameters:  # noqa: SLF001
        return "p" if tensor.requires_grad else "f"
    unsaved = name in module._non_persistent_buffers_set  # noqa: SLF001
    return ("n:" if unsaved else "b:") + str(tensor.dtype).removeprefix("torch.")


class BuildCache:
    """The builds of each architecture between runs, a file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, learn: Callable[[str, Builds], Builds]) -> Builds:
        """The builds of an architecture, of which `learn` makes those that are not there."""
        known = self.read(name) if name in self else {}
        builds = learn(name, known)
        if builds.keys() != known.keys():
            file = self.folder / f"{name}.z"
            partial = file.with_suffix(".partial")
            partial.write_bytes(zlib.compress(pickle.dumps(builds), 1))
            partial.rename(file)
        return builds

    def read(self, name: str) -> Builds:
        """The builds of an architecture that is there."""
        builds: Builds = pickle.loads(zlib.decompress((self.folder / f"{name}.z").read_bytes()))
        return builds

    def __contains__(self, name: str) -> bool:
        return (self.folder / f"{name}.z").exists()


__all__ = [
    "BuildCache",
    "Builds",
    "Built",
    "build",
    "build_observed",
    "observe_modules",
    "skip_initialisation",
    "torch",
]

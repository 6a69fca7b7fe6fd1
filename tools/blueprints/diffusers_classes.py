"""diffusers as the compiler sees it: each model takes a config that has the arguments of its __init__."""

from __future__ import annotations

import inspect
from copy import copy
from dataclasses import field
from functools import cache, partial
from typing import Any

import diffusers
import huggingface_hub.dataclasses
from diffusers import ModelMixin
from transformers.configuration_utils import PreTrainedConfig

from paramcount.formats.diffusers.components import BUILDERS

VERSION = str(diffusers.__version__)
_NO_DEFAULT = inspect.Parameter.empty


def _accept(*_: Any) -> None:
    """diffusers checks no types, and its annotations are not always true."""


huggingface_hub.dataclasses.type_validator = _accept


@cache
def _classes() -> dict[str, Any]:
    """Every component that diffusers exports, by name: the classes that build themselves of a config."""
    exported = {name: getattr(diffusers, name) for name in dir(diffusers) if not name.startswith("_")}
    return {
        name: cls for name, cls in exported.items()
        if isinstance(cls, type) and issubclass(cls, ModelMixin) and cls.__name__ == name and "__init__" in vars(cls)
    }  # fmt: skip


def pairs() -> list[tuple[str, str]]:
    """Every (model type, class) that is not built by hand: a class of diffusers has a config of its own."""
    return [(name, name) for name in _classes() if name not in BUILDERS]


def base_classes() -> dict[str, str]:
    return {}


def unreachable_classes() -> dict[str, str]:
    return {}


@cache
def config_class(model_type: str) -> Any:
    """A config with the arguments of a model's __init__, their annotations and defaults. Raises KeyError."""
    cls = _classes()[model_type]
    annotations: dict[str, str] = {}
    namespace: dict[str, Any] = {"model_type": model_type, "__module__": cls.__module__, "__annotations__": annotations}
    for name, default in _arguments(cls):
        annotation = inspect.signature(cls.__init__).parameters[name].annotation
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        text = str(annotation) if "[" in str(annotation) or "|" in str(annotation) else text
        annotations[name] = f"{text} | None" if default is None and "None" not in text else text
        mutable = type(default) in (list, dict)
        namespace[name] = field(default_factory=partial(copy, default)) if mutable else default
    return type(f"{model_type}Config", (PreTrainedConfig,), namespace)


def model_class(model_type: str, name: str) -> Any:
    """A model's class, that takes its arguments from a config. Raises KeyError."""
    assert model_type == name
    cls = _classes()[name]
    names = [argument for argument, _ in _arguments(cls)]

    def build(config: Any) -> Any:
        return cls(**{argument: getattr(config, argument) for argument in names})

    build.__module__ = cls.__module__
    return build


def _arguments(cls: Any) -> list[tuple[str, Any]]:
    """The arguments of a model's __init__ that a config holds, with their defaults."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [
        (one.name, None if one.default is _NO_DEFAULT else one.default)
        for one in parameters
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL) and one.name not in cls.ignore_for_config
    ]

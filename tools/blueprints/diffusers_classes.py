"""diffusers as the compiler sees it: each model takes a config that has the arguments of its __init__."""

from __future__ import annotations

import ast
import inspect
from copy import copy
from dataclasses import field
from functools import cache, partial
from typing import Any

import diffusers
import huggingface_hub.dataclasses
from diffusers import ConfigMixin, ModelMixin
from transformers.configuration_utils import PreTrainedConfig

from paramcount.formats.diffusers.components import BUILDERS

VERSION = str(diffusers.__version__)
_LIST = "controlnets"  # an argument that is a list of models
_NO_DEFAULT = inspect.Parameter.empty


def _accept(*_: Any) -> None:
    """diffusers checks no types, and its annotations are not always true."""


huggingface_hub.dataclasses.type_validator = _accept


@cache
def _classes() -> dict[str, Any]:
    """Every component that diffusers exports and that builds itself of a config, by name."""
    described = {name: cls for name, cls in _models().items() if issubclass(cls, ConfigMixin)}
    return {name: cls for name, cls in described.items() if _LIST not in inspect.signature(cls.__init__).parameters}


@cache
def _models() -> dict[str, Any]:
    """Every model that diffusers exports under its own name."""
    exported = {name: getattr(diffusers, name) for name in dir(diffusers) if not name.startswith("_")}
    return {
        name: cls for name, cls in exported.items()
        if isinstance(cls, type) and issubclass(cls, ModelMixin) and cls is not ModelMixin
        and cls.__name__ == name and "__init__" in vars(cls)
    }  # fmt: skip


def pairs() -> list[tuple[str, str]]:
    """Every (model type, class) that is not built by hand: a class of diffusers has a config of its own."""
    return [(name, name) for name in _classes() if name not in BUILDERS]


def base_classes() -> dict[str, str]:
    return {}


def unreachable_classes() -> dict[str, str]:
    """The models that no config describes, and why."""
    return dict.fromkeys(_models().keys() - _classes().keys(), "is made of other models, and has no config")


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
    used = _list_used(cls)
    names = [argument for argument, _ in _arguments(cls) if argument in used]

    def build(config: Any) -> Any:
        return cls(**{argument: getattr(config, argument) for argument in names})

    build.__module__ = cls.__module__
    return build


def _list_used(cls: Any) -> set[str]:
    """The names in a class's own code: what it never names changes nothing, and need not be verified."""
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls)))
    methods = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name != "forward"]
    nodes = [node for method in methods for statement in method.body for node in ast.walk(statement)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    required = {name for name, one in inspect.signature(cls.__init__).parameters.items() if one.default is _NO_DEFAULT}
    return names | required | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _arguments(cls: Any) -> list[tuple[str, Any]]:
    """The arguments of a model's __init__ that a config holds, with their defaults."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [
        (one.name, None if one.default is _NO_DEFAULT else one.default)
        for one in parameters
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL) and one.name not in cls.ignore_for_config
    ]

"""Registration of layer types that share a formula and differ in name, summary and ignored arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from paramcount import layer

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGES = {"keras": "keras.layers", "torch": "torch.nn"}


def layer_variant(
    name: str, summary: str, ignores: str = "", version: str = "", *, weightless: bool = False
) -> Callable[[Function], Function]:
    """Register the formula below as the layer type `name`; its docstring is `summary` and the class it is taken from,
    with the `version` of the framework that has it ("of Keras 2.15").

    Define the formula anew for each type, in a function or a loop: a docstring belongs to one function object.
    """
    framework, _, class_name = name.partition(".")

    def register(formula: Function) -> Function:
        formula.__doc__ = f"{summary} Source: {' '.join([f'{_PACKAGES[framework]}.{class_name}', version]).strip()}."
        return layer(name, ignores, weightless=weightless)(formula)

    return register

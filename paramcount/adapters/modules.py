"""The modules of a model as PEFT sees them: what kind each is, and which features flow in and out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import prod

from paramcount.model.layers import Layer

LINEAR = "Linear Conv1D"
"""transformers' Conv1D is a Linear with a transposed weight, as GPT-2 has it."""

_CONVOLUTIONS = {3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}
_INDEX = re.compile(r"(?<![^.])\d[\d,-]*(?![^.])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Module:
    """A module that a method adapts."""

    path: str
    kind: str  # Linear, Conv1D, Embedding, Conv1d, Conv2d, Conv3d, MultiheadAttention; other: none of these
    weight: tuple[int, ...] = ()
    bias: bool = False
    groups: int = 1  # of a convolution; 0: not known
    dilated: bool = False
    certain: bool = True  # whether its kind is known, and not guessed from shapes

    @property
    def in_features(self) -> int:
        """As PEFT's _get_in_out_features has them; of an embedding, how many there are."""
        if self.kind in ("Conv1D", "Embedding"):
            return self.weight[0]
        return self.weight[1] * (self.groups if self.kind in _CONVOLUTIONS.values() else 1)

    @property
    def out_features(self) -> int:
        return self.weight[1] if self.kind in ("Conv1D", "Embedding") else self.weight[0]

    @property
    def kernel(self) -> tuple[int, ...]:
        """The lengths of a convolution's kernel; () of any other module."""
        return self.weight[2:]

    @property
    def size(self) -> int:
        """How many elements its weight has."""
        return prod(self.weight)

    def alternatives(self) -> tuple[Module, ...]:
        """What else a module of these shapes may be."""
        if self.certain:
            return ()
        if self.kind == "Linear":
            return (replace(self, kind="Embedding"),)
        return (replace(self, groups=self.weight[0]),) if self.kind in _CONVOLUTIONS.values() else ()


def guessed(layer: Layer) -> str:
    """The kind of a module by the names and the shapes of what it owns; "other" where it is none that PEFT adapts."""
    shapes = {tensor.name: tensor.shape for tensor in layer.tensors if tensor.role == "weight"}
    if "in_proj_weight" in shapes and [child.name for child in layer.children] == ["out_proj"]:
        return "MultiheadAttention"
    if layer.children or not shapes:
        return "ModuleList" if not shapes and layer.children and all(map(_is_block, layer.children)) else "other"
    if not shapes.keys() <= {"weight", "bias"} or "weight" not in shapes:
        return "other"
    weight, bias = shapes["weight"], shapes.get("bias")
    if len(weight) == 2 and (bias is None or bias == weight[:1]):  # a matrix
        return "Linear"
    return _CONVOLUTIONS.get(len(weight), "other")


def transposed(layer: Layer) -> bool:
    """Whether a matrix and its bias tell a Conv1D: the bias is as long as its columns."""
    shapes = {tensor.name: tensor.shape for tensor in layer.tensors if tensor.role == "weight"}
    weight, bias = shapes.get("weight", ()), shapes.get("bias")
    return shapes.keys() == {"weight", "bias"} and len(weight) == 2 and bias == weight[1:] != weight[:1]


def _is_block(layer: Layer) -> bool:
    return _INDEX.fullmatch(layer.name) is not None


def template(path: str) -> str:
    """A path with every index as #: what is known of a class holds for all of its blocks."""
    return _INDEX.sub("#", path)

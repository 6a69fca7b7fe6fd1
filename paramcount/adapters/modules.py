"""The modules of a model as PEFT sees them: the kind of each, and how many features flow in and out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import prod

from paramcount.model import block_ranges
from paramcount.model.layers import Layer

LINEAR = "Linear Conv1D"
"""transformers' Conv1D is a Linear with a transposed weight, as GPT-2 has it."""

_CONVOLUTIONS = {3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}
"""By the number of axes of their weight."""

_BLOCKS = re.compile(rf"(?<![^.])(?:{block_ranges.PATTERN})(?![^.])")
"""A component of a path that names blocks."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module that a method adapts."""

    path: str
    kind: str  # Linear, Conv1D, Embedding, Conv1d, Conv2d, Conv3d, MultiheadAttention; ModuleList; other: none of these
    weight: tuple[int, ...] = ()  # the shape of its weight; () where it has none
    bias: bool = False
    groups: int = 1  # of a convolution; 0: not known
    dilated: bool = False
    certain: bool = True  # False: its kind is guessed from shapes

    @property
    def in_features(self) -> int:
        """The number of inputs, as PEFT's _get_in_out_features has it; of an embedding, the number of its rows."""
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
        """The number of elements of its weight."""
        return prod(self.weight)

    def alternatives(self) -> tuple[Module, ...]:
        """Return the other modules that have these shapes, where the kind is guessed."""
        if self.certain:
            return ()
        if self.kind == "Linear":
            return (replace(self, kind="Embedding"),)
        return (replace(self, groups=self.weight[0]),) if self.kind in _CONVOLUTIONS.values() else ()


def guess_kind(layer: Layer) -> str:
    """Return the kind of a module by the names and shapes of its tensors; "other" where PEFT adapts no such module."""
    shapes = {tensor.name: tensor.shape for tensor in layer.tensors if tensor.role == "weight"}
    if "in_proj_weight" in shapes and [child.name for child in layer.children] == ["out_proj"]:
        return "MultiheadAttention"
    if layer.children or not shapes:
        holds_blocks = layer.children and all(block_ranges.parse(child.name) for child in layer.children)
        return "ModuleList" if not shapes and holds_blocks else "other"
    if not shapes.keys() <= {"weight", "bias"} or "weight" not in shapes:
        return "other"
    weight, bias = shapes["weight"], shapes.get("bias")
    if len(weight) == 2 and (bias is None or bias == weight[:1]):  # a matrix
        return "Linear"
    return _CONVOLUTIONS.get(len(weight), "other")


def is_transposed(layer: Layer) -> bool:
    """Return whether a matrix must be a Conv1D's: its bias is as long as its columns."""
    shapes = {tensor.name: tensor.shape for tensor in layer.tensors if tensor.role == "weight"}
    weight, bias = shapes.get("weight", ()), shapes.get("bias")
    return shapes.keys() == {"weight", "bias"} and len(weight) == 2 and bias == weight[1:] != weight[:1]


def mask_indices(path: str) -> str:
    """Return a path with # for every index: "layers.0-3.mlp" -> "layers.#.mlp"."""
    return _BLOCKS.sub("#", path)

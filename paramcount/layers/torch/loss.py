"""Modules of torch.nn.modules.loss that own something; the others are in parameterless."""

from __future__ import annotations

from math import prod

from paramcount import Anything, Flag, Formula, Shape, Size, Tensor, inside, layer, require
from paramcount.layers.torch.linear import FACTORY, linear

_REDUCTION = "size_average reduce reduction"


def _given(name: str, values: Anything) -> Formula:
    """A tensor that is given to a loss, as nested lists of numbers, is a buffer."""
    if values is not None:
        yield Tensor(name, _shape(values, name), "buffer")


def _shape(values: Anything, name: str) -> tuple[int, ...]:
    """The shape of nested lists of numbers."""
    shape: list[int] = []
    level = [values]
    while level and isinstance(level[0], list):
        length = len(level[0])
        require(all(isinstance(v, list) and len(v) == length for v in level), "must have rows of equal length", name)
        shape.append(length)
        level = [item for row in level for item in row]
    require(all(isinstance(v, int | float) for v in level), "must be a number or nested lists of numbers", name)
    return tuple(shape)


@layer("torch.BCELoss", ignores=_REDUCTION)
@layer("torch.CrossEntropyLoss", ignores=f"ignore_index label_smoothing {_REDUCTION}")
@layer("torch.MultiLabelSoftMarginLoss", ignores=_REDUCTION)
@layer("torch.NLLLoss", ignores=f"ignore_index {_REDUCTION}")
@layer("torch.NLLLoss2d", ignores=f"ignore_index {_REDUCTION}")
def weighted_loss(weight: Anything = None) -> Formula:
    """The weight of each class, where given, is a buffer. Source: torch.nn.modules.loss._WeightedLoss."""
    yield from _given("weight", weight)


@layer("torch.MultiMarginLoss", ignores=f"p margin {_REDUCTION}")
def multi_margin_loss(weight: Anything = None) -> Formula:
    """The weight of each class, one axis. Source: torch.nn.MultiMarginLoss."""
    for tensor in _given("weight", weight):
        require(len(tensor.shape) == 1, "must have one axis", "weight")
        yield tensor


@layer("torch.BCEWithLogitsLoss", ignores=_REDUCTION)
def bce_with_logits_loss(weight: Anything = None, pos_weight: Anything = None) -> Formula:
    """Both weights, where given, are buffers. Source: torch.nn.BCEWithLogitsLoss."""
    yield from _given("weight", weight)
    yield from _given("pos_weight", pos_weight)


@layer("torch.LinearCrossEntropyLoss", ignores=f"reduction ignore_index label_smoothing options {FACTORY}")
def linear_cross_entropy_loss(
    in_features: Size,
    num_classes: Size,
    out_features: Shape | None = None,
    bias: Flag = False,
    weight: Anything = None,
) -> Formula:
    """A linear layer with as many outputs as classes times `out_features`. Source: torch.nn.LinearCrossEntropyLoss."""
    for tensor in _given("weight", weight):
        require(tensor.shape == (num_classes,), f"must be {num_classes} numbers", "weight")
        yield tensor
    yield from inside("linear", linear(in_features, prod(out_features or (), start=num_classes), bias))

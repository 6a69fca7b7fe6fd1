"""Modules of torch.nn.modules.loss with tensors; the others are in parameterless."""

from __future__ import annotations

from math import prod

from paramcount import Anything, Flag, Formula, Shape, Size, Tensor, inside, layer, require
from paramcount.layers.torch.common import FACTORY
from paramcount.layers.torch.linear import linear

_REDUCTION = "size_average reduce reduction"


def _constant(name: str, values: Anything) -> Formula:
    """A buffer for a constant of the config, a number or nested lists of numbers; nothing for null."""
    if values is not None:
        yield Tensor(name, _shape(values, name), "buffer")


def _shape(values: Anything, name: str) -> tuple[int, ...]:
    """The shape of nested lists of numbers; refuses rows of unequal length."""
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
    """A loss whose class weights, if any, are a buffer. Source: torch.nn.modules.loss._WeightedLoss."""
    yield from _constant("weight", weight)


@layer("torch.MultiMarginLoss", ignores=f"p margin {_REDUCTION}")
def multi_margin_loss(weight: Anything = None) -> Formula:
    """A margin loss whose class weights, if any, are a buffer of one axis. Source: torch.nn.MultiMarginLoss."""
    for tensor in _constant("weight", weight):
        require(len(tensor.shape) == 1, "must have one axis", "weight")
        yield tensor


@layer("torch.BCEWithLogitsLoss", ignores=_REDUCTION)
def bce_with_logits_loss(weight: Anything = None, pos_weight: Anything = None) -> Formula:
    """Binary cross entropy of logits; both weights, if any, are buffers. Source: torch.nn.BCEWithLogitsLoss."""
    yield from _constant("weight", weight)
    yield from _constant("pos_weight", pos_weight)


@layer("torch.LinearCrossEntropyLoss", ignores=f"reduction ignore_index label_smoothing options {FACTORY}")
def linear_cross_entropy_loss(
    in_features: Size,
    num_classes: Size,
    out_features: Shape | None = None,
    bias: Flag = False,
    weight: Anything = None,
) -> Formula:
    """A linear layer of num_classes · ∏ out_features outputs. Source: torch.nn.LinearCrossEntropyLoss."""
    for tensor in _constant("weight", weight):
        require(tensor.shape == (num_classes,), f"must be {num_classes} numbers", "weight")
        yield tensor
    yield from inside("linear", linear(in_features, prod(out_features or (), start=num_classes), bias))

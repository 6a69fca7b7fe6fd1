"""Modules of torch.nn.modules.adaptive."""

from __future__ import annotations

from itertools import pairwise

from paramcount import Flag, Formula, Number, Shape, Size, inside, layer, require
from paramcount.layers.torch.common import FACTORY
from paramcount.layers.torch.linear import linear


@layer("torch.AdaptiveLogSoftmaxWithLoss", ignores=FACTORY)
def adaptive_log_softmax(
    in_features: Size, n_classes: Size, cutoffs: Shape, div_value: Number = 4.0, head_bias: Flag = False
) -> Formula:
    """A head over the frequent classes and one logit a cluster; rarer clusters have narrower projections.

    Source: torch.nn.AdaptiveLogSoftmaxWithLoss.
    """
    require(bool(cutoffs), "must not be empty", "cutoffs")
    bounds = [0, *cutoffs, n_classes]
    require(all(a < b for a, b in pairwise(bounds)), f"must ascend between 1 and {n_classes - 1}", "cutoffs")
    require(div_value > 0, "must be greater than 0", "div_value")
    yield from inside("head", linear(in_features, cutoffs[0] + len(cutoffs), head_bias))
    for cluster, (start, end) in enumerate(pairwise(bounds[1:])):
        width = _narrow_width(in_features, div_value, cluster + 1)
        yield from inside(f"tail.{cluster}.0", linear(in_features, width, bias=False))
        yield from inside(f"tail.{cluster}.1", linear(width, end - start, bias=False))


def _narrow_width(in_features: int, div_value: float, power: int) -> int:
    """in_features // div_value ** power in Python's floats."""
    try:
        return int(in_features // div_value**power)
    except (OverflowError, ZeroDivisionError):
        require(False, "is too large or too small to the power of the clusters", "div_value")
        raise

"""The modules of ControlNets: an embedding of the picture that steers, and convolutions that begin as zeros."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from paramcount.formats.diffusers.blocks import modules
from paramcount.formats.parts import Tensors, convolution
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor


def hint_embedding(name: str, inputs: int, hints: Sequence[int], width: int) -> Tensors:
    """ControlNetConditioningEmbedding."""
    yield from convolution(f"{name}.conv_in", inputs, hints[0], (3, 3))
    for index, (before, after) in enumerate(pairwise(hints)):
        yield from convolution(f"{name}.blocks.{2 * index}", before, before, (3, 3))
        yield from convolution(f"{name}.blocks.{2 * index + 1}", before, after, (3, 3))
    yield from convolution(f"{name}.conv_out", hints[-1], width, (3, 3))


def zero_convolutions(widths: Sequence[int], layers: Sequence[int]) -> Layer:
    """A convolution for each picture that the way down keeps."""
    outputs = [widths[0]]
    for index, (width, count) in enumerate(zip(widths, layers, strict=True)):
        outputs += [width] * (count + (index < len(widths) - 1))
    return connections("controlnet_down_blocks", [(width, width) for width in outputs])


def connections(name: str, pairs: Sequence[tuple[int, int]]) -> Layer:
    """A list of convolutions of a point, each from one width to another."""
    return modules(name, "Conv2d", _pointwise, pairs)


def _pointwise(inputs: int, outputs: int) -> Tensors:
    yield Tensor("weight", (outputs, inputs, 1, 1))
    yield Tensor("bias", (outputs,))

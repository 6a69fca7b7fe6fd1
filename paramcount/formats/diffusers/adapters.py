"""T2IAdapter. Source: diffusers.models.adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 3, "channels": [320, 640, 1280, 1280], "num_res_blocks": 2, "downscale_factor": 8,
    "adapter_type": "full_adapter",
}  # fmt: skip

_KINDS = {"full_adapter": "FullAdapter", "full_adapter_xl": "FullAdapterXL", "light_adapter": "LightAdapter"}


def build_t2i_adapter(config: Mapping[str, Any]) -> Layer:
    """T2IAdapter: a convolution and blocks, or only blocks of a light one. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    kind = values.choice("adapter_type", *_KINDS)
    widths, layers = values.sizes("channels"), values.layers("num_res_blocks")
    inputs = values.size("in_channels") * values.size("downscale_factor") ** 2
    if kind == "light_adapter":
        body = stack("body", _light_blocks([inputs, *widths, widths[-1]], layers))
        return _wrap(Layer("adapter", _KINDS[kind], children=(body,)))
    before = [widths[0], *widths[:-1]]
    if kind == "full_adapter_xl":  # only its second and third blocks change the width
        before = [before[index] if index in (1, 2) else width for index, width in enumerate(widths)]
    body = stack("body", [_block(*pair, layers) for pair in zip(before, widths, strict=True)])
    return _wrap(assemble("adapter", _KINDS[kind], convolution("conv_in", inputs, widths[0], (3, 3)), [body]))


def _wrap(adapter: Layer) -> Layer:
    return Layer("T2IAdapter", "T2IAdapter", children=(adapter,))


def _block(inputs: int, outputs: int, layers: int) -> Layer:
    widening = convolution("in_conv", inputs, outputs, (1, 1)) if inputs != outputs else ()
    block = assemble("", "AdapterResnetBlock", _resnet(outputs, (1, 1)))
    return assemble("", "AdapterBlock", widening, repeat("resnets", layers, block))


def _light_blocks(widths: Sequence[int], layers: int) -> list[Layer]:
    blocks = []
    for inputs, outputs in pairwise(widths):
        if not (width := outputs // 4):
            raise InvalidDocument("must be at least 4 for a light adapter", "/channels")
        ends = (*convolution("in_conv", inputs, width, (1, 1)), *convolution("out_conv", width, outputs, (1, 1)))
        block = assemble("", "LightAdapterResnetBlock", _resnet(width, (3, 3)))
        blocks.append(assemble("", "LightAdapterBlock", ends, repeat("resnets", layers, block)))
    return blocks


def _resnet(width: int, kernel: tuple[int, int]) -> Tensors:
    yield from convolution("block1", width, width, (3, 3))
    yield from convolution("block2", width, width, kernel)


BUILDERS: Builders = {
    "T2IAdapter": build_t2i_adapter,
}

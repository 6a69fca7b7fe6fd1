"""AutoencoderKL. Source: diffusers.models.autoencoders.autoencoder_kl, and .vae."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import Style, resampler, stack
from paramcount.formats.diffusers.unets import middle_block
from paramcount.formats.diffusers.values import Values
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.layers import Layer

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ["DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D"], "block_out_channels": [64], "layers_per_block": 1, "latent_channels": 4,
    "norm_num_groups": 32, "use_quant_conv": True, "use_post_quant_conv": True, "mid_block_add_attention": True,
}  # fmt: skip


def build_autoencoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKL. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    values.choices("down_block_types", len(widths), ("DownEncoderBlock2D",))
    values.choices("up_block_types", len(widths), ("UpDecoderBlock2D",))
    style, layers = Style(values.size("norm_num_groups")), values.layers("layers_per_block")
    attends = values.flag("mid_block_add_attention")

    def tensors() -> Tensors:
        if values.flag("use_quant_conv"):
            yield from convolution("quant_conv", 2 * latent, 2 * latent, (1, 1))
        if values.flag("use_post_quant_conv"):
            yield from convolution("post_quant_conv", latent, latent, (1, 1))

    def around(inputs: int, first: int, last: int, outputs: int) -> Tensors:
        yield from convolution("conv_in", inputs, first, (3, 3))
        yield from style.group_norm("conv_norm_out", last)
        yield from convolution("conv_out", last, outputs, (3, 3))

    attention = [tuple(style.attention(widths[-1], widths[-1]))] if attends else []
    middle = middle_block(style, widths[-1], attention)
    down = _build_blocks(style, "down_blocks", widths, layers, "downsamplers")
    up = _build_blocks(style, "up_blocks", widths[::-1], layers + 1, "upsamplers")
    first, last, encoded = widths[0], widths[-1], 2 * latent
    parts = [
        assemble("encoder", "Encoder", around(values.size("in_channels"), first, last, encoded), [down, middle]),
        assemble("decoder", "Decoder", around(latent, last, first, values.size("out_channels")), [up, middle]),
    ]
    return assemble("AutoencoderKL", "AutoencoderKL", tensors(), parts)


def _build_blocks(style: Style, name: str, widths: list[int], layers: int, resampling: str) -> Layer:
    blocks = []
    for index, width in enumerate(widths):
        pairs = [(widths[max(index - 1, 0)], width), *[(width, width)] * (layers - 1)]
        children = [style.resnets(pairs)]
        if index < len(widths) - 1:
            children.append(resampler(resampling, width))
        blocks.append(Layer("", name, children=tuple(children)))
    return stack(name, blocks)

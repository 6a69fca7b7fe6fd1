"""UNetSpatioTemporalConditionModel of Stable Video Diffusion.

Source: diffusers.models.unets.unet_spatio_temporal_condition, unet_3d_blocks, .transformers.transformer_temporal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import (
    Style,
    attention_width,
    gated_feed_forward,
    stack,
    temporal_resnets,
    time_embedding,
    transformer_block,
)
from paramcount.formats.diffusers.unets.ladders import Block, Pairs, build_down, build_up
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 8, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280],
    "down_block_types": ["CrossAttnDownBlockSpatioTemporal"] * 3 + ["DownBlockSpatioTemporal"],
    "up_block_types": ["UpBlockSpatioTemporal"] + ["CrossAttnUpBlockSpatioTemporal"] * 3,
    "projection_class_embeddings_input_dim": 768, "layers_per_block": 2, "cross_attention_dim": 1024,
    "transformer_layers_per_block": 1, "num_attention_heads": [5, 10, 20, 20],
}  # fmt: skip


class _Attention(NamedTuple):
    """The attention of a block."""

    heads: int
    layers: int
    context: int


def build_spatio_temporal(config: Mapping[str, Any]) -> Layer:
    """UNetSpatioTemporalConditionModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    widths = values.sizes("block_out_channels")
    style, count = Style(32, 4 * widths[0]), len(widths)
    numbers = zip(
        values.sizes("num_attention_heads", count), values.layers_each("transformer_layers_per_block", count),
        values.sizes("cross_attention_dim", count), strict=True,
    )  # fmt: skip
    attentions, layers = [_Attention(*each) for each in numbers], values.layers_each("layers_per_block", count)
    kinds = [
        values.choices(f"{way}_block_types", count, (f"{end}BlockSpatioTemporal", f"CrossAttn{end}BlockSpatioTemporal"))
        for way, end in (("down", "Down"), ("up", "Up"))
    ]

    def tensors() -> Tensors:
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (3, 3))
        yield from time_embedding("time_embedding", widths[0], 4 * widths[0])
        inputs = values.size("projection_class_embeddings_input_dim")
        yield from time_embedding("add_embedding", inputs, 4 * widths[0])
        yield from style.group_norm("conv_norm_out", widths[0])
        yield from convolution("conv_out", widths[0], values.size("out_channels"), (3, 3))

    middle = (
        stack("attentions", [_transformer(style, widths[-1], attentions[-1])]),
        temporal_resnets(style, [(widths[-1], widths[-1])] * 2),
    )
    children = [
        build_down(widths, kinds[0], layers, _block(style, kinds[0], attentions)),
        Layer("mid_block", "UNetMidBlockSpatioTemporal", children=middle),
        build_up(
            widths[::-1], kinds[1], [each + 1 for each in layers[::-1]], _block(style, kinds[1], attentions[::-1])
        ),
    ]
    name = "UNetSpatioTemporalConditionModel"
    return assemble(name, name, tensors(), children)


def _block(style: Style, kinds: list[str], attentions: list[_Attention]) -> Block:
    def modules(position: int, pairs: Pairs) -> Iterator[Layer]:
        yield temporal_resnets(style, pairs)
        if kinds[position].startswith("CrossAttn"):
            yield stack("attentions", [_transformer(style, pairs[0][1], attentions[position])] * len(pairs))

    return modules


def _transformer(style: Style, width: int, attention: _Attention) -> Layer:
    """TransformerSpatioTemporalModel: blocks over a frame, and as many over the frames."""
    inner = attention_width(width, attention.heads)

    def around() -> Tensors:
        yield from style.group_norm("norm", width)
        yield from linear("proj_in", width, inner)
        yield from linear("time_pos_embed.linear_1", width, 4 * width)
        yield from linear("time_pos_embed.linear_2", 4 * width, width)
        yield Tensor("time_mixer.mix_factor", (1,))
        yield from linear("proj_out", inner, width)

    def over_frames() -> Tensors:
        yield from norm("norm_in", inner)
        yield from gated_feed_forward("ff_in", inner)
        yield from transformer_block(inner, attention.context)

    blocks: list[tuple[str, str, Callable[[], Tensors]]] = [
        ("transformer_blocks", "BasicTransformerBlock", lambda: transformer_block(inner, attention.context)),
        ("temporal_transformer_blocks", "TemporalBasicTransformerBlock", over_frames),
    ]
    children = [
        each for name, kind, block in blocks for each in repeat(name, attention.layers, assemble("", kind, block()))
    ]
    return assemble("", "TransformerSpatioTemporalModel", around(), children)


BUILDERS: Builders = {
    "UNetSpatioTemporalConditionModel": build_spatio_temporal,
}

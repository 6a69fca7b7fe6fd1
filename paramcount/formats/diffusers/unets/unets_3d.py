"""UNet3DConditionModel and I2VGenXLUNet. Source: diffusers.models.unets.unet_3d_condition, unet_i2vgen_xl."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import (
    Style,
    attention_width,
    modules,
    stack,
    time_embedding,
    transformer_block,
)
from paramcount.formats.diffusers.unets.ladders import Block, Pairs, build_down, build_up
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.layers import Layer

_I2VGEN: Mapping[str, Any] = {
    "in_channels": 4, "out_channels": 4, "down_block_types": ["CrossAttnDownBlock3D"] * 3 + ["DownBlock3D"],
    "up_block_types": ["UpBlock3D"] + ["CrossAttnUpBlock3D"] * 3, "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2, "norm_num_groups": 32, "cross_attention_dim": 1024, "attention_head_dim": 64,
}  # fmt: skip

_CONDITION: Mapping[str, Any] = {**_I2VGEN, "num_attention_heads": None, "time_cond_proj_dim": None}

_FRAMES = (3, 1, 1)


def build_unet_3d(config: Mapping[str, Any]) -> Layer:
    """UNet3DConditionModel. Raises InvalidDocument."""
    values = Values(config, _CONDITION)
    values.choice("num_attention_heads", None)
    return _build("UNet3DConditionModel", values, values.size("in_channels"))


def build_i2vgen(config: Mapping[str, Any]) -> Layer:
    """I2VGenXLUNet, whose picture has embeddings of its own. Raises InvalidDocument."""
    values = Values(config, _I2VGEN)
    channels, context = values.size("in_channels"), values.size("cross_attention_dim")

    def embeddings(width: int) -> Tensors:
        for name, index, outputs in (("context", 0, context * channels), ("fps", 0, 4 * width)):
            yield from linear(f"{name}_embedding.{index}", context if name == "context" else width, 4 * width)
            yield from linear(f"{name}_embedding.{index + 2}", 4 * width, outputs)
        sizes = [4, 4 * channels, 4 * channels, channels]
        for index in range(3):
            name = f"image_latents_proj_in.{2 * index}"
            yield from convolution(name, sizes[index], sizes[index + 1], (3, 3))
        sizes = [4, 8 * channels, 16 * channels, context]
        for index, number in enumerate((0, 3, 5)):
            name = f"image_latents_context_embedding.{number}"
            yield from convolution(name, sizes[index], sizes[index + 1], (3, 3))
        yield from _temporal_encoder("image_latents_temporal_encoder", channels)

    return _build("I2VGenXLUNet", values, 2 * channels, embeddings)


def _temporal_encoder(name: str, width: int) -> Tensors:
    """I2VGenXLTransformerTemporalEncoder, of two heads that are each as wide as all channels."""
    yield from norm(f"{name}.norm1", width)
    for part in ("to_q", "to_k", "to_v"):
        yield from linear(f"{name}.attn1.{part}", width, 2 * width, bias=False)
    yield from linear(f"{name}.attn1.to_out.0", 2 * width, width)
    yield from linear(f"{name}.ff.net.0.proj", width, 4 * width)
    yield from linear(f"{name}.ff.net.2", 4 * width, width)


def _build(name: str, values: Values, inputs: int, embeddings: Callable[[int], Tensors] | None = None) -> Layer:
    """A UNet of 3D blocks, with the embeddings that its first width decides."""
    widths, layers = values.sizes("block_out_channels"), values.layers("layers_per_block")
    style = Style(values.size("norm_num_groups"), 4 * widths[0], linear_projection=True)
    head, context, count = values.size("attention_head_dim"), values.size("cross_attention_dim"), len(widths)
    kinds = [
        values.choices(f"{way}_block_types", count, (f"{end}Block3D", f"CrossAttn{end}Block3D"))
        for way, end in (("down", "Down"), ("up", "Up"))
    ]

    def tensors() -> Tensors:
        yield from convolution("conv_in", inputs, widths[0], (3, 3))
        yield from time_embedding("time_embedding", widths[0], 4 * widths[0], values.optional("time_cond_proj_dim"))
        if embeddings is not None:
            yield from embeddings(widths[0])
        yield from style.group_norm("conv_norm_out", widths[0])
        yield from convolution("conv_out", widths[0], values.size("out_channels"), (3, 3))

    middle = tuple(_modules(style, [(widths[-1], widths[-1])] * 2, head, context, 1))
    children = [
        temporal_transformer("transformer_in", style, widths[0], 8 * head),
        build_down(widths, kinds[0], [layers] * count, _block(style, kinds[0], head, context)),
        Layer("mid_block", "UNetMidBlock3DCrossAttn", children=middle),
        build_up(widths[::-1], kinds[1], [layers + 1] * count, _block(style, kinds[1], head, context)),
    ]
    return assemble(name, name, tensors(), children)


def _block(style: Style, kinds: list[str], head: int, context: int) -> Block:
    def block(position: int, pairs: Pairs) -> Iterator[Layer]:
        attentions = len(pairs) if kinds[position].startswith("CrossAttn") else 0
        return _modules(style, pairs, head, context, attentions)

    return block


def _modules(style: Style, pairs: Pairs, head: int, context: int, attentions: int) -> Iterator[Layer]:
    """The modules of a block, with so many attentions over a frame and over the frames."""
    width = pairs[0][1]
    yield style.resnets(pairs)
    yield modules(
        "temp_convs", "TemporalConvLayer", lambda each: _temporal_convolution(style, each), [(width,)] * len(pairs)
    )
    if attentions:
        yield stack("attentions", [style.transformer(width, head, 1, context)] * attentions)
        over_frames = temporal_transformer("", style, width, attention_width(width, head))
        yield stack("temp_attentions", [over_frames] * attentions)


def _temporal_convolution(style: Style, width: int) -> Tensors:
    """TemporalConvLayer."""
    for number, index in ((1, 2), (2, 3), (3, 3), (4, 3)):
        yield from style.group_norm(f"conv{number}.0", width)
        yield from convolution(f"conv{number}.{index}", width, width, _FRAMES)


def temporal_transformer(name: str, style: Style, width: int, inner: int) -> Layer:
    """TransformerTemporalModel of one block, which attends to itself twice."""

    def around() -> Tensors:
        yield from style.group_norm("norm", width)
        yield from linear("proj_in", width, inner)
        yield from linear("proj_out", inner, width)

    block = assemble("", "BasicTransformerBlock", transformer_block(inner, inner))
    return assemble(name, "TransformerTemporalModel", around(), repeat("transformer_blocks", 1, block))


BUILDERS: Builders = {
    "I2VGenXLUNet": build_i2vgen,
    "UNet3DConditionModel": build_unet_3d,
}

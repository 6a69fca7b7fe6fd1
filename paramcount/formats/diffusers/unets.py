"""UNet2DModel, UNet2DConditionModel and ControlNetModel. Source: diffusers.models.unets, .controlnets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, resampler, stack, time_embedding
from paramcount.formats.diffusers.hints import hint_embedding, zero_convolutions
from paramcount.formats.diffusers.values import Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DOWN = ("DownBlock2D", "CrossAttnDownBlock2D", "AttnDownBlock2D")
_UP = ("UpBlock2D", "CrossAttnUpBlock2D", "AttnUpBlock2D")
_MIDDLE = "UNetMidBlock2DCrossAttn"

_CONDITION: Mapping[str, Any] = {
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "mid_block_type": _MIDDLE,
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3, "only_cross_attention": False,
    "norm_num_groups": 32, "cross_attention_dim": 1280, "transformer_layers_per_block": 1,
    "reverse_transformer_layers_per_block": None, "encoder_hid_dim": None, "encoder_hid_dim_type": None,
    "attention_head_dim": 8, "num_attention_heads": None, "dual_cross_attention": False,
    "use_linear_projection": False, "class_embed_type": None, "addition_embed_type": None,
    "num_class_embeds": None, "resnet_time_scale_shift": "default", "time_embedding_type": "positional",
    "time_embedding_dim": None, "time_cond_proj_dim": None, "conv_in_kernel": 3, "conv_out_kernel": 3,
    "projection_class_embeddings_input_dim": None, "attention_type": "default", "class_embeddings_concat": False,
}  # fmt: skip

_CONTROLNET: Mapping[str, Any] = {
    name: default for name, default in _CONDITION.items()
    if name not in ("time_embedding_dim", "time_cond_proj_dim", "class_embeddings_concat", "time_embedding_type",
                    "attention_type", "dual_cross_attention")
} | {"conditioning_channels": 3, "conditioning_embedding_out_channels": [16, 32, 96, 256]}  # fmt: skip

_PLAIN: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "block_out_channels": [224, 448, 672, 896], "layers_per_block": 2,
    "down_block_types": ["DownBlock2D"] + ["AttnDownBlock2D"] * 3, "mid_block_type": "UNetMidBlock2D",
    "up_block_types": ["AttnUpBlock2D"] * 3 + ["UpBlock2D"], "norm_num_groups": 32, "attn_norm_num_groups": None,
    "attention_head_dim": 8, "resnet_time_scale_shift": "default", "add_attention": True, "class_embed_type": None,
    "num_class_embeds": None, "time_embedding_type": "positional", "time_embedding_dim": None,
    "num_train_timesteps": None, "downsample_type": "conv", "upsample_type": "conv",
}  # fmt: skip


class _Block(NamedTuple):
    """The settings of one block."""

    kind: str
    layers: int
    heads: int  # of a transformer; the width of a head elsewhere
    transformers: int
    context: int
    only_cross: bool


def build_condition(config: Mapping[str, Any]) -> Layer:
    """UNet2DConditionModel. Raises InvalidDocument."""
    values = Values(config, _CONDITION)
    values.choice("reverse_transformer_layers_per_block", None)
    widths, blocks, style = _read_condition(values)
    up_kinds = values.choices("up_block_types", len(widths), _UP)
    up = [block._replace(kind=kind) for block, kind in zip(reversed(blocks), up_kinds, strict=True)]

    def tensors() -> Tensors:
        kernel = values.size("conv_in_kernel")
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (kernel, kernel))
        yield from _condition_embeddings(values, widths[0], style)
        yield from style.group_norm("conv_norm_out", widths[0])
        kernel = values.size("conv_out_kernel")
        yield from convolution("conv_out", widths[0], values.size("out_channels"), (kernel, kernel))

    middle = _build_middle(values, style, widths[-1], blocks[-1])
    children = [_build_down(style, widths, blocks), *middle, _build_up(style, widths, up)]
    return assemble("UNet2DConditionModel", "UNet2DConditionModel", tensors(), children)


def build_controlnet(config: Mapping[str, Any]) -> Layer:
    """ControlNetModel. Raises InvalidDocument."""
    values = Values(config, _CONTROLNET)
    values.layers("layers_per_block")
    values.choice("mid_block_type", _MIDDLE, "UNetMidBlock2D")
    widths, blocks, style = _read_condition(values)
    hints = values.sizes("conditioning_embedding_out_channels")

    def tensors() -> Tensors:
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (3, 3))
        yield from _condition_embeddings(values, widths[0], style)
        yield from hint_embedding("controlnet_cond_embedding", values.size("conditioning_channels"), hints, widths[0])
        yield from convolution("controlnet_mid_block", widths[-1], widths[-1], (1, 1))

    zeros = zero_convolutions(widths, [block.layers for block in blocks])
    middle = _build_middle(values, style, widths[-1], blocks[-1])
    children = [_build_down(style, widths, blocks), *middle, zeros]
    return assemble("ControlNetModel", "ControlNetModel", tensors(), children)


def build_plain(config: Mapping[str, Any]) -> Layer:
    """UNet2DModel. Raises InvalidDocument."""
    values = Values(config, _PLAIN)
    for name in ("downsample_type", "upsample_type"):
        values.choice(name, "conv")
    widths = values.sizes("block_out_channels")
    style = _read_style(values, widths[0])
    head, layers = values.optional("attention_head_dim"), values.layers("layers_per_block")
    down_kinds = values.choices("down_block_types", len(widths), ("DownBlock2D", "AttnDownBlock2D"))
    up_kinds = values.choices("up_block_types", len(widths), ("UpBlock2D", "AttnUpBlock2D"))
    down = [_Block(kind, layers, head or width, 0, 0, False) for kind, width in zip(down_kinds, widths, strict=True)]
    up = [_Block(kind, layers, head or width, 0, 0, False)
          for kind, width in zip(up_kinds, reversed(widths), strict=True)]  # fmt: skip

    def tensors() -> Tensors:
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (3, 3))
        yield from _time_embeddings(values, widths[0], style)
        yield from style.group_norm("conv_norm_out", widths[0])
        yield from convolution("conv_out", widths[0], values.size("out_channels"), (3, 3))

    children = [_build_down(style, widths, down), _build_up(style, widths, up)]
    if values.choice("mid_block_type", "UNetMidBlock2D", None):
        groups = values.optional("attn_norm_num_groups")
        grouped = groups is not None or not style.scale_shift
        attention = [tuple(style.attention(widths[-1], head or widths[-1], groups, grouped=grouped))]
        children.append(middle_block(style, widths[-1], attention if values.flag("add_attention") else []))
    return assemble("UNet2DModel", "UNet2DModel", tensors(), children)


def middle_block(style: Style, width: int, attentions: list[tuple[Any, ...]]) -> Layer:
    """UNetMidBlock2D of one layer: attention between two residual blocks."""
    children = [style.resnets([(width, width)] * 2)]
    if attentions:
        children.append(stack("attentions", [assemble("", "Attention", tensors) for tensors in attentions]))
    return Layer("mid_block", "UNetMidBlock2D", children=tuple(children))


def _read_style(values: Values, width: int) -> Style:
    time_width = values.optional("time_embedding_dim") or 4 * width
    values.choice("time_embedding_type", "positional", "fourier", "learned")
    scale_shift = values.choice("resnet_time_scale_shift", "default", "scale_shift") == "scale_shift"
    return Style(values.size("norm_num_groups"), time_width, scale_shift)


def _read_condition(values: Values) -> tuple[list[int], list[_Block], Style]:
    """The widths, the blocks on the way down, and the style of a model with a condition."""
    for name, verified in (
        ("dual_cross_attention", False), ("attention_type", "default"), ("num_attention_heads", None),
        ("encoder_hid_dim", None), ("encoder_hid_dim_type", None), ("time_embedding_type", "positional"),
        ("class_embeddings_concat", False),
    ):  # fmt: skip
        values.choice(name, verified)
    widths = values.sizes("block_out_channels")
    count = len(widths)
    style = _read_style(values, widths[0])
    style = Style(style.groups, style.time_width, style.scale_shift, values.flag("use_linear_projection"))
    settings = zip(
        values.choices("down_block_types", count, _DOWN), values.layers_each("layers_per_block", count),
        values.sizes("attention_head_dim", count), values.sizes("transformer_layers_per_block", count),
        values.sizes("cross_attention_dim", count), values.flags("only_cross_attention", count),
        strict=True,
    )  # fmt: skip
    return widths, [_Block(*setting) for setting in settings], style


def _time_embeddings(values: Values, width: int, style: Style) -> Tensors:
    """The embeddings of time and of classes."""
    assert style.time_width is not None
    kind = values.get("time_embedding_type")
    inputs = 2 * width if kind == "fourier" else width
    if kind == "fourier":
        yield Tensor("time_proj.weight", (width,), trainable=False)
    elif kind == "learned":
        yield Tensor("time_proj.weight", (values.size("num_train_timesteps"), width))
    yield from time_embedding("time_embedding", inputs, style.time_width, values.optional("time_cond_proj_dim"))
    embedding = values.choice("class_embed_type", None, "timestep", "identity", "projection", "simple_projection")
    if embedding is None and values.get("num_class_embeds") is not None:
        yield Tensor("class_embedding.weight", (values.size("num_class_embeds"), style.time_width))
    elif embedding == "timestep":
        yield from time_embedding("class_embedding", inputs, style.time_width)
    elif embedding == "projection" and "projection_class_embeddings_input_dim" in values:
        inputs = values.size("projection_class_embeddings_input_dim")
        yield from time_embedding("class_embedding", inputs, style.time_width)
    elif embedding == "simple_projection" and "class_embeddings_concat" in values:
        yield from linear("class_embedding", values.size("projection_class_embeddings_input_dim"), style.time_width)


def _condition_embeddings(values: Values, width: int, style: Style) -> Tensors:
    assert style.time_width is not None
    yield from _time_embeddings(values, width, style)
    if values.choice("addition_embed_type", None, "text_time"):
        inputs = values.size("projection_class_embeddings_input_dim")
        yield from time_embedding("add_embedding", inputs, style.time_width)


def _build_down(style: Style, widths: list[int], blocks: list[_Block]) -> Layer:
    layers = []
    for index, (block, width) in enumerate(zip(blocks, widths, strict=True)):
        inputs = widths[max(index - 1, 0)]
        pairs = [(inputs, width), *[(width, width)] * (block.layers - 1)]
        children = [style.resnets(pairs), *_attentions(style, block, width, block.layers)]
        if index < len(widths) - 1:
            children.append(resampler("downsamplers", width))
        layers.append(Layer("", block.kind, children=tuple(children)))
    return stack("down_blocks", layers)


def _build_up(style: Style, widths: list[int], blocks: list[_Block]) -> Layer:
    layers, upwards = [], widths[::-1]
    for index, (block, width) in enumerate(zip(blocks, upwards, strict=True)):
        before, inputs = upwards[max(index - 1, 0)], upwards[min(index + 1, len(upwards) - 1)]
        count = block.layers + 1
        pairs = [
            ((before if layer == 0 else width) + (inputs if layer == count - 1 else width), width)
            for layer in range(count)
        ]
        children = [style.resnets(pairs), *_attentions(style, block, width, count)]
        if index < len(upwards) - 1:
            children.append(resampler("upsamplers", width))
        layers.append(Layer("", block.kind, children=tuple(children)))
    return stack("up_blocks", layers)


def _attentions(style: Style, block: _Block, width: int, count: int) -> Iterator[Layer]:
    if block.kind.startswith("CrossAttn"):
        one = style.transformer(width, block.heads, block.transformers, block.context, only_cross=block.only_cross)
        yield stack("attentions", [one] * count)
    elif block.kind.startswith("Attn"):
        yield stack("attentions", [assemble("", "Attention", style.attention(width, block.heads))] * count)


def _build_middle(values: Values, style: Style, width: int, block: _Block) -> list[Layer]:
    kind = values.choice("mid_block_type", _MIDDLE, "UNetMidBlock2D", None)
    if kind is None:
        return []
    if kind == "UNetMidBlock2D":
        return [Layer("mid_block", kind, children=(style.resnets([(width, width)]),))]
    attention = style.transformer(width, block.heads, block.transformers, block.context)
    resnets = style.resnets([(width, width)] * 2)
    return [Layer("mid_block", kind, children=(stack("attentions", [attention]), resnets))]

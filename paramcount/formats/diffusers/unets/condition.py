"""UNet2DModel, UNet2DConditionModel and ControlNetModel. Source: diffusers.models.unets, .controlnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from paramcount.formats.diffusers.blocks import Style, stack, time_embedding
from paramcount.formats.diffusers.unets.blocks_2d import (
    CONDITION_KINDS,
    PLAIN_KINDS,
    Options,
    Spec,
    Step,
    build_block,
    cross_attentions,
    format_kinds,
    quarter_groups,
    simple_attention,
)
from paramcount.formats.diffusers.unets.conditions import (
    added_embeddings,
    class_embeddings,
    context_projection,
    position_net,
)
from paramcount.formats.diffusers.unets.hints import hint_embedding, zero_convolutions
from paramcount.formats.diffusers.unets.ladders import down_pairs, read_transformers, up_pairs
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_MIDDLE, _SIMPLE = "UNetMidBlock2DCrossAttn", "UNetMidBlock2DSimpleCrossAttn"

CONTROLNET_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "mid_block_type": _MIDDLE,
    "only_cross_attention": False, "norm_num_groups": 32, "cross_attention_dim": 1280,
    "transformer_layers_per_block": 1, "encoder_hid_dim": None, "encoder_hid_dim_type": None,
    "attention_head_dim": 8, "num_attention_heads": None, "use_linear_projection": False, "class_embed_type": None,
    "addition_embed_type": None, "addition_embed_type_num_heads": 64, "num_class_embeds": None,
    "resnet_time_scale_shift": "default", "projection_class_embeddings_input_dim": None,
    "conditioning_channels": 3, "conditioning_embedding_out_channels": [16, 32, 96, 256],
}  # fmt: skip

CONDITION_DEFAULTS: Mapping[str, Any] = {
    **{name: default for name, default in CONTROLNET_DEFAULTS.items() if not name.startswith("conditioning")},
    "out_channels": 4, "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "reverse_transformer_layers_per_block": None, "dual_cross_attention": False, "time_embedding_type": "positional",
    "time_embedding_dim": None, "time_cond_proj_dim": None, "conv_in_kernel": 3, "conv_out_kernel": 3,
    "attention_type": "default", "class_embeddings_concat": False, "mid_block_only_cross_attention": None,
    "cross_attention_norm": None,
}  # fmt: skip

_PLAIN: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "block_out_channels": [224, 448, 672, 896], "layers_per_block": 2,
    "down_block_types": ["DownBlock2D"] + ["AttnDownBlock2D"] * 3, "mid_block_type": "UNetMidBlock2D",
    "up_block_types": ["AttnUpBlock2D"] * 3 + ["UpBlock2D"], "norm_num_groups": 32, "attn_norm_num_groups": None,
    "attention_head_dim": 8, "resnet_time_scale_shift": "default", "add_attention": True, "class_embed_type": None,
    "num_class_embeds": None, "time_embedding_type": "positional", "time_embedding_dim": None,
    "num_train_timesteps": None, "downsample_type": "conv", "upsample_type": "conv",
}  # fmt: skip


def build_condition(config: Mapping[str, Any]) -> Layer:
    """UNet2DConditionModel. Raises InvalidDocument."""
    values = Values(config, CONDITION_DEFAULTS)
    values.choice("num_attention_heads", None)
    if isinstance(values.get("reverse_transformer_layers_per_block"), int):
        raise InvalidDocument("must be a list", "/reverse_transformer_layers_per_block")
    widths = values.sizes("block_out_channels")
    inputs, time = read_time(values, widths[0])
    style = _read_style(values, 2 * time if values.flag("class_embeddings_concat") else time)
    attention = values.choice("attention_type", "default", "gated", "gated-text-image")
    options = Options(
        values.choice("cross_attention_norm", None, "layer_norm", "group_norm"),
        values.flag("dual_cross_attention"), attention != "default",
    )  # fmt: skip
    layers = values.layers_each("layers_per_block", len(widths))
    down = _read_specs(values, CONDITION_KINDS, layers)
    up = _read_specs(values, CONDITION_KINDS, [count + 1 for count in reversed(layers)], upwards=True)
    middle = _read_middle(values, down[-1])

    middle_style = style
    if values.get("norm_num_groups") is None:
        _check_no_groups([*down, *up], "K")
        middle_style = replace(style, groups=quarter_groups(widths[-1]) if middle else 1)
    children = [
        _build_down(style, widths, down, options), *build_middle(values, middle_style, widths[-1], middle, options),
        _build_up(style, widths[::-1], up, options),
    ]  # fmt: skip
    projection = context_projection(values, "text_proj", "text_image_proj", "image_proj")
    tensors = (*projection, *around_condition(values, style, widths[0], inputs, time))
    return assemble("UNet2DConditionModel", "UNet2DConditionModel", tensors, children)


def around_condition(values: Values, style: Style, width: int, inputs: int, time: int) -> Tensors:
    """The tensors around the blocks of a UNet with a condition, without the projection of the context."""
    kernel = values.size("conv_in_kernel")
    yield from convolution("conv_in", values.size("in_channels"), width, (kernel, kernel))
    if values.get("time_embedding_type") == "fourier":
        yield Tensor("time_proj.weight", (time // 2,), trainable=False)
    yield from time_embedding("time_embedding", inputs, time, values.optional("time_cond_proj_dim"))
    yield from class_embeddings(values, inputs, time)
    yield from added_embeddings(values, time, "text", "text_image", "text_time", "image", "image_hint")
    if values.get("attention_type") != "default":
        yield from position_net(
            values.size("cross_attention_dim"), pictures=values.get("attention_type") == "gated-text-image"
        )
    if values.get("norm_num_groups") is not None:
        yield from style.group_norm("conv_norm_out", width)
    kernel = values.size("conv_out_kernel")
    yield from convolution("conv_out", width, values.size("out_channels"), (kernel, kernel))


def build_controlnet(config: Mapping[str, Any]) -> Layer:
    """ControlNetModel. Raises InvalidDocument."""
    values = Values(config, CONTROLNET_DEFAULTS)
    values.choice("mid_block_type", _MIDDLE, "UNetMidBlock2D")
    tensors = context_projection(values, "text_proj", "text_image_proj")
    return control_network("ControlNetModel", values, tuple(tensors), [])


def control_network(name: str, values: Values, tensors: Sequence[Tensor], children: Sequence[Layer]) -> Layer:
    """A copy of the way down of a UNet, with what steers it. It has other tensors and children too."""
    widths = values.sizes("block_out_channels")
    layers = [values.layers("layers_per_block")] * len(widths)
    time = 4 * widths[0]
    style, hints = _read_style(values, time), values.sizes("conditioning_embedding_out_channels")
    values.size("cross_attention_dim")
    specs = _read_specs(values, CONDITION_KINDS, layers)
    if values.get("norm_num_groups") is None:
        raise InvalidDocument("must be an integer of at least 1", "/norm_num_groups")

    def all_tensors() -> Tensors:
        yield from tensors
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (3, 3))
        yield from time_embedding("time_embedding", widths[0], time)
        yield from class_embeddings(values, widths[0], time)
        yield from added_embeddings(values, time, "text", "text_image", "text_time")
        yield from hint_embedding("controlnet_cond_embedding", values.size("conditioning_channels"), hints, widths[0])
        yield from convolution("controlnet_mid_block", widths[-1], widths[-1], (1, 1))

    middle = build_middle(values, style, widths[-1], specs[-1]._replace(only_cross=False), Options())
    down = _build_down(style, widths, specs, Options())
    return assemble(name, name, all_tensors(), [down, *middle, zero_convolutions(widths, layers), *children])


def build_plain(config: Mapping[str, Any]) -> Layer:
    """UNet2DModel. Raises InvalidDocument."""
    values = Values(config, _PLAIN)
    widths = values.sizes("block_out_channels")
    inputs, time = read_time(values, widths[0])
    style = _read_style(values, time)
    head, layers = values.optional("attention_head_dim"), values.layers("layers_per_block")
    ways = []
    for way, order, count in (("Down", widths, layers), ("Up", widths[::-1], layers + 1)):
        kinds = values.choices(f"{way.lower()}_block_types", len(widths), format_kinds(PLAIN_KINDS, way))
        ways.append([Spec(kind, count, head or width) for kind, width in zip(kinds, order, strict=True)])
    down, up = (Options(resampling=values.choice(f"{way}sample_type", "conv", "resnet")) for way in ("down", "up"))
    stated = values.get("norm_num_groups") is not None
    if not stated:
        _check_no_groups([*ways[0], *ways[1]], "Skip")

    def tensors() -> Tensors:
        yield from convolution("conv_in", values.size("in_channels"), widths[0], (3, 3))
        if values.get("time_embedding_type") == "fourier":
            yield Tensor("time_proj.weight", (widths[0],), trainable=False)
        elif values.get("time_embedding_type") == "learned":
            yield Tensor("time_proj.weight", (values.size("num_train_timesteps"), widths[0]))
        yield from time_embedding("time_embedding", inputs, time)
        yield from class_embeddings(values, inputs, time)
        groups = None if stated else quarter_groups(widths[0])
        yield from style.group_norm("conv_norm_out", widths[0], groups)
        yield from convolution("conv_out", widths[0], values.size("out_channels"), (3, 3))

    children = [_build_down(style, widths, ways[0], down), _build_up(style, widths[::-1], ways[1], up)]
    if values.choice("mid_block_type", "UNetMidBlock2D", None):
        groups, middle = values.optional("attn_norm_num_groups"), style
        if not stated:
            middle = replace(style, groups=quarter_groups(widths[-1]))
        grouped = groups is not None or not style.scale_shift
        attention = [tuple(middle.attention(widths[-1], head or widths[-1], groups, grouped=grouped))]
        children.append(middle_block(middle, widths[-1], attention if values.flag("add_attention") else []))
    return assemble("UNet2DModel", "UNet2DModel", tensors(), children)


def middle_block(style: Style, width: int, attentions: list[tuple[Any, ...]]) -> Layer:
    """UNetMidBlock2D of one layer: attention between two residual blocks."""
    children = [style.resnets([(width, width)] * 2)]
    if attentions:
        children.append(stack("attentions", [assemble("", "Attention", tensors) for tensors in attentions]))
    return Layer("mid_block", "UNetMidBlock2D", children=tuple(children))


def read_time(values: Values, width: int) -> tuple[int, int]:
    """Return the widths that the embedding of time takes and makes."""
    plain = "num_train_timesteps" in values  # UNet2DModel
    kind = values.choice("time_embedding_type", "positional", "fourier", *(["learned"] if plain else []))
    stated = values.optional("time_embedding_dim")
    if kind != "fourier":
        return width, stated or 4 * width
    if plain:
        return 2 * width, stated or 4 * width
    time = stated or 2 * width
    if time % 2:
        raise InvalidDocument("must be even", "/time_embedding_dim")
    return time, time


def _read_style(values: Values, time: int) -> Style:
    scale_shift = values.choice("resnet_time_scale_shift", "default", "scale_shift") == "scale_shift"
    projects = "use_linear_projection" in values and values.flag("use_linear_projection")
    return Style(values.optional("norm_num_groups") or 1, time, scale_shift, projects)


def _check_no_groups(specs: list[Spec], prefix: str) -> None:
    """Raise InvalidDocument unless all blocks are of the kinds that need no norm_num_groups."""
    if not all(prefix in spec.kind for spec in specs):
        raise InvalidDocument("must be an integer of at least 1", "/norm_num_groups")


def _read_specs(values: Values, kinds: Sequence[str], layers: list[int], *, upwards: bool = False) -> list[Spec]:
    """The settings of the blocks of so many layers, in the order of their way."""
    count, way = len(layers), "Up" if upwards else "Down"
    stated = "num_attention_heads" if values.get("num_attention_heads") else "attention_head_dim"
    heads, contexts = values.sizes(stated, count), values.sizes("cross_attention_dim", count)
    only_cross = values.flags("only_cross_attention", count)
    if upwards:
        heads, contexts, only_cross = heads[::-1], contexts[::-1], only_cross[::-1]
    settings = zip(
        values.choices(f"{way.lower()}_block_types", count, format_kinds(kinds, way)), layers,
        values.sizes("attention_head_dim", count),  # diffusers does not turn it round on the way up
        heads, read_transformers(values, "transformer_layers_per_block", layers, upwards=upwards), contexts,
        only_cross, strict=True,
    )  # fmt: skip
    return [Spec(*setting) for setting in settings]


def _read_middle(values: Values, last: Spec) -> Spec | None:
    """The settings of the block in the middle, which are those of the last block on the way down."""
    only_cross = values.choice("mid_block_only_cross_attention", None, True, False)
    if only_cross is None:
        only_cross = values.get("only_cross_attention") is True
    kind = values.choice("mid_block_type", _MIDDLE, _SIMPLE, "UNetMidBlock2D", None)
    return None if kind is None else last._replace(only_cross=only_cross and kind == _SIMPLE)


def _build_down(style: Style, widths: list[int], specs: list[Spec], options: Options) -> Layer:
    blocks, last = [], len(widths) - 1
    for index, spec in enumerate(specs):
        step = Step(down_pairs(widths, index, spec.layers), "Down", index == last, widths[min(index + 1, last)])
        blocks.append(build_block(style, spec, step, options))
    return stack("down_blocks", blocks)


def _build_up(style: Style, upwards: list[int], specs: list[Spec], options: Options) -> Layer:
    blocks, last = [], len(upwards) - 1
    for index, spec in enumerate(specs):
        step = Step(up_pairs(upwards, index, spec.layers), "Up", index == last, upwards[min(index + 1, last)])
        blocks.append(build_block(style, spec, step, options))
    return stack("up_blocks", blocks)


def build_middle(values: Values, style: Style, width: int, spec: Spec | None, options: Options) -> list[Layer]:
    """The block in the middle, of the kind that is stated, or UNetMidBlock2DCrossAttn; none without settings."""
    kind = values.get("mid_block_type") if "mid_block_type" in values else _MIDDLE
    if spec is None:
        return []
    if kind == "UNetMidBlock2D":
        return [Layer("mid_block", kind, children=(style.resnets([(width, width)]),))]
    if kind == _SIMPLE:
        attentions = [simple_attention(style, width, spec, options)]
    else:
        attentions = cross_attentions(style, width, spec._replace(transformers=spec.transformers[:1]), options)
    return [Layer("mid_block", kind, children=(stack("attentions", attentions), style.resnets([(width, width)] * 2)))]


BUILDERS: Builders = {
    "UNet2DConditionModel": build_condition,
    "ControlNetModel": build_controlnet,
    "UNet2DModel": build_plain,
}

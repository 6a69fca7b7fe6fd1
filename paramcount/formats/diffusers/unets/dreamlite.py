"""DreamLiteUNetModel: separable convolutions, few keys of attention. Source: diffusers.models.unets.unet_dreamlite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from paramcount.formats.diffusers.blocks import Style, attention_width, fuser, modules, stack
from paramcount.formats.diffusers.transformers.plain import (
    TRANSFORMER_FIELDS,
    TransformerBlock,
    frame_picture,
    read_block,
)
from paramcount.formats.diffusers.unets.blocks_2d import Options, Spec, cross_attentions
from paramcount.formats.diffusers.unets.condition import CONDITION_DEFAULTS, around_condition, read_time
from paramcount.formats.diffusers.unets.conditions import context_projection
from paramcount.formats.diffusers.unets.ladders import Block, Pairs, build_down, build_up, read_transformers
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    **CONDITION_DEFAULTS,
    "down_block_types": ["DreamLiteCrossAttnNoSelfAttnDownBlock2D"] * 2 + ["DreamLiteCrossAttnDownBlock2D"],
    "mid_block_type": "DreamLiteUNetMidBlock2DCrossAttn",
    "up_block_types": [
        "DreamLiteCrossAttnUpBlock2D", "DreamLiteCrossAttnNoSelfAttnUpBlock2D", "DreamLiteUpBlock2D",
    ],
    "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048, "attention_head_dim": 64,
    "qk_norm": "rms_norm", "use_sep_conv": True, "ff_mult": 6, "num_kv_heads": 1, "num_mid_layers": 1,
}  # fmt: skip

_TRANSFORMER: Mapping[str, Any] = {
    **TRANSFORMER_FIELDS, "use_self_attention": True, "qk_norm": None, "num_kv_heads": None, "ff_mult": 4,
}  # fmt: skip

_KINDS = ("{}Block2D", "CrossAttn{}Block2D", "CrossAttn{}RemoveSelfAttnBlock2D")
"""The kinds of blocks by their short names, with {} for Down or Up."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """The settings that all blocks share."""

    style: Style
    options: Options
    separable: bool
    key_heads: int | None
    query_norm: str | None
    multiple: int  # of the width within a feed-forward layer

    def resnets(self, pairs: Pairs, *, attends: bool = False) -> Layer:
        """The residual blocks; those of a block that attends do not scale by time (diffusers does not tell them to)."""
        style = replace(self.style, scale_shift=self.style.scale_shift and not attends)
        return modules("resnets", "ResnetBlock2DDreamLite", partial(self._resnet, style), pairs)

    def _resnet(self, style: Style, inputs: int, outputs: int) -> Tensors:
        if not self.separable:
            yield from style.resnet(inputs, outputs)
            return
        assert style.time_width is not None
        inner = 2 * outputs
        yield from style.group_norm("norm1", inputs)
        yield from _separable("conv1", inputs, inner)
        yield from linear("time_emb_proj", style.time_width, (1 + style.scale_shift) * inner)
        yield from style.group_norm("norm2", inner)
        yield from _separable("conv2", inner, outputs)
        if inputs != outputs:
            yield from convolution("conv_shortcut", inputs, outputs, (1, 1))

    def transformers(self, width: int, spec: Spec, *, attends_self: bool = True) -> Layer:
        if self.options.dual:
            return stack("attentions", cross_attentions(self.style, width, spec, self.options))
        kernel = () if self.style.linear_projection else (1, 1)
        inner = attention_width(width, spec.heads)
        around = (
            *self.style.group_norm("norm", width), *convolution("proj_in", width, inner, kernel),
            *convolution("proj_out", inner, width, kernel),
        )  # fmt: skip
        head = width // spec.heads
        plain = TransformerBlock(
            inner, spec.context, only_cross=spec.only_cross, attends_self=attends_self, head=head,
            query_norm=self.query_norm, key_width=self.key_heads and head * self.key_heads, multiple=self.multiple,
        )  # fmt: skip
        more = fuser(inner, spec.context) if self.options.gated else ()
        block = assemble("", "BasicTransformerBlockDreamLite", (*plain.tensors(), *more))
        built = {
            count: assemble("", "DreamLiteTransformer2DModel", around, repeat("transformer_blocks", count, block))
            for count in set(spec.transformers)
        }
        return stack("attentions", [built[count] for count in spec.transformers])


def _separable(name: str, inputs: int, outputs: int) -> Tensors:
    """DepthwiseSeparableConv."""
    yield from convolution(f"{name}.depthwise", 1, inputs, (3, 3), bias=False)
    yield from convolution(f"{name}.pointwise", inputs, outputs, (1, 1), bias=False)


def build_dreamlite(config: Mapping[str, Any]) -> Layer:
    """DreamLiteUNetModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    values.choice("num_attention_heads", None)
    widths = values.sizes("block_out_channels")
    inputs, time = read_time(values, widths[0])
    parts = _read_parts(values, time * (1 + values.flag("class_embeddings_concat")))
    layers = values.layers_each("layers_per_block", len(widths))
    more = [count + 1 for count in reversed(layers)]
    down, up = _read_specs(values, layers), _read_specs(values, more, upwards=True)
    children = [
        build_down(widths, [spec.kind for spec in down], layers, _block(parts, down)),
        *_build_middle(values, parts, widths[-1], down[-1]),
        build_up(widths[::-1], [spec.kind for spec in up], more, _block(parts, up)),
    ]
    tensors = (*_project(values), *around_condition(values, parts.style, widths[0], inputs, time))
    return assemble("DreamLiteUNetModel", "DreamLiteUNetModel", tensors, children)


def _read_parts(values: Values, time: int) -> _Parts:
    scale_shift = values.choice("resnet_time_scale_shift", "default", "scale_shift") == "scale_shift"
    gated = values.choice("attention_type", "default", "gated", "gated-text-image") != "default"
    return _Parts(
        Style(values.size("norm_num_groups"), time, scale_shift, values.flag("use_linear_projection")),
        Options(dual=values.flag("dual_cross_attention"), gated=gated), values.flag("use_sep_conv"),
        values.optional("num_kv_heads"), values.choice("qk_norm", None, "rms_norm", "layer_norm"),
        values.size("ff_mult"),
    )  # fmt: skip


def _read_specs(values: Values, layers: list[int], *, upwards: bool = False) -> list[Spec]:
    """The settings of the blocks of so many layers, in the order of their way, of kinds by their short names."""
    way, count = "Up" if upwards else "Down", len(layers)
    if isinstance(values.get("reverse_transformer_layers_per_block"), int):
        raise InvalidDocument("must be a list", "/reverse_transformer_layers_per_block")
    short = {kind.format(way): kind.format(way) for kind in _KINDS}
    short |= {f"DreamLite{kind}": kind for kind in short}
    removing = _KINDS[2].format(way)
    short[f"DreamLiteCrossAttnNoSelfAttn{way}Block2D"] = removing
    if upwards:
        short[f"{removing}V1"] = removing
    del short[f"DreamLite{removing}"]
    kinds = values.choices(f"{way.lower()}_block_types", count, list(short))
    heads, contexts, only_cross = (
        values.sizes("attention_head_dim", count), values.sizes("cross_attention_dim", count),
        values.flags("only_cross_attention", count),
    )  # fmt: skip
    if upwards:
        heads, contexts, only_cross = heads[::-1], contexts[::-1], only_cross[::-1]
    transformers = read_transformers(values, "transformer_layers_per_block", layers, upwards=upwards)
    settings = zip(kinds, layers, heads, transformers, contexts, only_cross, strict=True)
    return [
        Spec(short[kind], number, 1, head, each, context, only) for kind, number, head, each, context, only in settings
    ]


def _block(parts: _Parts, specs: list[Spec]) -> Block:
    def build(position: int, pairs: Pairs) -> Iterator[Layer]:
        spec = specs[position]
        attends = spec.kind.startswith("Cross")
        yield parts.resnets(pairs, attends=attends)
        if attends:
            yield parts.transformers(pairs[0][1], spec, attends_self="Remove" not in spec.kind)

    return build


def _build_middle(values: Values, parts: _Parts, width: int, last: Spec) -> list[Layer]:
    kind = values.choice("mid_block_type", None, "UNetMidBlock2DCrossAttn", "DreamLiteUNetMidBlock2DCrossAttn")
    if kind is None:
        return []
    count = values.layers("num_mid_layers")
    numbers = _last_numbers(values, last, count)
    spec = last._replace(transformers=numbers, only_cross=False)
    children = (parts.transformers(width, spec), parts.resnets([(width, width)] * (count + 1)))
    return [Layer("mid_block", "DreamLiteUNetMidBlock2DCrossAttn", children=children)]


def _last_numbers(values: Values, last: Spec, count: int) -> Sequence[int]:
    """The numbers of blocks of the transformers in the middle: those that are stated for the last block."""
    stated = values.get("transformer_layers_per_block")
    if not isinstance(stated[-1] if isinstance(stated, list | tuple) else stated, list | tuple):
        return [*last.transformers[:1]] * count
    if len(last.transformers) < count:
        raise InvalidDocument(f"must end with {count} integers", "/transformer_layers_per_block")
    return last.transformers[:count]


def _project(values: Values) -> Tensors:
    """The projection of the context, which may have an RMS norm."""
    if values.get("encoder_hid_dim_type") != "text_proj_rms":
        yield from context_projection(values, "text_proj", "text_image_proj", "image_proj")
        return
    context = values.size("cross_attention_dim")
    yield from linear("encoder_hid_proj.0", values.size("encoder_hid_dim"), context)
    yield Tensor("encoder_hid_proj.1.weight", (context,))


def build_dreamlite_transformer(config: Mapping[str, Any]) -> Layer:
    """DreamLiteTransformer2DModel: the transformer of a block alone. Raises InvalidDocument."""
    values = Values(config, _TRANSFORMER)
    norms, keys = values.choice("norm_type", "layer_norm", "ada_norm"), values.optional("num_kv_heads")
    gated = values.choice("attention_type", "default", "gated", "gated-text-image") != "default"
    head = values.size("attention_head_dim")
    block = read_block(values)._replace(
        norms=norms, only_cross=values.flag("only_cross_attention"), head=head,
        embeddings=values.size("num_embeds_ada_norm") if norms == "ada_norm" else 0,
        attends_self=values.flag("use_self_attention"), key_width=keys and head * keys,
        query_norm=values.choice("qk_norm", None, "rms_norm", "layer_norm"), multiple=values.size("ff_mult"),
    )  # fmt: skip
    more = fuser(block.width, values.size("cross_attention_dim")) if gated else ()
    one = assemble("", "BasicTransformerBlockDreamLite", (*block.tensors(), *more))
    blocks = repeat("transformer_blocks", values.size("num_layers"), one)
    name = "DreamLiteTransformer2DModel"
    return assemble(name, name, frame_picture(values, block.width), blocks)


BUILDERS: Builders = {
    "DreamLiteTransformer2DModel": build_dreamlite_transformer,
    "DreamLiteUNetModel": build_dreamlite,
}

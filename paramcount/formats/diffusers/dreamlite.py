"""DreamLiteUNetModel: separable convolutions, few keys of attention. Source: diffusers.models.unets.unet_dreamlite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from paramcount.formats.diffusers.blocks import Style, attention_width, modules, stack
from paramcount.formats.diffusers.blocks_2d import Options, Spec, cross_attentions, fuser
from paramcount.formats.diffusers.conditions import context_projection
from paramcount.formats.diffusers.ladders import Block, Pairs, build_down, build_up, read_transformers
from paramcount.formats.diffusers.unets import CONDITION_DEFAULTS, around_condition, read_time
from paramcount.formats.diffusers.values import Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
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
        block = assemble("", "BasicTransformerBlockDreamLite", self._block(inner, spec, attends_self=attends_self))
        built = {
            count: assemble("", "DreamLiteTransformer2DModel", around, repeat("transformer_blocks", count, block))
            for count in set(spec.transformers)
        }
        return stack("attentions", [built[count] for count in spec.transformers])

    def _block(self, width: int, spec: Spec, *, attends_self: bool) -> Tensors:
        head = width // spec.heads
        if attends_self:
            yield from self._attention("attn1", width, spec.context if spec.only_cross else width, head)
        yield from self._attention("attn2", width, spec.context, head)
        for number in (1, 2, 3):
            yield from norm(f"norm{number}", width)
        yield from linear("ff.net.0.proj", width, 2 * self.multiple * width)
        yield from linear("ff.net.2", self.multiple * width, width)
        if self.options.gated:
            yield from fuser(width, spec.context)

    def _attention(self, name: str, width: int, source: int, head: int) -> Tensors:
        keys = width if self.key_heads is None else head * self.key_heads
        yield from linear(f"{name}.to_q", width, width, bias=False)
        yield from linear(f"{name}.to_k", source, keys, bias=False)
        yield from linear(f"{name}.to_v", source, keys, bias=False)
        yield from linear(f"{name}.to_out.0", width, width)
        for part in ("norm_q", "norm_k") if self.query_norm else ():
            yield Tensor(f"{name}.{part}.weight", (head,))
            if self.query_norm == "layer_norm":
                yield Tensor(f"{name}.{part}.bias", (head,))


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
    count, numbers = values.layers("num_mid_layers"), _last_numbers(values, last)
    if len(numbers) == 1:
        numbers = [*numbers] * count
    if len(numbers) < count:
        raise InvalidDocument(f"must end with at least {count} numbers", "/transformer_layers_per_block")
    spec = last._replace(transformers=numbers[:count], only_cross=False)
    children = (parts.transformers(width, spec), parts.resnets([(width, width)] * (count + 1)))
    return [Layer("mid_block", "DreamLiteUNetMidBlock2DCrossAttn", children=children)]


def _last_numbers(values: Values, last: Spec) -> Sequence[int]:
    """The numbers of blocks that are stated for the last block: one for all of its transformers, or one for each."""
    stated = values.get("transformer_layers_per_block")
    item = stated[-1] if isinstance(stated, list | tuple) else stated
    return last.transformers if isinstance(item, list | tuple) else last.transformers[:1]


def _project(values: Values) -> Tensors:
    """The projection of the context, which may have an RMS norm."""
    if values.get("encoder_hid_dim_type") != "text_proj_rms":
        yield from context_projection(values, "text_proj", "text_image_proj", "image_proj")
        return
    context = values.size("cross_attention_dim")
    yield from linear("encoder_hid_proj.0", values.size("encoder_hid_dim"), context)
    yield Tensor("encoder_hid_proj.1.weight", (context,))


BUILDERS_OF_DREAMLITE: Mapping[str, Callable[[Mapping[str, Any]], Layer]] = {"DreamLiteUNetModel": build_dreamlite}

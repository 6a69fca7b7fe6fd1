"""Kandinsky3UNet. Source: diffusers.models.unets.unet_kandinsky3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, modules, stack, time_embedding
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 4, "time_embedding_dim": 1536, "groups": 32, "attention_head_dim": 64, "layers_per_block": 3,
    "block_out_channels": [384, 768, 1536, 3072], "cross_attention_dim": 4096, "encoder_hid_dim": 4096,
}  # fmt: skip

_ATTENDS = (False, True, True, True)
"""True where a block attends, to itself and to the text, from the outermost to the innermost."""


class _Parts(NamedTuple):
    """The modules of all blocks."""

    style: Style
    time: int
    context: int

    def norm(self, name: str, width: int) -> Tensors:
        """Kandinsky3ConditionalGroupNorm."""
        if width % self.style.groups:
            detail = f"must divide every width: {width} channels are not so many groups"
            raise InvalidDocument(detail, "/groups")
        yield from linear(f"{name}.context_mlp.1", self.time, 2 * width)

    def attention(self, width: int, context: int) -> Tensors:
        """Kandinsky3AttentionBlock."""
        yield from self.norm("in_norm", width)
        for name, source in (("to_q", width), ("to_k", context), ("to_v", context), ("to_out.0", width)):
            yield from linear(f"attention.{name}", source, width, bias=False)
        yield from self.norm("out_norm", width)
        yield from convolution("feed_forward.0", width, 4 * width, (1, 1), bias=False)
        yield from convolution("feed_forward.2", 4 * width, width, (1, 1), bias=False)

    def resnet(self, inputs: int, outputs: int, resampling: str = "") -> Tensors:
        """Kandinsky3ResNetBlock, which doubles ("up") or halves ("down") the picture, or does not."""
        inner = max(inputs, outputs) // 2
        if not inner:
            raise InvalidDocument(f"must make more than {outputs} channels", "/block_out_channels")
        for index, (before, after) in enumerate(pairwise((inputs, inner, inner, inner, outputs))):
            name = f"resnet_blocks.{index}"
            kernel = (3, 3) if index in (1, 2) else (1, 1)
            yield from self.norm(f"{name}.group_norm", before)
            yield from convolution(f"{name}.projection", before, after, kernel)
        if resampling == "up":
            yield from convolution("resnet_blocks.1.up_sample", inner, inner, (2, 2))
            yield from convolution("shortcut_up_sample", inputs, inputs, (2, 2))
        elif resampling:
            yield from convolution("resnet_blocks.2.down_sample", inner, inner, (2, 2))
            yield from convolution("shortcut_down_sample", outputs, outputs, (2, 2))
        if inputs != outputs:
            yield from convolution("shortcut_projection", inputs, outputs, (1, 1))


def build_kandinsky3(config: Mapping[str, Any]) -> Layer:
    """Kandinsky3UNet. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    widths, count = values.sizes("block_out_channels"), values.layers("layers_per_block")
    if len(widths) > len(_ATTENDS):
        raise InvalidDocument("was not verified for more than 4 blocks", "/block_out_channels", "unsupported")
    first, time, context = widths[0] // 2, values.size("time_embedding_dim"), values.size("cross_attention_dim")
    if not first:
        raise InvalidDocument("must be at least 2", "/block_out_channels/0")
    style = Style(values.size("groups"))
    parts = _Parts(style, time, context)
    values.size("attention_head_dim")

    def tensors() -> Tensors:
        yield from time_embedding("time_embedding", first, time)
        for name, inputs in (("to_q", context), ("to_k", context), ("to_v", context), ("to_out.0", time)):
            yield from linear(f"add_time_condition.attention.{name}", inputs, time, bias=False)
        yield from convolution("conv_in", values.size("in_channels"), first, (3, 3))
        name = "encoder_hid_proj"
        yield from linear(f"{name}.projection_linear", values.size("encoder_hid_dim"), context, bias=False)
        yield from norm(f"{name}.projection_norm", context)
        yield from style.group_norm("conv_norm_out", first)
        yield from convolution("conv_out", first, values.size("in_channels"), (3, 3))

    levels, last = list(pairwise([first, *widths])), len(widths) - 1
    down = [
        _build_down(parts, *pair, count, attends=attends, resamples=index < last)
        for index, (pair, attends) in enumerate(zip(levels, _ATTENDS, strict=False))
    ]
    up = [
        _build_up(parts, *pair, count, attends=attends, kept=bool(index))
        for index, (pair, attends) in enumerate(zip(reversed(levels), reversed(_ATTENDS), strict=False))
    ]
    return assemble("Kandinsky3UNet", "Kandinsky3UNet", tensors(), [stack("down_blocks", down), stack("up_blocks", up)])


def _build_down(parts: _Parts, inputs: int, outputs: int, count: int, *, attends: bool, resamples: bool) -> Layer:
    pairs = [(inputs, outputs), *[(outputs, outputs)] * (count - 1)]
    inner: list[tuple[Any, ...]] = [(outputs, outputs)] * count
    if resamples:
        inner[-1] = (outputs, outputs, "down")
    attentions = _attentions(parts, inputs, [outputs] * count, attends=attends)
    children = (attentions, _resnets("resnets_in", parts, pairs), _resnets("resnets_out", parts, inner))
    return Layer("", "Kandinsky3DownSampleBlock", children=children)


def _build_up(parts: _Parts, outputs: int, inputs: int, count: int, *, attends: bool, kept: bool) -> Layer:
    """A block on the way up, which takes what the way down `kept`, and doubles the picture, unless it is the first."""
    widths = [inputs * (1 + kept), *[inputs] * (count - 1)]
    pairs = list(zip(widths, [*[inputs] * (max(count, 2) - 1), outputs], strict=False))
    inner: list[tuple[Any, ...]] = [(width, width) for width in widths]
    if kept:
        inner[0] = (widths[0], widths[0], "up")
    attentions = _attentions(parts, outputs, widths, attends=attends)
    children = (attentions, _resnets("resnets_in", parts, inner), _resnets("resnets_out", parts, pairs))
    return Layer("", "Kandinsky3UpSampleBlock", children=children)


def _resnets(name: str, parts: _Parts, arguments: Sequence[tuple[Any, ...]]) -> Layer:
    return modules(name, "Kandinsky3ResNetBlock", parts.resnet, arguments)


def _attentions(parts: _Parts, width: int, widths: list[int], *, attends: bool) -> Layer:
    """Attention of a width to itself, and of others to the text."""
    pairs = [(width, width), *((each, parts.context) for each in widths)]
    if not attends:
        return stack("attentions", [Layer("", "Identity")] * len(pairs))
    return modules("attentions", "Kandinsky3AttentionBlock", parts.attention, pairs)


BUILDERS: Builders = {"Kandinsky3UNet": build_kandinsky3}

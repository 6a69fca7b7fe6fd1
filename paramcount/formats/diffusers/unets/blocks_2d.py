"""The kinds of blocks of 2D UNets. Source: diffusers.models.unets.unet_2d_blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from paramcount.formats.diffusers.blocks import (
    Style,
    attention_width,
    fuser,
    modules,
    resampler,
    stack,
)
from paramcount.formats.diffusers.unets.k_blocks import build_k_block
from paramcount.formats.diffusers.unets.ladders import Pairs
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

PLAIN_KINDS = tuple(
    f"{prefix}{kind}"
    for prefix in ("", "UNetRes")
    for kind in ("{}Block2D", "Attn{}Block2D", "Skip{}Block2D", "AttnSkip{}Block2D", "Resnet{}sampleBlock2D")
)
CONDITION_KINDS = (
    *PLAIN_KINDS, "CrossAttn{}Block2D", "SimpleCrossAttn{}Block2D", "K{}Block2D", "KCrossAttn{}Block2D",
)  # fmt: skip
"""The kinds of blocks, with {} for Down or Up."""


class Spec(NamedTuple):
    """The settings of one block."""

    kind: str
    layers: int
    head: int  # the width of a head
    heads: int = 1  # of a transformer
    transformers: Sequence[int] = ()
    context: int = 0
    only_cross: bool = False


class Options(NamedTuple):
    """The settings of all blocks of a model."""

    context_norm: str | None = None
    dual: bool = False
    gated: bool = False
    resampling: str = "conv"


class Step(NamedTuple):
    """A step down or up: the widths of its layers, and the width of the next block, or of itself at the end."""

    pairs: Pairs
    way: str  # "Down" or "Up"
    is_last: bool
    after: int


def format_kinds(kinds: Sequence[str], way: str) -> list[str]:
    """The kinds of a way, "Down" or "Up"."""
    return [kind.format(way) for kind in kinds]


def build_block(style: Style, spec: Spec, step: Step, options: Options) -> Layer:
    """A block of any kind."""
    kind = spec.kind.removeprefix("UNetRes")
    width, count = step.pairs[0][1], len(step.pairs)
    if kind.startswith("K"):
        return build_k_block(kind, style, step.pairs, spec.head, spec.context, ends=step.is_last, after=step.after)
    if "Skip" in kind:
        return _build_skip_block(kind, style, spec, step)
    children = [style.resnets(step.pairs)]
    if kind.startswith("CrossAttn"):
        children.append(stack("attentions", cross_attentions(style, width, spec, options)))
    elif kind.startswith("Simple"):
        children.append(stack("attentions", [simple_attention(style, width, spec, options)] * count))
    elif kind.startswith("Attn"):
        children.append(stack("attentions", [assemble("", "Attention", style.attention(width, spec.head))] * count))
    if not step.is_last:
        resnet = kind.startswith(("Simple", "Resnet")) or (kind.startswith("Attn") and options.resampling == "resnet")
        name = f"{step.way.lower()}samplers"
        halves = modules(name, "ResnetBlock2D", style.resnet, [(width, width)])
        children.append(halves if resnet else resampler(name, width))
    return Layer("", kind, children=tuple(children))


def cross_attentions(style: Style, width: int, spec: Spec, options: Options) -> list[Layer]:
    """The transformers of a block: one a layer, or two."""
    if options.dual:
        one = replace(style, linear_projection=False).transformer(width, spec.heads, 1, spec.context)
        dual = Layer("", "DualTransformer2DModel", children=(stack("transformers", [one, one]),))
        return [dual] * len(spec.transformers)
    more = tuple(fuser(attention_width(width, spec.heads), spec.context)) if options.gated else ()
    kinds = {
        count: style.transformer(width, spec.heads, count, spec.context, only_cross=spec.only_cross, more=more)
        for count in set(spec.transformers)
    }
    return [kinds[count] for count in spec.transformers]


def simple_attention(style: Style, width: int, spec: Spec, options: Options) -> Layer:
    """Attention over the pixels and over a context of added keys and values."""

    def tensors() -> Tensors:
        inner = attention_width(width, spec.head)
        yield from style.group_norm("group_norm", width)
        for name in ("to_q",) if spec.only_cross else ("to_q", "to_k", "to_v"):
            yield from linear(name, width, inner)
        for name in ("add_k_proj", "add_v_proj"):
            yield from linear(name, spec.context, inner)
        yield from linear("to_out.0", inner, width)
        if options.context_norm == "layer_norm":
            yield from norm("norm_cross", width)
        elif options.context_norm == "group_norm":
            if spec.context % 32:
                raise InvalidDocument("must be a multiple of 32 for its norm", "/cross_attention_dim")
            yield from norm("norm_cross", spec.context)

    return assemble("", "Attention", tensors())


def quarter_groups(width: int) -> int:
    """The number of groups of a norm where a model states none."""
    groups = min(width // 4, 32)
    if not groups or width % groups:
        raise InvalidDocument(f"makes {width} channels, which are not {groups} groups", "/block_out_channels")
    return groups


def _build_skip_block(kind: str, style: Style, spec: Spec, step: Step) -> Layer:
    """A block with a picture of three channels beside it."""
    width, attends = step.pairs[0][1], kind.startswith("Attn")
    upwards = step.way == "Up"

    def resnet(inputs: int, outputs: int) -> Tensors:
        quarter_groups(outputs)
        if not (upwards and attends):
            quarter_groups(inputs)
        yield from replace(style, groups=1).resnet(inputs, outputs)

    def around() -> Tensors:
        if step.is_last:
            return
        quarter_groups(width)
        name = f"resnet_{step.way.lower()}"
        for tensor in replace(style, groups=1).resnet(width, width):
            yield tensor._replace(name=f"{name}.{tensor.name}")
        yield from convolution(f"{name}.conv_shortcut", width, width, (1, 1))
        if upwards:
            yield from convolution("skip_conv", width, 3, (3, 3))
            yield from norm("skip_norm", width)
        else:
            yield from convolution("skip_conv", 3, width, (1, 1))

    if upwards and attends:
        _check_summed_groups(step)
    children = [modules("resnets", "ResnetBlock2D", resnet, step.pairs)]
    if attends:
        one = assemble("", "Attention", style.attention(width, spec.head, 32))
        children.append(stack("attentions", [one] * (1 if upwards else len(step.pairs))))
    return assemble("", kind, around(), children)


def _check_summed_groups(step: Step) -> None:
    """Check the groups of AttnSkipUpBlock2D, which divides the kept channels alone by four."""
    width, count = step.pairs[0][1], len(step.pairs)
    for index, (inputs, _) in enumerate(step.pairs):
        kept = step.after if index == count - 1 else width
        groups = min(inputs - kept + kept // 4, 32)
        if inputs % groups:
            raise InvalidDocument(f"makes {inputs} channels, which are not {groups} groups", "/block_out_channels")

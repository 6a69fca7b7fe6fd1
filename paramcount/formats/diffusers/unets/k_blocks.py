"""The blocks of the latent upscalers, whose norms follow the time. Source: diffusers.models.unets.unet_2d_blocks."""

from __future__ import annotations

from paramcount.formats.diffusers.blocks import Style, attention_width, modules, stack
from paramcount.formats.diffusers.unets.ladders import Pairs
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm
from paramcount.model.layers import Layer


def build_k_block(kind: str, style: Style, pairs: Pairs, head: int, context: int, *, ends: bool, after: int) -> Layer:
    """KDownBlock2D, KUpBlock2D and those with attention; `after` is the width of the next block."""
    time, width, count = style.time_width, pairs[0][1], len(pairs)
    assert time is not None
    if "Down" in kind:
        resnets = [(*pair, pair[1]) for pair in pairs]
        widths, attends_self = [width] * count, ends
    else:
        first = "Cross" in kind and after == width == time
        resnets = _resnets_up(kind, width, count - 1, after, twice=not first)
        widths, attends_self = [*[width] * (count - 2), after], first
    children = [modules("resnets", "ResnetBlockCondNorm2D", lambda *sizes: _resnet(time, *sizes), resnets)]
    if "Cross" in kind:
        built = {
            each: assemble("", "KAttentionBlock", _attention(time, each, head, context, attends_self=attends_self))
            for each in set(widths)
        }
        children.append(stack("attentions", [built[each] for each in widths]))
    return Layer("", kind, children=tuple(children))


def _resnets_up(kind: str, width: int, count: int, after: int, *, twice: bool) -> list[tuple[int, int, int]]:
    """The widths that each residual block takes, has within, and makes."""
    resnets = [(width, width, width)] * count
    if twice:
        resnets[0] = (2 * width, width, width)
    inputs, inner, _ = resnets[-1]
    resnets[-1] = (inputs, inner if "Cross" in kind else after, after)
    return resnets


def _resnet(time: int, inputs: int, inner: int, outputs: int) -> Tensors:
    """ResnetBlockCondNorm2D."""
    yield from linear("norm1.linear", time, 2 * inputs)
    yield from convolution("conv1", inputs, inner, (3, 3))
    yield from linear("norm2.linear", time, 2 * inner)
    yield from convolution("conv2", inner, outputs, (3, 3))
    if inputs != outputs:
        yield from convolution("conv_shortcut", inputs, outputs, (1, 1), bias=False)


def _attention(time: int, width: int, head: int, context: int, *, attends_self: bool) -> Tensors:
    """KAttentionBlock."""
    inner = attention_width(width, head)
    for number, source in ((1, width), (2, context)):
        if number == 2 or attends_self:
            yield from linear(f"norm{number}.linear", time, 2 * width)
            yield from linear(f"attn{number}.to_q", width, inner)
            yield from linear(f"attn{number}.to_k", source, inner)
            yield from linear(f"attn{number}.to_v", source, inner)
            yield from linear(f"attn{number}.to_out.0", inner, width)
    yield from norm("attn2.norm_cross", context)

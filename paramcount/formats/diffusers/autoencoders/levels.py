"""Halves of autoencoders of numbered levels: a list of blocks at each, and a middle of two blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from paramcount.formats.diffusers.blocks import modules, stack
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.layers import Layer

_CUBE = (3, 3, 3)

Norm = Callable[[str, int], Tensors]

Attention = Callable[[int], Tensors]


class Half(NamedTuple):
    """An encoder or a decoder: its way, and the tensors of its modules."""

    way: str
    resnet: Callable[[int, int], Tensors]
    resample: Callable[[int, int], Tensors] | None = None  # of a level and its width; nothing where it does not
    attention: Attention | None = None  # of the middle
    attentions: Sequence[Attention | None] = ()  # of each level

    def stages(self, inputs: Sequence[int], widths: Sequence[int], layers: Sequence[int], name: str = "") -> Layer:
        """The levels, each from its inputs to its width."""
        stages = []
        for level, (before, width, count) in enumerate(zip(inputs, widths, layers, strict=True)):
            pairs = [(before, width), *[(width, width)] * (count - 1)]
            children = [modules("block", "ResnetBlock", self.resnet, pairs)]
            if self.attentions and (attention := self.attentions[level]) is not None:
                children.append(modules("attn", "AttnBlock", attention, [(width,)] * count))
            tensors = tuple(self.resample(level, width)) if self.resample else ()
            if tensors:
                children.append(assemble(f"{self.way}sample", "Resample", tensors))
            stages.append(Layer("", "Module", children=tuple(children)))
        return stack(name or self.way, stages)

    def middle(self, width: int) -> Layer:
        children = [assemble(f"block_{number}", "ResnetBlock", self.resnet(width, width)) for number in (1, 2)]
        if self.attention is not None:
            children.append(assemble("attn_1", "AttnBlock", self.attention(width)))
        return Layer("mid", "Module", children=tuple(children))

    def build(self, ends: Tensors, widths: Sequence[int], layers: Sequence[int], first: int) -> Layer:
        """All of it, whose first level has inputs of its own: the encoder's of its base, the decoder's of its end."""
        down = self.way == "down"
        inputs = [first, *widths[:-1]] if down else [*widths[1:], first]
        children = [self.stages(inputs, widths, layers), self.middle(widths[-1])]
        return assemble("encoder" if down else "decoder", "Encoder" if down else "Decoder", ends, children)


def residual(normalize: Norm, kernel: tuple[int, ...], inner: str = "", shortcut: str = "") -> Callable[..., Tensors]:
    """The tensors of a residual block, whose convolutions may be inside of others."""

    def tensors(inputs: int, outputs: int) -> Tensors:
        yield from normalize("norm1", inputs)
        yield from convolution(f"conv1{inner}", inputs, outputs, kernel)
        yield from normalize("norm2", outputs)
        yield from convolution(f"conv2{inner}", outputs, outputs, kernel)
        if inputs != outputs:
            yield from convolution(f"nin_shortcut{shortcut}", inputs, outputs, (1,) * len(kernel))

    return tensors


def spatial(inner: Norm, latent: int, kernel: tuple[int, ...]) -> Norm:
    """A norm that a latent scales and shifts."""

    def tensors(name: str, width: int) -> Tensors:
        yield from inner(f"{name}.norm_layer", width)
        yield from convolution(f"{name}.conv_y", latent, width, kernel)
        yield from convolution(f"{name}.conv_b", latent, width, kernel)

    return tensors


def causal_ends(normalize: Norm, inputs: int, first: int, last: int, outputs: int, inner: str = ".conv") -> Tensors:
    """The first and the last layers of a half."""
    yield from convolution(f"conv_in{inner}", inputs, first, _CUBE)
    yield from normalize("norm_out", last)
    yield from convolution(f"conv_out{inner}", last, outputs, _CUBE)

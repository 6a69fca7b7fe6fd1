"""The blocks of UNets and of autoencoders. Source: diffusers.models.unets.unet_2d_blocks, resnet, attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Style:
    """The settings that all blocks of a model share."""

    groups: int
    time_width: int | None = None  # of the embedding of time; None: the blocks take none
    scale_shift: bool = False
    linear_projection: bool = False

    def group_norm(self, name: str, width: int, groups: int | None = None) -> Tensors:
        if width % (groups or self.groups):
            detail = f"must divide every width: {width} channels are not so many groups"
            raise InvalidDocument(detail, "/norm_num_groups")
        yield from norm(name, width)

    def resnet(self, inputs: int, outputs: int) -> Tensors:
        """ResnetBlock2D."""
        yield from self.group_norm("norm1", inputs)
        yield from convolution("conv1", inputs, outputs, (3, 3))
        if self.time_width is not None:
            yield from linear("time_emb_proj", self.time_width, (1 + self.scale_shift) * outputs)
        yield from self.group_norm("norm2", outputs)
        yield from convolution("conv2", outputs, outputs, (3, 3))
        if inputs != outputs:
            yield from convolution("conv_shortcut", inputs, outputs, (1, 1))

    def resnets(self, widths: Sequence[tuple[int, int]]) -> Layer:
        """A list of them, each from one width to another; those that are equal are one."""
        return modules("resnets", "ResnetBlock2D", self.resnet, widths)

    def attention(self, width: int, head_width: int, groups: int | None = None, *, grouped: bool = True) -> Tensors:
        """Attention over the pixels."""
        if head_width < 1 or width < head_width:
            raise InvalidDocument(f"must be at most {width}", "/attention_head_dim")
        inner = width // head_width * head_width
        if grouped:
            yield from self.group_norm("group_norm", width, groups)
        for name in ("to_q", "to_k", "to_v"):
            yield from linear(name, width, inner)
        yield from linear("to_out.0", inner, width)

    def transformer(
        self, width: int, heads: int, layers: int, context: int, *, only_cross: bool = False,
        more: Sequence[Tensor] = (),
    ) -> Layer:  # fmt: skip
        """Transformer2DModel, of blocks that attend to themselves and to a context, and have `more`."""
        inner = attention_width(width, heads)
        kernel = () if self.linear_projection else (1, 1)

        def around() -> Tensors:
            yield from self.group_norm("norm", width)
            yield from convolution("proj_in", width, inner, kernel)
            yield from convolution("proj_out", inner, width, kernel)

        tensors = (*transformer_block(inner, context, context if only_cross else None), *more)
        block = assemble("", "BasicTransformerBlock", tensors)
        return assemble("", "Transformer2DModel", around(), repeat("transformer_blocks", layers, block))


def attention_width(width: int, heads: int) -> int:
    """The width of all heads together, each of which is rounded down."""
    if width < heads:
        raise InvalidDocument(f"must be at most {width}", "/attention_head_dim")
    return width // heads * heads


def transformer_block(width: int, context: int | None = None, keys: int | None = None) -> Tensors:
    """BasicTransformerBlock with layer norms and a gated feed-forward layer.

    `context` is the width of what its second attention reads, which it has only then, `keys` that of its first.
    """
    for number, source in ((1, keys or width), (2, context)):
        if source is not None:
            yield from norm(f"norm{number}", width)
            yield from attention(f"attn{number}", width, source)
    yield from norm("norm3", width)
    yield from gated_feed_forward("ff", width)


def attention(name: str, width: int, source: int, *, bias: bool = False) -> Tensors:
    """Attention to a source, from a width to the same one."""
    yield from linear(f"{name}.to_q", width, width, bias)
    yield from linear(f"{name}.to_k", source, width, bias)
    yield from linear(f"{name}.to_v", source, width, bias)
    yield from linear(f"{name}.to_out.0", width, width)


def gated_feed_forward(name: str, width: int) -> Tensors:
    """FeedForward of four times the width, gated (GEGLU)."""
    yield from linear(f"{name}.net.0.proj", width, 8 * width)
    yield from linear(f"{name}.net.2", 4 * width, width)


def fuser(width: int, context: int) -> Tensors:
    """GatedSelfAttentionDense."""
    yield from linear("fuser.linear", context, width)
    yield from attention("fuser.attn", width, width)
    yield from gated_feed_forward("fuser.ff", width)
    yield from norm("fuser.norm1", width)
    yield from norm("fuser.norm2", width)
    yield Tensor("fuser.alpha_attn", ())
    yield Tensor("fuser.alpha_dense", ())


def modules(name: str, kind: str, tensors: Callable[..., Tensors], arguments: Sequence[tuple[int, ...]]) -> Layer:
    """A list of modules, each of the tensors for its arguments; those of equal arguments are built once."""
    return stack(name, build_each(kind, tensors, arguments))


def build_each(kind: str, tensors: Callable[..., Tensors], arguments: Sequence[tuple[int, ...]]) -> list[Layer]:
    """The modules of such a list, without their numbers."""
    built = {each: assemble("", kind, tensors(*each)) for each in dict.fromkeys(arguments)}
    return [built[each] for each in arguments]


def stack(name: str, layers: list[Layer]) -> Layer:
    """A list of layers; equal neighbours are one."""
    return Layer(name, "ModuleList", children=tuple(_number(layers)))


def _number(layers: list[Layer]) -> Iterator[Layer]:
    start = 0
    for position in range(1, len(layers) + 1):
        if position == len(layers) or layers[position] != layers[start]:
            last = position - 1
            name = str(start) if last == start else f"{start}-{last}"
            yield layers[start]._replace(name=name, repeat=position - start)
            start = position


def resampler(name: str, width: int) -> Layer:
    """The convolution that halves or doubles the height and the width."""
    return stack(name, [assemble("", "Conv2d", convolution("conv", width, width, (3, 3)))])


def time_embedding(name: str, inputs: int, width: int, condition: int | None = None) -> Tensors:
    """TimestepEmbedding."""
    yield from linear(f"{name}.linear_1", inputs, width)
    if condition is not None:
        yield from linear(f"{name}.cond_proj", condition, inputs, bias=False)
    yield from linear(f"{name}.linear_2", width, width)


def temporal_resnets(style: Style, pairs: list[tuple[int, int]]) -> Layer:
    """A list of SpatioTemporalResBlock: a ResnetBlock2D, and one over the frames."""

    def tensors(inputs: int, outputs: int) -> Tensors:
        for tensor in style.resnet(inputs, outputs):
            yield tensor._replace(name=f"spatial_res_block.{tensor.name}")
        for number in (1, 2):
            yield from style.group_norm(f"temporal_res_block.norm{number}", outputs)
            yield from convolution(f"temporal_res_block.conv{number}", outputs, outputs, (3, 1, 1))
        if style.time_width is not None:
            yield from linear("temporal_res_block.time_emb_proj", style.time_width, outputs)
        yield Tensor("time_mixer.mix_factor", (1,))

    return modules("resnets", "SpatioTemporalResBlock", tensors, pairs)

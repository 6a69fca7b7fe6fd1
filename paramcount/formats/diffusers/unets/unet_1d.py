"""UNet1DModel. Source: diffusers.models.unets.unet_1d, unet_1d_blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import modules, stack
from paramcount.formats.diffusers.unets.blocks_2d import quarter_groups
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 2, "out_channels": 2, "extra_in_channels": 0, "time_embedding_type": "fourier",
    "time_embedding_dim": None, "use_timestep_embedding": False,
    "down_block_types": ["DownBlock1DNoSkip", "DownBlock1D", "AttnDownBlock1D"],
    "up_block_types": ["AttnUpBlock1D", "UpBlock1D", "UpBlock1DNoSkip"], "mid_block_type": "UNetMidBlock1D",
    "out_block_type": None, "block_out_channels": [32, 32, 64], "act_fn": None, "norm_num_groups": 8,
    "layers_per_block": 1, "downsample_each_block": False,
}  # fmt: skip

_GROUPS = 8
_KINDS = ("{}Block1DNoSkip", "{}Block1D", "Attn{}Block1D", "{}ResnetBlock1D")
_ACTIVATIONS = ("swish", "silu", "mish", "gelu", "relu")


def build_unet_1d(config: Mapping[str, Any]) -> Layer:
    """UNet1DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    widths, layers = values.sizes("block_out_channels"), values.layers("layers_per_block")
    halves, count, first = values.flag("downsample_each_block"), len(widths), widths[0]
    out = values.choice("out_block_type", None, "OutConv1DBlock", "ValueFunction")
    extra = values.get("extra_in_channels")
    inputs = [values.size("in_channels") + (values.size("extra_in_channels") if extra else 0), *widths[:-1]]
    kinds = {
        way: values.choices(f"{way.lower()}_block_types", count, [kind.format(way) for kind in _KINDS])
        for way in ("Down", "Up")
    }
    outputs = [*widths[-2::-1], values.size("out_channels") if out is None else first]
    down = [
        _build_block(kind, *pair, first, layers, resamples=index < count - 1 or halves)
        for index, (kind, pair) in enumerate(zip(kinds["Down"], zip(inputs, widths, strict=True), strict=True))
    ]
    up = [
        _build_block(kind, *pair, first, layers, resamples=index < count - 1)
        for index, (kind, pair) in enumerate(zip(kinds["Up"], zip(widths[::-1], outputs, strict=True), strict=True))
    ]
    middle = _build_middle(values, widths[-1], first, layers, halves=halves)
    children = [stack("down_blocks", down), middle, stack("up_blocks", up)]
    return assemble("UNet1DModel", "UNet1DModel", _around(values, widths, out), children)


def _around(values: Values, widths: list[int], out: str | None) -> Tensors:
    first = widths[0]
    kind, inputs = values.choice("time_embedding_type", "fourier", "positional"), first
    if kind == "fourier":
        inputs = values.optional("time_embedding_dim") or 2 * first
        if inputs % 2:
            raise InvalidDocument("must be even", "/time_embedding_dim")
        yield Tensor("time_proj.weight", (inputs // 2,), trainable=False)
    if values.flag("use_timestep_embedding"):
        values.choice("act_fn", *_ACTIVATIONS)
        yield from linear("time_mlp.linear_1", inputs, 4 * first)
        yield from linear("time_mlp.linear_2", 4 * first, first)
    if out is not None:
        values.choice("act_fn", *_ACTIVATIONS)
    if out == "OutConv1DBlock":
        _check_groups(values.optional("norm_num_groups") or quarter_groups(first), first)
        yield from convolution("out_block.final_conv1d_1", first, first, (5,))
        yield from norm("out_block.final_conv1d_gn", first)
        yield from convolution("out_block.final_conv1d_2", first, values.size("out_channels"), (1,))
    elif out == "ValueFunction":
        width = widths[-1] // 4
        if width < 2:
            raise InvalidDocument("must end with at least 8 for values", "/block_out_channels")
        yield from linear("out_block.final_block.0", width + first, width // 2)
        yield from linear("out_block.final_block.2", width // 2, 1)


def _check_groups(groups: int, width: int) -> None:
    if not width or width % groups:
        raise InvalidDocument(f"makes {width} channels, which are not {groups} groups", "/block_out_channels")


def _build_block(kind: str, inputs: int, outputs: int, time: int, layers: int, *, resamples: bool) -> Layer:
    """A block on the way down or up."""
    upwards = "Up" in kind
    if "Resnet" in kind:
        name, kernel = ("upsample.conv", 4) if upwards else ("downsample.conv", 3)
        resampling = convolution(name, outputs, outputs, (kernel,)) if resamples else ()
        return assemble("", kind, resampling, [_temporal_resnets(inputs * (1 + upwards), outputs, time, layers)])
    inner = inputs if upwards and not kind.startswith("Attn") else outputs
    last = 0 if kind == "UpBlock1DNoSkip" else 1
    triples = [(inputs * (1 + upwards), inner, inner, 1), (inner, inner, inner, 1), (inner, inner, outputs, last)]
    children = [modules("resnets", "ResConvBlock", _resnet, triples)]
    if kind.startswith("Attn"):
        children.append(modules("attentions", "SelfAttention1d", _attention, [(inner,), (inner,), (outputs,)]))
    kernels = () if kind.endswith("NoSkip") else _kernel("up" if upwards else "down")
    return assemble("", kind, kernels, children)


def _build_middle(values: Values, width: int, time: int, layers: int, *, halves: bool) -> Layer:
    kind = values.choice("mid_block_type", "UNetMidBlock1D", "MidResTemporalBlock1D", "ValueFunctionMidBlock1D")
    if kind == "MidResTemporalBlock1D":
        resampling = convolution("downsample.conv", width, width, (3,)) if halves else ()
        return assemble("mid_block", kind, resampling, [_temporal_resnets(width, width, time, layers)])
    if kind == "ValueFunctionMidBlock1D":
        half, quarter, children = width // 2, width // 4, []
        for number, inputs, outputs in ((1, width, half), (2, half, quarter)):
            children.append(assemble(f"res{number}", "ResidualTemporalBlock1D", _temporal(inputs, outputs, time)))
            children.append(assemble(f"down{number}", "Downsample1D", convolution("conv", outputs, outputs, (3,))))
        return Layer("mid_block", kind, children=tuple(children))
    children = [
        modules("attentions", "SelfAttention1d", _attention, [(width,)] * 6),
        modules("resnets", "ResConvBlock", _resnet, [(width, width, width, 1)] * 6),
    ]
    return assemble("mid_block", kind, (*_kernel("down"), *_kernel("up")), children)


def _kernel(name: str) -> Tensors:
    """The cubic kernel of a resampling."""
    yield Tensor(f"{name}.kernel", (8,), "buffer", "F32", trainable=False)


def _temporal_resnets(inputs: int, outputs: int, time: int, layers: int) -> Layer:
    pairs = [(inputs, outputs, time), *[(outputs, outputs, time)] * layers]
    return modules("resnets", "ResidualTemporalBlock1D", _temporal, pairs)


def _temporal(inputs: int, outputs: int, time: int) -> Tensors:
    """ResidualTemporalBlock1D."""
    _check_groups(_GROUPS, outputs)
    for name, before in (("conv_in", inputs), ("conv_out", outputs)):
        yield from convolution(f"{name}.conv1d", before, outputs, (5,))
        yield from norm(f"{name}.group_norm", outputs)
    yield from linear("time_emb", time, outputs)
    if inputs != outputs:
        yield from convolution("residual_conv", inputs, outputs, (1,))


def _resnet(inputs: int, inner: int, outputs: int, norms: int) -> Tensors:
    """ResConvBlock, of a norm at its end or not."""
    if inputs != outputs:
        yield from convolution("conv_skip", inputs, outputs, (1,), bias=False)
    yield from convolution("conv_1", inputs, inner, (5,))
    yield from norm("group_norm_1", inner)
    yield from convolution("conv_2", inner, outputs, (5,))
    if norms:
        yield from norm("group_norm_2", outputs)


def _attention(width: int) -> Tensors:
    """SelfAttention1d."""
    yield from norm("group_norm", width)
    for name in ("query", "key", "value", "proj_attn"):
        yield from linear(name, width, width)


BUILDERS: Builders = {"UNet1DModel": build_unet_1d}

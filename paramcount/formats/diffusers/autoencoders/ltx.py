"""The autoencoders of LTX-Video and of LTX-2.

Source: autoencoder_kl_ltx, autoencoder_kl_ltx2 of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import modules, stack, time_embedding
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_LTX: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 128, "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["LTXVideoDownBlock3D"] * 4, "decoder_block_out_channels": [128, 256, 512, 512],
    "layers_per_block": [4, 3, 3, 3, 4], "decoder_layers_per_block": [4, 3, 3, 3, 4],
    "spatio_temporal_scaling": [True, True, True, False],
    "decoder_spatio_temporal_scaling": [True, True, True, False], "decoder_inject_noise": [False] * 5,
    "downsample_type": ["conv"] * 4, "upsample_residual": [False] * 4, "upsample_factor": [1] * 4,
    "timestep_conditioning": False, "patch_size": 4, "patch_size_t": 1,
}  # fmt: skip

_LTX2: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 128, "block_out_channels": [256, 512, 1024, 2048],
    "down_block_types": ["LTX2VideoDownBlock3D"] * 4, "decoder_block_out_channels": [256, 512, 1024],
    "layers_per_block": [4, 6, 6, 2, 2], "decoder_layers_per_block": [5, 5, 5, 5],
    "spatio_temporal_scaling": [True] * 4, "decoder_spatio_temporal_scaling": [True] * 3,
    "decoder_inject_noise": [False] * 4,
    "downsample_type": ["spatial", "temporal", "spatiotemporal", "spatiotemporal"],
    "upsample_type": ["spatiotemporal"] * 3, "upsample_residual": [True] * 3, "upsample_factor": [2] * 3,
    "timestep_conditioning": False, "patch_size": 4, "patch_size_t": 1, "encoder_spatial_padding_mode": "zeros",
    "decoder_spatial_padding_mode": "reflect",
}  # fmt: skip

_CUBE, _POINT = (3, 3, 3), (1, 1, 1)

_STRIDES: Mapping[str, int] = {"spatial": 4, "temporal": 2, "spatiotemporal": 8}
"""The pixels that a resampling puts into channels, by its type."""

_KINDS = ("LTXVideoDownBlock3D", "LTXVideo095DownBlock3D")

_PADDING = ("zeros", "reflect", "replicate", "circular")


class _Resnets(NamedTuple):
    """The settings of residual blocks."""

    shortcut: str  # the name of the convolution around a block
    timed: bool = False

    def tensors(self, inputs: int, outputs: int, noisy: int) -> Tensors:
        if noisy:
            yield Tensor("per_channel_scale1", (inputs, 1, 1))
            yield Tensor("per_channel_scale2", (inputs, 1, 1))
        if self.timed:
            yield Tensor("scale_shift_table", (4, inputs))
        yield from convolution("conv1.conv", inputs, outputs, _CUBE)
        yield from convolution("conv2.conv", outputs, outputs, _CUBE)
        if inputs != outputs:
            yield from norm("norm3", inputs)
            yield from convolution(self.shortcut, inputs, outputs, _POINT)

    def one(self, name: str, inputs: int, outputs: int, *, noisy: bool = False) -> Layer:
        return assemble(name, "ResnetBlock3d", self.tensors(inputs, outputs, int(noisy)))

    def several(self, width: int, layers: int, *, noisy: bool = False) -> Layer:
        return modules("resnets", "ResnetBlock3d", self.tensors, [(width, width, int(noisy))] * layers)

    def embedding(self, width: int) -> Tensors:
        """The embedding of time that the residual blocks of one width share."""
        if self.timed:
            yield from time_embedding("time_embedder.timestep_embedder", 256, 4 * width)

    def middle(self, width: int, layers: int, *, noisy: bool = False) -> Layer:
        children = [self.several(width, layers, noisy=noisy)]
        return assemble("mid_block", "MidBlock3d", self.embedding(width), children)


class _Down(NamedTuple):
    """The settings of a block on the way down."""

    kind: str
    layers: int
    resamples: bool
    sampling: str

    def build(self, resnets: _Resnets, inputs: int, outputs: int) -> Layer:
        children = [resnets.several(inputs, self.layers)]
        if self.resamples:
            name, width = ("conv", inputs) if self.sampling == "conv" else ("conv.conv", outputs)
            if self.sampling != "conv":
                width = _divide(outputs, _STRIDES[self.sampling])
            children.append(_resampler("downsamplers", name, inputs, width))
        if self.kind == "LTXVideoDownBlock3D" and inputs != outputs:
            children.append(resnets.one("conv_out", inputs, outputs))
        return Layer("", self.kind, children=tuple(children))


class _Up(NamedTuple):
    """The settings of a block on the way up."""

    layers: int
    resamples: bool
    noisy: bool
    factor: int
    stride: int

    def build(self, resnets: _Resnets, inputs: int, outputs: int) -> Layer:
        children = [resnets.several(outputs, self.layers, noisy=self.noisy)]
        if inputs != outputs:
            children.append(resnets.one("conv_in", inputs, outputs, noisy=self.noisy))
        if self.resamples:
            width = outputs * self.factor
            children.append(_resampler("upsamplers", "conv.conv", width, width * self.stride // self.factor))
        return assemble("", "UpBlock3d", resnets.embedding(inputs), children)


def _divide(width: int, divisor: int) -> int:
    if width < divisor:
        raise InvalidDocument(f"leaves no channel of {width} where {divisor} divide", "/block_out_channels")
    return width // divisor


def _resampler(name: str, inner: str, inputs: int, outputs: int) -> Layer:
    return stack(name, [assemble("", "Conv3d", convolution(inner, inputs, outputs, _CUBE))])


def _ends(inputs: int, first: int, last: int, outputs: int) -> Tensors:
    yield from convolution("conv_in.conv", inputs, first, _CUBE)
    yield from convolution("conv_out.conv", last, outputs, _CUBE)


def build_ltx(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLLTXVideo. Raises InvalidDocument."""
    values = Values(config, _LTX)
    widths = values.sizes("block_out_channels")
    kinds = values.choices("down_block_types", values.length("down_block_types", 1), list(_KINDS))
    if kinds[-1] == "LTXVideo095DownBlock3D":
        if len(widths) == 1:
            raise InvalidDocument("must have two items at least", "/block_out_channels")
        inner = widths
    else:
        inner = [*widths, widths[-1]]
    for name in (
        "spatio_temporal_scaling", "decoder_spatio_temporal_scaling", "decoder_inject_noise", "upsample_residual"
    ):  # fmt: skip
        _check_list(values, name)
    down = _read_down(values, len(inner) - 1, kinds)
    return _build(values, "AutoencoderKLLTXVideo", "conv_shortcut.conv", inner, down)


def _check_list(values: Values, name: str) -> None:
    if not isinstance(values.get(name), list | tuple):
        raise InvalidDocument("must be a list", f"/{name}")


def build_ltx2(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLLTX2Video. Raises InvalidDocument."""
    values = Values(config, _LTX2)
    for name in ("encoder_spatial_padding_mode", "decoder_spatial_padding_mode"):
        values.choice(name, *_PADDING)
    inner = [values.size("latent_channels"), *values.sizes("block_out_channels")]
    kinds = values.choices("down_block_types", values.length("down_block_types", 1), ("LTX2VideoDownBlock3D",))
    down = _read_down(values, len(inner) - 1, kinds)
    return _build(values, "AutoencoderKLLTX2Video", "conv_shortcut", inner, down)


def _read_down(values: Values, count: int, kinds: list[str]) -> list[_Down]:
    """The blocks on the way down; lists may be longer than what is used of them."""
    if len(kinds) < count:
        raise InvalidDocument(f"must have {count} items at least", "/down_block_types")
    _check_list(values, "layers_per_block")
    layers = values.layers_each("layers_per_block", values.length("layers_per_block", count))
    name = "spatio_temporal_scaling"
    scaling = values.flags(name, values.length(name, count))
    name = "downsample_type"
    samplings = ["conv"] * count
    if kinds[:count] != ["LTXVideoDownBlock3D"] * count:
        samplings = values.choices(name, values.length(name, count), ("conv", *_STRIDES))
    settings = zip(kinds[:count], layers, scaling, samplings, strict=False)
    return [
        _Down(kind, count, scales, "conv" if kind == "LTXVideoDownBlock3D" else sampling)
        for kind, count, scales, sampling in settings
    ]


def _read_up(values: Values, count: int) -> tuple[list[_Up], int, bool]:
    """The blocks on the way up, the layers of the middle, and whether it takes noise; lists are read from the end."""

    def read(name: str, reading: Callable[[str, int], list[Any]], more: int = 0) -> list[Any]:
        return reading(name, values.length(name, count + more))[::-1]

    name = "decoder_layers_per_block"
    _check_list(values, name)
    _check_list(values, "upsample_factor")
    layers, noise = read(name, values.layers_each, 1), read("decoder_inject_noise", values.flags, 1)
    strides = [_STRIDES["spatiotemporal"]] * count
    if "upsample_type" in values:
        name = "upsample_type"
        kinds = values.choices(name, values.length(name, count), list(_STRIDES))
        strides = [_STRIDES[kind] for kind in kinds]
    settings = zip(
        layers[1:], read("decoder_spatio_temporal_scaling", values.flags), noise[1:],
        read("upsample_factor", values.sizes), strides, strict=False,
    )  # fmt: skip
    read("upsample_residual", values.flags)
    return [_Up(*setting) for setting in settings][:count], layers[0], noise[0]


def _build(values: Values, name: str, shortcut: str, inner: list[int], down: list[_Down]) -> Layer:
    """The autoencoder whose encoder has these widths and blocks."""
    pixels, latent = values.size("patch_size") ** 2, values.size("latent_channels")
    values.size("patch_size_t")
    resnets = _Resnets(shortcut)
    blocks = [block.build(resnets, before, width) for block, before, width in zip(down, inner, inner[1:], strict=False)]
    last = values.layers_each("layers_per_block", values.length("layers_per_block", 1))[-1]
    ends = _ends(values.size("in_channels") * pixels, inner[0], inner[-1], latent + 1)
    encoder = assemble("encoder", "Encoder3d", ends, [stack("down_blocks", blocks), resnets.middle(inner[-1], last)])

    def statistics() -> Tensors:
        for statistic in ("latents_mean", "latents_std"):
            yield Tensor(statistic, (latent,), "buffer", "F32", trainable=False)

    decoder = _build_decoder(values, _Resnets(shortcut, values.flag("timestep_conditioning")), latent, pixels)
    return assemble(name, name, statistics(), [encoder, decoder])


def _build_decoder(values: Values, resnets: _Resnets, latent: int, pixels: int) -> Layer:
    widths = values.sizes("decoder_block_out_channels")[::-1]
    up, layers, noisy = _read_up(values, len(widths))
    blocks, width = [], widths[0]
    for block, outputs in zip(up, widths, strict=True):
        inputs, width = _divide(width, block.factor), _divide(outputs, block.factor)
        blocks.append(block.build(resnets, inputs, width))

    def tensors() -> Tensors:
        yield from _ends(latent, widths[0], width, values.size("out_channels") * pixels)
        if resnets.timed:
            yield Tensor("timestep_scale_multiplier", ())
            yield from time_embedding("time_embedder.timestep_embedder", 256, 2 * width)
            yield Tensor("scale_shift_table", (2, width))

    middle = resnets.middle(widths[0], layers, noisy=noisy)
    return assemble("decoder", "Decoder3d", tensors(), [middle, stack("up_blocks", blocks)])


BUILDERS: Builders = {
    "AutoencoderKLLTX2Video": build_ltx2,
    "AutoencoderKLLTXVideo": build_ltx,
}

"""AutoencoderKL, those of FLUX.2 and of Stable Video Diffusion, and AutoencoderTiny.

Source: autoencoder_kl, autoencoder_kl_flux2, autoencoder_kl_temporal_decoder, autoencoder_tiny and vae of
diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, pairwise
from math import prod
from typing import Any

from paramcount.formats.diffusers.autoencoders.image import Coding, build_decoder, build_encoder, read_kinds
from paramcount.formats.diffusers.blocks import Style, resampler, stack, temporal_resnets
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, batch_norm, convolution
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ["DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D"], "block_out_channels": [64], "layers_per_block": 1, "latent_channels": 4,
    "norm_num_groups": 32, "use_quant_conv": True, "use_post_quant_conv": True, "mid_block_add_attention": True,
}  # fmt: skip

_FLUX2: Mapping[str, Any] = {
    **_DEFAULTS,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512], "decoder_block_out_channels": None, "layers_per_block": 2,
    "latent_channels": 32, "patch_size": [2, 2],
}  # fmt: skip

_TEMPORAL: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ["DownEncoderBlock2D"], "block_out_channels": [64],
    "layers_per_block": 1, "latent_channels": 4,
}  # fmt: skip

_FRAMES = (3, 1, 1)
"""The kernel of a convolution over frames."""

_TINY: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "encoder_block_out_channels": [64] * 4,
    "decoder_block_out_channels": [64] * 4, "latent_channels": 4, "num_encoder_blocks": [1, 3, 3, 3],
    "num_decoder_blocks": [3, 3, 3, 1],
}  # fmt: skip


def build_autoencoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKL. Raises InvalidDocument."""
    return _build_kl("AutoencoderKL", Values(config, _DEFAULTS), ())


def build_flux2_autoencoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLFlux2, which normalises its patches. Raises InvalidDocument."""
    values = Values(config, _FLUX2)
    width = prod(values.sizes("patch_size", 2)) * values.size("latent_channels")
    statistics = [tensor for tensor in batch_norm("bn", width) if tensor.role == "buffer"]
    return _build_kl("AutoencoderKLFlux2", values, statistics)


def _build_kl(name: str, values: Values, statistics: Iterable[Tensor]) -> Layer:
    """An autoencoder of an encoder and a decoder of blocks, with the statistics of its patches."""
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    decoded = values.sizes("decoder_block_out_channels") if values.get("decoder_block_out_channels") else widths
    style, layers = Style(values.size("norm_num_groups")), values.layers("layers_per_block")
    attends = values.flag("mid_block_add_attention")
    kinds = read_kinds(values, "down_block_types", len(widths))
    down = Coding(style, kinds, widths, layers, values.size("in_channels"), 2 * latent, attends)
    kinds = read_kinds(values, "up_block_types", len(decoded))
    up = Coding(style, kinds, decoded, layers, latent, values.size("out_channels"), attends)

    def tensors() -> Tensors:
        if values.flag("use_quant_conv"):
            yield from convolution("quant_conv", 2 * latent, 2 * latent, (1, 1))
        if values.flag("use_post_quant_conv"):
            yield from convolution("post_quant_conv", latent, latent, (1, 1))
        yield from statistics

    return assemble(name, name, tensors(), [build_encoder(down), build_decoder(up)])


def build_temporal_decoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLTemporalDecoder, whose decoder mixes frames. Raises InvalidDocument."""
    values, style = Values(config, _TEMPORAL), Style(32)
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    kinds = read_kinds(values, "down_block_types", len(widths))
    layers, outputs = values.layers("layers_per_block"), values.size("out_channels")
    coding = Coding(style, kinds, widths, layers, values.size("in_channels"), 2 * latent)

    def ends() -> Tensors:
        yield from coding._replace(inputs=latent, outputs=outputs).ends(widths[-1], widths[0])
        yield from convolution("time_conv_out", outputs, outputs, _FRAMES)

    up: list[Layer] = []
    for before, width in pairwise([widths[-1], *widths[::-1]]):
        resnets = temporal_resnets(style, [(before, width), *[(width, width)] * layers])
        upsampler = [resampler("upsamplers", width)] if len(up) < len(widths) - 1 else []
        up.append(Layer("", "UpBlockTemporalDecoder", children=(resnets, *upsampler)))
    attention = assemble("", "Attention", style.attention(widths[-1], widths[-1]))
    inner = (stack("attentions", [attention]), temporal_resnets(style, [(widths[-1], widths[-1])] * layers))
    middle = Layer("mid_block", "MidBlockTemporalDecoder", children=inner)
    decoder = assemble("decoder", "TemporalDecoder", ends(), [middle, stack("up_blocks", up)])
    name = "AutoencoderKLTemporalDecoder"
    return assemble(
        name, name, convolution("quant_conv", 2 * latent, 2 * latent, (1, 1)), [build_encoder(coding), decoder]
    )


def build_tiny(config: Mapping[str, Any]) -> Layer:
    """AutoencoderTiny: convolutions and blocks in two lists. Raises InvalidDocument."""
    values = Values(config, _TINY)
    latent, parts = values.size("latent_channels"), []
    for part, inputs, outputs in (
        ("encoder", values.size("in_channels"), latent), ("decoder", latent, values.size("out_channels"))
    ):  # fmt: skip
        widths = values.sizes(f"{part}_block_out_channels")
        counts = values.layers_each(f"num_{part}_blocks", len(widths))
        layers = _tiny_encoder if part == "encoder" else _tiny_decoder
        stacked = stack("layers", list(layers(inputs, outputs, widths, counts)))
        parts.append(Layer(part, f"{part.title()}Tiny", children=(stacked,)))
    return Layer("AutoencoderTiny", "AutoencoderTiny", children=tuple(parts))


def _tiny_encoder(inputs: int, outputs: int, widths: list[int], counts: list[int]) -> Iterator[Layer]:
    for index, (width, count) in enumerate(zip(widths, counts, strict=True)):
        yield _convolution(width if index else inputs, width, bias=not index)
        yield from [_tiny_block(width)] * count
    yield _convolution(widths[-1], outputs)


def _tiny_decoder(inputs: int, outputs: int, widths: list[int], counts: list[int]) -> Iterator[Layer]:
    yield _convolution(inputs, widths[0])
    yield Layer("", "ReLU")
    for index, (width, count) in enumerate(zip(widths, counts, strict=True)):
        is_last = index == len(widths) - 1
        yield from [_tiny_block(width)] * count
        yield from [Layer("", "Upsample")] * (not is_last)
        yield _convolution(width, outputs if is_last else width, bias=is_last)


def _convolution(inputs: int, outputs: int, *, bias: bool = True) -> Layer:
    tensors = convolution("", inputs, outputs, (3, 3), bias)
    return Layer("", "Conv2d", tensors=tuple(tensor._replace(name=tensor.name[1:]) for tensor in tensors))


def _tiny_block(width: int) -> Layer:
    convolutions = (convolution(f"conv.{index}", width, width, (3, 3)) for index in (0, 2, 4))
    return assemble("", "AutoencoderTinyBlock", chain.from_iterable(convolutions))


BUILDERS: Builders = {
    "AutoencoderKL": build_autoencoder,
    "AutoencoderKLFlux2": build_flux2_autoencoder,
    "AutoencoderKLTemporalDecoder": build_temporal_decoder,
    "AutoencoderTiny": build_tiny,
}

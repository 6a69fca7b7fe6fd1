"""The autoencoders of Kandinsky: KVAE of images and of videos, and that of its super-resolution.

Source: autoencoder_kl_kvae, _kvae_video and autoencoder_kandinsky6_sr of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.autoencoders.levels import Half, Norm, causal_ends, residual, spatial
from paramcount.formats.diffusers.blocks import Style
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_KVAE: Mapping[str, Any] = {
    "in_channels": 3, "channels": 128, "num_enc_blocks": 2, "num_dec_blocks": 2, "z_channels": 16, "double_z": True,
    "ch_mult": [1, 2, 4, 8],
}  # fmt: skip

_KVAE_VIDEO: Mapping[str, Any] = {
    "ch": 128, "ch_mult": [1, 2, 4, 8], "num_res_blocks": 2, "in_channels": 3, "out_ch": 3, "z_channels": 16,
    "temporal_compress_times": 4,
}  # fmt: skip

_KANDINSKY: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 64,
    "encoder_block_out_channels": [16, 128, 256, 512, 1024], "decoder_block_out_channels": [16, 256, 512, 1024, 2048],
    "layers_per_block": 2, "temporal_compression_ratio": 4, "temporal_compression_start_level": 1,
}  # fmt: skip

_CUBE, _POINT, _SPACE, _TIME = (3, 3, 3), (1, 1, 1), (1, 3, 3), (3, 1, 1)

_STYLE = Style(32)


def build_kvae(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLKVAE. Raises InvalidDocument."""
    values = Values(config, _KVAE)
    base, channels, latent = map(values.size, ("channels", "in_channels", "z_channels"))
    widths = [base * factor for factor in values.sizes("ch_mult")]
    plain = _STYLE.group_norm
    conditioned = spatial(plain, latent, (1, 1))

    def resample(width: int) -> Tensors:
        yield from convolution("spatial_conv", width, width, (3, 3))
        yield from convolution("linear", width, width, (1, 1))

    def ends(normalize: Norm, inputs: int, first: int, final: int, outputs: int) -> Tensors:
        yield from convolution("conv_in", inputs, first, (3, 3))
        yield from normalize("norm_out", final)
        yield from convolution("conv_out", final, outputs, (3, 3))

    def shrink(level: int, width: int) -> Tensors:
        if level < len(widths) - 1:
            yield from resample(width)

    def grow(level: int, width: int) -> Tensors:
        if level:
            yield from resample(width)

    down, up = Half("down", residual(plain, (3, 3)), shrink), Half("up", residual(conditioned, (3, 3)), grow)
    doubled = latent * (1 + values.flag("double_z"))
    layers = values.layers_each("num_enc_blocks", len(widths))
    encoder = down.build(ends(plain, channels, base, widths[-1], doubled), widths, layers, base)
    layers = [values.layers("num_dec_blocks") + 1] * len(widths)
    decoder = up.build(ends(conditioned, latent, widths[-1], widths[0], channels), widths, layers, widths[-1])
    return Layer("AutoencoderKLKVAE", "AutoencoderKLKVAE", children=(encoder, decoder))


def build_kvae_video(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLKVAEVideo. Raises InvalidDocument."""
    values = Values(config, _KVAE_VIDEO)
    base, latent, layers = values.size("ch"), values.size("z_channels"), values.layers("num_res_blocks")
    widths = [base * factor for factor in values.sizes("ch_mult")]
    count, halved = len(widths), values.size("temporal_compress_times").bit_length() - 1

    def plain(name: str, width: int) -> Tensors:
        yield from _STYLE.group_norm(f"{name}.norm_layer", width)

    def resample(width: int, *, in_time: bool) -> Tensors:
        yield from convolution("spatial_conv", width, width, _SPACE)
        if in_time:
            yield from convolution("temporal_conv.conv", width, width, _TIME)
        yield from convolution("linear", width, width, _POINT)

    def shrink(level: int, width: int) -> Tensors:
        if level < count - 1:
            yield from resample(width, in_time=level < halved)

    def grow(level: int, width: int) -> Tensors:
        if level:
            yield from resample(width, in_time=level >= count - halved)

    conditioned = spatial(plain, latent, _POINT)
    encoder = Half("down", residual(plain, _CUBE, ".conv"), shrink).build(
        causal_ends(plain, values.size("in_channels"), base, widths[-1], 2 * latent), widths, [layers] * count, base
    )
    decoder = Half("up", residual(conditioned, _CUBE, ".conv"), grow).build(
        causal_ends(conditioned, latent, widths[-1], widths[0], values.size("out_ch")),
        widths, [layers + 1] * count, widths[-1],
    )  # fmt: skip
    return Layer("AutoencoderKLKVAEVideo", "AutoencoderKLKVAEVideo", children=(encoder, decoder))


def build_kandinsky_sr(config: Mapping[str, Any]) -> Layer:
    """Kandinsky6SRVAE, whose encoder doubles its channels where it halves the frames' sizes. Raises InvalidDocument."""
    values = Values(config, _KANDINSKY)
    down, up = (values.sizes(f"{part}_block_out_channels") for part in ("encoder", "decoder"))
    if len(down) != len(up):
        raise InvalidDocument(f"must have {len(down)} items", "/decoder_block_out_channels")
    layers, latent = values.layers("layers_per_block"), values.size("latent_channels")
    start = values.count("temporal_compression_start_level")
    count, end = len(down), start + values.size("temporal_compression_ratio").bit_length() - 1

    def plain(name: str, width: int) -> Tensors:
        yield Tensor(f"{name}.gamma", (width, 1, 1, 1))

    def shrink(level: int, width: int) -> Tensors:
        if level < count - 1:
            yield from convolution("spatial_conv", width, 2 * width, _SPACE)
            for index in range(2 * (start <= level < end)):
                yield from convolution(f"temporal_conv.{index}.conv", 2 * width, 2 * width, (2, 1, 1))
            yield from convolution("linear", 2 * width, 2 * width, _POINT)

    def grow(level: int, width: int) -> Tensors:
        if level:
            yield from convolution("spatial_conv", width, width, _SPACE)
            if count - start > level >= count - end:
                yield from convolution("temporal_conv.conv", width, width, _TIME)
            yield from convolution("linear", width, width, _POINT)

    conditioned = spatial(plain, latent, _POINT)
    half = Half("down", residual(plain, _CUBE, ".conv"), shrink)
    ends = causal_ends(plain, values.size("in_channels"), down[0], down[-1], 2 * latent)
    inputs = [down[0], *(2 * width for width in down[:-1])]
    encoder = assemble("encoder", "Encoder", ends, [half.stages(inputs, down, [layers] * count), half.middle(down[-1])])
    decoder = Half("up", residual(conditioned, _CUBE, ".conv"), grow).build(
        causal_ends(conditioned, latent, up[-1], up[0], values.size("out_channels")),
        up, [layers + 1] * count, up[-1],
    )  # fmt: skip
    return Layer("Kandinsky6SRVAE", "Kandinsky6SRVAE", children=(encoder, decoder))


BUILDERS: Builders = {
    "AutoencoderKLKVAE": build_kvae,
    "AutoencoderKLKVAEVideo": build_kvae_video,
    "Kandinsky6SRVAE": build_kandinsky_sr,
}

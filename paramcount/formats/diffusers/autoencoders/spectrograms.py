"""The autoencoders of spectrograms of LTX-2 and of MMAudio, and VidTok, whose levels are alike.

Source: autoencoder_kl_ltx2_audio, autoencoder_mmaudio and autoencoder_vidtok of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

from paramcount.formats.diffusers.autoencoders.levels import Half, Norm, causal_ends, residual
from paramcount.formats.diffusers.blocks import Style
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_LTX2_AUDIO: Mapping[str, Any] = {
    "base_channels": 128, "output_channels": 2, "ch_mult": [1, 2, 4], "num_res_blocks": 2, "attn_resolutions": None,
    "in_channels": 2, "resolution": 256, "latent_channels": 8, "norm_type": "pixel", "causality_axis": "height",
    "mid_block_add_attention": False, "double_z": True,
}  # fmt: skip

_MMAUDIO: Mapping[str, Any] = {
    "mel_bins": 128, "latent_channels": 40, "hidden_channels": 512, "channel_multipliers": [1, 2, 4],
    "layers_per_block": 2, "n_fft": 2048,
}  # fmt: skip

_VIDTOK: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "ch": 128, "ch_mult": [1, 2, 4, 4], "z_channels": 4, "double_z": True,
    "num_res_blocks": 2, "spatial_ds": None, "spatial_us": None, "tempo_ds": None, "tempo_us": None,
    "regularizer": "kl", "codebook_size": 262144, "is_causal": True,
}  # fmt: skip

_CUBE, _POINT = (3, 3, 3), (1, 1, 1)

_STYLE = Style(32)


def _buffer(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, "buffer", "F32", trainable=False)


def build_ltx2_audio(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLLTX2Audio. Raises InvalidDocument."""
    values, name = Values(config, _LTX2_AUDIO), "AutoencoderKLLTX2Audio"
    base, latent, layers = values.size("base_channels"), values.size("latent_channels"), values.layers("num_res_blocks")
    widths, normalize = [base * factor for factor in values.sizes("ch_mult")], _read_ltx2_norm(values)
    count = len(widths)

    def ends(inputs: int, first: int, last: int, outputs: int) -> Tensors:
        yield from convolution("conv_in.conv", inputs, first, (3, 3))
        yield from normalize("norm_out", last)
        yield from convolution("conv_out.conv", last, outputs, (3, 3))

    down, up = _read_ltx2_halves(values, normalize, count)
    doubled = latent * (1 + values.flag("double_z"))
    inner = ends(values.size("in_channels"), base, widths[-1], doubled)
    outer = ends(latent, widths[-1], widths[0], values.size("output_channels"))
    encoder = down.build(inner, widths, [layers] * count, base)
    decoder = up.build(outer, widths, [layers + 1] * count, widths[-1])
    return assemble(name, name, [_buffer("latents_mean", base), _buffer("latents_std", base)], [encoder, decoder])


def _read_ltx2_norm(values: Values) -> Norm:
    """A group norm, or one without parameters."""
    axis = values.choice("causality_axis", "none", "width", "height", "width-compatibility")
    grouped = values.choice("norm_type", "pixel", "group") == "group"
    if grouped and axis != "none":
        raise InvalidDocument("must be pixel where the convolutions are causal", "/norm_type")

    def normalize(name: str, width: int) -> Tensors:
        if grouped:
            yield from _STYLE.group_norm(name, width)

    return normalize


def _read_ltx2_halves(values: Values, normalize: Norm, count: int) -> tuple[Half, Half]:
    """The encoder and the decoder of so many levels, which attend to images of stated sizes."""

    def attention(width: int) -> Tensors:
        yield from normalize("norm", width)
        for part in ("q", "k", "v", "proj_out"):
            yield from convolution(part, width, width, (1, 1))

    def shrink(level: int, width: int) -> Tensors:
        if level < count - 1:
            yield from convolution("conv", width, width, (3, 3))

    def grow(level: int, width: int) -> Tensors:
        if level:
            yield from convolution("conv.conv", width, width, (3, 3))

    size = values.size("resolution")
    scales = values.sizes("attn_resolutions") if values.get("attn_resolutions") else []
    down = [size // 2**level for level in range(count)]
    up = [down[-1] * 2 ** (count - 1 - level) for level in range(count)]
    resnet = residual(normalize, (3, 3), ".conv", ".conv")
    middle = attention if values.flag("mid_block_add_attention") else None
    each = [[attention if one in scales else None for one in sizes] for sizes in (down, up)]
    return Half("down", resnet, shrink, middle, each[0]), Half("up", resnet, grow, middle, each[1])


def build_mmaudio(config: Mapping[str, Any]) -> Layer:
    """MMAudioVAE, which has no norms and no biases. Raises InvalidDocument."""
    values, name = Values(config, _MMAUDIO), "MMAudioVAE"
    mels, latent, base, size = map(values.size, ("mel_bins", "latent_channels", "hidden_channels", "n_fft"))
    widths, layers = (
        [base * factor for factor in values.sizes("channel_multipliers")],
        values.layers("layers_per_block"),
    )

    def resnet(inputs: int, outputs: int) -> Tensors:
        yield from convolution("conv1", inputs, outputs, (3,), bias=False)
        yield from convolution("conv2", outputs, outputs, (3,), bias=False)
        if inputs != outputs:
            yield from convolution("nin_shortcut", inputs, outputs, (1,), bias=False)

    def attention(width: int) -> Tensors:
        yield from convolution("qkv", width, 3 * width, (1,), bias=False)
        yield from convolution("proj_out", width, width, (1,), bias=False)

    def ends(inputs: int, first: int, last: int, outputs: int) -> Tensors:
        yield from convolution("conv_in", inputs, first, (3,), bias=False)
        yield from convolution("conv_out", last, outputs, (3,), bias=False)
        yield Tensor("learnable_gain", ())

    def shrink(level: int, width: int) -> Tensors:
        for number in (1, 2) if not level else ():
            yield from convolution(f"conv{number}", width, width, (1,), bias=False)

    def grow(level: int, width: int) -> Tensors:
        if level == 1:
            yield from convolution("conv", width, width, (3,), bias=False)

    count = len(widths)
    down, up = Half("down", resnet, shrink, attention), Half("up", resnet, grow, attention)
    encoder = down.build(ends(mels, base, widths[-1], 2 * latent), widths, [layers] * count, base)
    decoder = up.build(ends(latent, widths[-1], widths[0], mels), widths, [layers + 1] * count, widths[-1])
    statistics = [_buffer("data_mean", 1, mels, 1), _buffer("data_std", 1, mels, 1)]
    inner = assemble("vae", "MMAudioAutoencoder", statistics, [encoder, decoder])
    filters = [_buffer("mel_converter.mel_basis", mels, size // 2 + 1), _buffer("mel_converter.hann_window", size)]
    return assemble(name, name, filters, [inner])


def _layer_norm(name: str, width: int) -> Tensors:
    yield from norm(f"{name}.norm", width)


def _read_levels(values: Values, name: str, default: list[int]) -> list[int]:
    """A list of levels, which may be empty."""
    if values.get(name) is None:
        return default
    return values.counts(name) if values.get(name) else []


def build_vidtok(config: Mapping[str, Any]) -> Layer:
    """AutoencoderVidTok: levels of images, and levels of time beside them. Raises InvalidDocument."""
    values = Values(config, _VIDTOK)
    base, latent, layers = map(values.size, ("ch", "z_channels", "num_res_blocks"))
    values.layers("num_res_blocks")
    doubles, inner = values.flag("double_z"), ".conv" if values.flag("is_causal") else ""
    if values.choice("regularizer", "kl", "fsq") == "fsq":
        if latent != int(log(values.size("codebook_size"), 8)):
            raise InvalidDocument("must be the logarithm of codebook_size, to the base 8", "/z_channels")
        if doubles:
            raise InvalidDocument("must be false with the regularizer fsq", "/double_z")
    widths = [base * factor for factor in values.sizes("ch_mult")]
    encoder = _build_vidtok_encoder(values, widths, [layers] * len(widths), inner)
    decoder = _build_vidtok_decoder(values, widths, [layers + 1] * len(widths), inner)
    return Layer("AutoencoderVidTok", "AutoencoderVidTok", children=(encoder, decoder))


def _vidtok_middle(width: int, inner: str) -> Layer:
    def attention(width: int) -> Tensors:
        yield from _layer_norm("norm", width)
        for part in ("q", "k", "v", "proj_out"):
            yield from convolution(f"{part}{inner}", width, width, _POINT)

    return Half("mid", residual(_layer_norm, _CUBE, inner, inner), attention=attention).middle(width)


def _vidtok_halves(way: str, space: list[int], time: list[int], inner: str) -> tuple[Half, Half]:
    """The levels of images, and those of time."""

    def in_space(level: int, width: int) -> Tensors:
        if level in space:
            yield from convolution("conv", width, width, (3, 3))

    def in_time(level: int, width: int) -> Tensors:
        if level in time:
            yield from convolution(f"conv{inner}", width, width, _CUBE)
            yield Tensor("mix_factor", (1,))

    images = Half(way, residual(_layer_norm, (3, 3)), in_space)
    return images, Half(way, residual(_layer_norm, (3,), inner, inner), in_time)


def _build_vidtok_encoder(values: Values, widths: list[int], layers: list[int], inner: str) -> Layer:
    count, base = len(widths), values.size("ch")
    space = _read_levels(values, "spatial_ds", list(range(count - 1)))
    time = [level for level in _read_levels(values, "tempo_ds", [count - 2, count - 3]) if level in space]
    images, frames = _vidtok_halves("down", space, time, inner)
    outputs = values.size("z_channels") * (1 + values.flag("double_z"))
    ends = causal_ends(_layer_norm, values.size("in_channels"), base, widths[-1], outputs, inner)
    children = [
        images.stages([base, *widths[:-1]], widths, layers), frames.stages(widths, widths, layers, "down_temporal"),
        _vidtok_middle(widths[-1], inner),
    ]  # fmt: skip
    return assemble("encoder", "VidTokEncoder3D", ends, children)


def _build_vidtok_decoder(values: Values, widths: list[int], layers: list[int], inner: str) -> Layer:
    space = _read_levels(values, "spatial_us", list(range(1, len(widths))))
    images, frames = _vidtok_halves("up", space, _read_levels(values, "tempo_us", [1, 2]), inner)
    latent, outputs = values.size("z_channels"), values.size("out_channels")
    ends = causal_ends(_layer_norm, latent, widths[-1], widths[0], outputs, inner)
    children = [
        images.stages([*widths[1:], widths[-1]], widths, layers), frames.stages(widths, widths, layers, "up_temporal"),
        _vidtok_middle(widths[-1], inner),
    ]  # fmt: skip
    return assemble("decoder", "VidTokDecoder3D", ends, children)


BUILDERS: Builders = {
    "AutoencoderKLLTX2Audio": build_ltx2_audio,
    "AutoencoderVidTok": build_vidtok,
    "MMAudioVAE": build_mmaudio,
}

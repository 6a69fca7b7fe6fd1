"""Autoencoders of sound after Oobleck's: weight-normed convolutions between activations that have parameters.

Source: autoencoder_oobleck, autoencoder_kl_kvae_audio, autoencoder_longcat_audio_dit, autoencoder_cosmos3_audio and
minimax_music3_vocoder of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_OOBLECK: Mapping[str, Any] = {
    "encoder_hidden_size": 128, "downsampling_ratios": [2, 4, 4, 8, 8], "channel_multiples": [1, 2, 4, 8, 16],
    "decoder_channels": 128, "decoder_input_channels": 64, "audio_channels": 2,
}  # fmt: skip

_KVAE: Mapping[str, Any] = {
    "encoder_dim": 64, "encoder_rates": [2, 3, 4, 5, 8], "latent_dim": 2048, "codebook_dim": 64, "decoder_dim": 1536,
    "decoder_rates": [8, 5, 4, 3, 2], "num_channels": 1, "attn_num_heads": 8,
}  # fmt: skip

_MUSIC: Mapping[str, Any] = {
    "latent_channels": 128, "decoder_input_dim": 1024, "decoder_hidden_dim": 1536, "upsampling_ratios": [8, 8, 4, 2],
}  # fmt: skip

_LONGCAT: Mapping[str, Any] = {
    "in_channels": 1, "channels": 128, "c_mults": None, "strides": None, "latent_dim": 64, "encoder_latent_dim": 128,
    "act_fn": None, "use_snake": None,
}  # fmt: skip

_COSMOS_FIXED: Mapping[str, Any] = {
    "model_type": "autoencoder_v2", "use_wav_as_input": True, "enc_type": "spec_convnext", "bottleneck_type": "vae",
    "dec_type": "oobleck", "dec_use_snake": True, "dec_final_tanh": False, "dec_anti_aliasing": False,
    "dec_use_nearest_upsample": False, "dec_use_tanh_at_final": False, "activation": "snakebeta",
    "snake_logscale": True, "anti_aliasing": False, "use_cuda_kernel": False, "latent_mean": None,
    "latent_std": None, "causal": False,
}  # fmt: skip
"""The fields of which diffusers builds no other value."""

_COSMOS: Mapping[str, Any] = {
    **_COSMOS_FIXED, "bottleneck": None, "vocoder_input_dim": 64, "dec_dim": 320, "dec_c_mults": [1, 2, 4, 8, 16],
    "dec_strides": [2, 4, 5, 6, 8], "dec_out_channels": 2, "stereo": True, "input_channels": 1, "enc_dim": 192,
    "enc_num_blocks": 2, "enc_n_fft": 64, "enc_latent_dim": 128, "enc_c_mults": [1, 2, 4],
    "enc_strides": [4, 5, 6], "enc_use_snake": True, "padding_mode": "zeros", "encoder_enabled": True,
}  # fmt: skip


class Sound(NamedTuple):
    """The names and the shapes of the activations and the convolutions of a model."""

    activations: tuple[str, ...]  # the parameters of an activation
    flat: bool = False  # whether they have one axis, rather than three
    direction: str = "weight_g"
    weight: str = "weight_v"

    def activation(self, name: str, width: int) -> Tensors:
        for parameter in self.activations:
            yield Tensor(f"{name}.{parameter}", (width,) if self.flat else (1, width, 1))

    def convolution(self, name: str, inputs: int, outputs: int, size: int, *, bias: bool = True) -> Tensors:
        """A convolution whose weight is a direction and a length for each channel of its first axis."""
        yield Tensor(f"{name}.{self.direction}", (outputs, 1, 1))
        yield Tensor(f"{name}.{self.weight}", (outputs, inputs, size))
        if bias:
            yield Tensor(f"{name}.bias", (outputs,))

    def transpose(self, name: str, inputs: int, outputs: int, size: int) -> Tensors:
        yield Tensor(f"{name}.{self.direction}", (inputs, 1, 1))
        yield Tensor(f"{name}.{self.weight}", (inputs, outputs, size))
        yield Tensor(f"{name}.bias", (outputs,))

    def units(self, names: tuple[str, ...], width: int, inner: tuple[str, str, str, str]) -> Tensors:
        """Residual units: an activation, a convolution, and again."""
        for name in names:
            yield from self.activation(f"{name}.{inner[0]}", width)
            yield from self.convolution(f"{name}.{inner[1]}", width, width, 7)
            yield from self.activation(f"{name}.{inner[2]}", width)
            yield from self.convolution(f"{name}.{inner[3]}", width, width, 1)

    def encode(self, inputs: int, outputs: int, stride: int) -> Tensors:
        """A block that shortens the sound."""
        yield from self.units(_UNITS, inputs, _UNIT)
        yield from self.activation("snake1", inputs)
        yield from self.convolution("conv1", inputs, outputs, 2 * stride)

    def decode(self, inputs: int, outputs: int, stride: int) -> Tensors:
        """A block that lengthens it."""
        yield from self.activation("snake1", inputs)
        yield from self.transpose("conv_t1", inputs, outputs, 2 * stride)
        yield from self.units(_UNITS, outputs, _UNIT)


_UNITS = ("res_unit1", "res_unit2", "res_unit3")
_UNIT = ("snake1", "conv1", "snake2", "conv2")


def _build_blocks(name: str, tensors: Callable[..., Tensors], widths: list[int], strides: list[int]) -> Layer:
    """Blocks between neighbouring widths."""
    settings = zip(pairwise(widths), strides, strict=True)
    return stack(name, [assemble("", "Block", tensors(*pair, stride)) for pair, stride in settings])


def halve(values: Values, name: str, count: int) -> list[int]:
    """A width, and so many halves of it."""
    widths = [values.size(name) // 2**index for index in range(count + 1)]
    if not widths[-1]:
        raise InvalidDocument(f"leaves no channel after {count} halvings", f"/{name}")
    return widths


def build_oobleck(config: Mapping[str, Any]) -> Layer:
    """AutoencoderOobleck. Raises InvalidDocument."""
    values, sound = Values(config, _OOBLECK), Sound(("alpha", "beta"))
    base, channels = values.size("encoder_hidden_size"), values.size("audio_channels")
    strides, factors = (
        values.sizes("downsampling_ratios"),
        _read_factors(values, "channel_multiples", "downsampling_ratios"),
    )
    widths = [base * factor for factor in factors]

    def ends() -> Tensors:
        yield from sound.convolution("conv1", channels, base, 7)
        yield from sound.activation("snake1", widths[-1])
        yield from sound.convolution("conv2", widths[-1], base, 3)

    blocks = _build_blocks("block", sound.encode, widths[: len(strides) + 1], strides)
    decoder = _build_oobleck_decoder(
        sound, values.size("decoder_channels"), factors, strides, values.size("decoder_input_channels"), channels
    )
    encoder = assemble("encoder", "OobleckEncoder", ends(), [blocks])
    return Layer("AutoencoderOobleck", "AutoencoderOobleck", children=(encoder, decoder))


def _read_factors(values: Values, name: str, strides: str) -> list[int]:
    """The factors of the widths, one at least for each stride, after that of the first width."""
    factors = values.sizes(name)
    if len(factors) < values.length(strides, 1):
        raise InvalidDocument(f"must have {values.length(strides, 1)} items at least", f"/{name}")
    return [1, *factors]


def _build_oobleck_decoder(
    sound: Sound, base: int, factors: list[int], strides: list[int], latent: int, channels: int
) -> Layer:
    widths = [base * factor for factor in factors[: len(strides) + 1]]

    def ends() -> Tensors:
        yield from sound.convolution("conv1", latent, base * factors[-1], 7)
        yield from sound.activation("snake1", base)
        yield from sound.convolution("conv2", base, channels, 7, bias=False)

    blocks = _build_blocks("block", sound.decode, widths[::-1], strides[::-1])
    return assemble("decoder", "OobleckDecoder", ends(), [blocks])


def build_kvae_audio(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLKVAEAudio. Raises InvalidDocument."""
    values, name = Values(config, _KVAE), "AutoencoderKLKVAEAudio"
    weight = "parametrizations.weight.original"
    sound = Sound(("alpha",), direction=f"{weight}0", weight=f"{weight}1")
    values.size("attn_num_heads")
    latent, codes, channels = map(values.size, ("latent_dim", "codebook_dim", "num_channels"))
    rates = values.sizes("encoder_rates")
    widths = [values.size("encoder_dim") * 2**index for index in range(len(rates) + 1)]
    blocks = _build_blocks("block", sound.encode, widths, rates)

    def encoder() -> Tensors:
        yield from sound.convolution("conv1", channels, widths[0], 7)
        yield from sound.activation("snake1", widths[-1])
        yield from sound.convolution("conv2", widths[-1], latent, 3)

    def decoder() -> Tensors:
        yield from sound.convolution("conv1", latent, lengthened[0], 7)
        yield from sound.activation("snake1", lengthened[-1])
        yield from sound.convolution("conv2", lengthened[-1], channels, 7)

    def tensors() -> Tensors:
        yield from sound.convolution("in_proj", latent, 2 * codes, 1)
        yield from sound.convolution("out_proj", codes, latent, 1)
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            yield from linear(f"attn.{part}", latent, latent)

    rates = values.sizes("decoder_rates")
    lengthened = halve(values, "decoder_dim", len(rates))
    children = [
        assemble("encoder", "KVAEAudioEncoder", encoder(), [blocks]),
        assemble("decoder", "KVAEAudioDecoder", decoder(), [_build_blocks("block", sound.decode, lengthened, rates)]),
    ]
    return assemble(name, name, tensors(), children)


def build_music_vocoder(config: Mapping[str, Any]) -> Layer:
    """MiniMaxMusic3Vocoder. Raises InvalidDocument."""
    values, sound, name = Values(config, _MUSIC), Sound(("alpha",)), "MiniMaxMusic3Vocoder"
    latent, inputs, strides = (
        values.size("latent_channels"),
        values.size("decoder_input_dim"),
        values.sizes("upsampling_ratios"),
    )
    if latent < 2:
        raise InvalidDocument("must be at least 2", "/latent_channels")
    widths = halve(values, "decoder_hidden_dim", len(strides))

    def tensors() -> Tensors:
        yield from convolution("dec_in_proj", latent // 2, inputs, (1,))
        yield from sound.convolution("conv_in", inputs, widths[0], 7)
        yield from sound.activation("snake_out", widths[-1])
        yield from sound.convolution("conv_out", widths[-1], 1, 7)

    return assemble(name, name, tensors(), [_build_blocks("blocks", sound.decode, widths, strides)])


def build_longcat(config: Mapping[str, Any]) -> Layer:
    """LongCatAudioDiTVae, whose layers are numbered. Raises InvalidDocument."""
    values = Values(config, _LONGCAT)
    snakes = values.choice("act_fn", None, "snake", "elu")
    if snakes is None:
        snakes = "elu" if values.choice("use_snake", None, True, False) is False else "snake"
    sound = Sound(("alpha", "beta") if snakes == "snake" else (), flat=True)
    factors = [1, *(values.sizes("c_mults") if values.get("c_mults") else [1, 2, 4, 8, 16])]
    strides = values.sizes("strides") if values.get("strides") else [2]
    strides = [*strides, *[strides[-1]] * len(factors)][: len(factors) - 1]
    widths = [values.size("channels") * factor for factor in factors]
    latent, channels = values.size("latent_dim"), values.size("in_channels")

    def encode() -> Iterator[Layer]:
        yield _bare(sound.convolution("", channels, widths[0], 7))
        for pair, stride in zip(pairwise(widths), strides, strict=True):
            yield assemble("", "VaeEncoderBlock", _longcat_block(sound, *pair, stride, encodes=True))
        yield _bare(sound.convolution("", widths[-1], values.size("encoder_latent_dim"), 3))

    def decode() -> Iterator[Layer]:
        yield _bare(sound.convolution("", latent, widths[-1], 7))
        for pair, stride in zip(pairwise(widths[::-1]), strides[::-1], strict=True):
            yield assemble("", "VaeDecoderBlock", _longcat_block(sound, *pair, stride, encodes=False))
        yield _bare(sound.activation("", widths[0]))
        yield _bare(sound.convolution("", widths[0], channels, 7, bias=False))

    parts = [
        Layer(name, f"AudioDiTVae{name.title()}", children=(stack("layers", list(layers)),))
        for name, layers in (("encoder", encode()), ("decoder", decode()))
    ]
    return Layer("LongCatAudioDiTVae", "LongCatAudioDiTVae", children=tuple(parts))


def _bare(tensors: Tensors) -> Layer:
    """A module of a list, whose tensors were named after nothing."""
    return Layer("", "Module", tensors=tuple(tensor._replace(name=tensor.name[1:]) for tensor in tensors))


def _longcat_block(sound: Sound, inputs: int, outputs: int, stride: int, *, encodes: bool) -> Tensors:
    inner, first = ("layers.0", "layers.1", "layers.2", "layers.3"), 0 if encodes else 2
    names = tuple(f"layers.{index + first}" for index in range(3))
    yield from sound.units(names, inputs if encodes else outputs, inner)
    if encodes:
        yield from sound.activation("layers.3", inputs)
        yield from sound.convolution("layers.4", inputs, outputs, 2 * stride)
    else:
        yield from sound.activation("layers.0", inputs)
        yield from sound.transpose("layers.1", inputs, outputs, 2 * stride)


def build_cosmos_audio(config: Mapping[str, Any]) -> Layer:
    """Cosmos3AVAEAudioTokenizer, whose encoder may be left out. Raises InvalidDocument."""
    values, sound = Values(config, _COSMOS), Sound(("alpha", "beta"))
    for name, fixed in _COSMOS_FIXED.items():
        if name != "causal" or values.flag("encoder_enabled"):
            values.choice(name, fixed)
    bottleneck = values.get("bottleneck")
    if bottleneck is not None and (not isinstance(bottleneck, dict) or bottleneck.get("type", "vae") != "vae"):
        raise InvalidDocument("must be of the type vae", "/bottleneck")
    strides = values.sizes("dec_strides")
    factors = _read_factors(values, "dec_c_mults", "dec_strides")
    decoder = _build_oobleck_decoder(
        sound, values.size("dec_dim"), factors, strides, values.size("vocoder_input_dim"),
        values.size("dec_out_channels"),
    )  # fmt: skip
    encoder = [_build_cosmos_encoder(values, sound)] if values.flag("encoder_enabled") else []
    return Layer("Cosmos3AVAEAudioTokenizer", "Cosmos3AVAEAudioTokenizer", children=(*encoder, decoder))


def _build_cosmos_encoder(values: Values, sound: Sound) -> Layer:
    values.choice("padding_mode", "zeros", "reflect", "replicate", "circular")
    strides = values.sizes("enc_strides")
    widths = [values.size("enc_dim") * factor for factor in values.sizes("enc_c_mults", len(strides))]
    inputs = (values.size("enc_n_fft") + 2) * values.size("input_channels") * (1 + values.flag("stereo"))
    count, snakes = values.layers("enc_num_blocks"), values.flag("enc_use_snake")

    def layers() -> Iterator[Layer]:
        yield _bare(sound.convolution("", inputs, widths[0], 1, bias=False))
        for (width, outputs), stride in zip(pairwise([*widths, widths[-1]]), strides, strict=True):
            yield from [assemble("", "ConvNeXtBlock", _cosmos_block(sound, width, snakes=snakes))] * count
            yield _bare(sound.convolution("", width, outputs, 2 * stride))
        yield _bare(sound.convolution("", widths[-1], values.size("enc_latent_dim"), 1, bias=False))

    return Layer("encoder", "SpectrogramConvNeXtEncoder", children=(stack("layers", list(layers())),))


def _cosmos_block(sound: Sound, width: int, *, snakes: bool) -> Tensors:
    yield from convolution("dwconv.1", 1, width, (7,))
    yield Tensor("norm.weight", (width,))
    yield from convolution("pwconv1", width, 4 * width, (1,))
    if snakes:
        yield from sound.activation("act", 4 * width)
    yield from convolution("pwconv2", 4 * width, width, (1,))


BUILDERS: Builders = {
    "AutoencoderKLKVAEAudio": build_kvae_audio,
    "AutoencoderOobleck": build_oobleck,
    "Cosmos3AVAEAudioTokenizer": build_cosmos_audio,
    "LongCatAudioDiTVae": build_longcat,
    "MiniMaxMusic3Vocoder": build_music_vocoder,
}

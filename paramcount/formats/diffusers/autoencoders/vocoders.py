"""Vocoders after BigVGAN: upsampling convolutions, each followed by blocks of several kernels.

Source: mmaudio_vocoder and autoencoder_kl_minimax_h3_audio of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from math import prod
from typing import Any

from paramcount.formats.diffusers.autoencoders.audio import Sound, halve
from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_MMAUDIO: Mapping[str, Any] = {
    "num_mels": 128, "upsample_initial_channel": 1536, "upsample_rates": [8, 4, 2, 2, 2, 2],
    "upsample_kernel_sizes": [16, 8, 4, 4, 4, 4], "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5]] * 3,
}  # fmt: skip

_MINIMAX: Mapping[str, Any] = {
    "encoder_dim": 64, "encoder_rates": [2, 4, 4, 5, 5], "latent_dim": 2048, "latent_channels": 32,
    "num_attention_heads": 8, "decoder_dim": 1024, "decoder_rates": [5, 5, 2, 2, 2, 2, 2],
    "decoder_kernel_sizes": [9, 9, 4, 4, 4, 4, 4], "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5]] * 3,
}  # fmt: skip

_FILTER = (1, 1, 12)

_SNAKES = Sound(("alpha",))

Convolution = Callable[[str, int, int, int], Tensors]


def _activation(name: str, width: int) -> Tensors:
    """SnakeBeta between the filters of an upsampling and of a downsampling."""
    yield Tensor(f"{name}.act.alpha", (width,))
    yield Tensor(f"{name}.act.beta", (width,))
    for part in ("upsample", "downsample.lowpass"):
        yield Tensor(f"{name}.{part}.filter", _FILTER, "buffer", "F32", trainable=False)


def _build_block(convolve: Convolution, width: int, kernel: int, dilations: int) -> Layer:
    """A residual block of two convolutions for each dilation."""
    one = assemble("", "Conv1d", _strip(convolve("_", width, width, kernel)))
    activation = assemble("", "Activation1d", _strip(_activation("_", width)))
    children = [
        *repeat("convs1", dilations, one), *repeat("convs2", dilations, one),
        *repeat("activations", 2 * dilations, activation),
    ]  # fmt: skip
    return Layer("", "AMPBlock", children=tuple(children))


def _strip(tensors: Tensors) -> Tensors:
    """The tensors of a module that was given the name _, without it."""
    for tensor in tensors:
        yield tensor._replace(name=tensor.name[2:])


class _Sizes:
    """The sizes of a vocoder, which stand in four lists."""

    def __init__(self, values: Values, first: str, rates: str, kernels: str) -> None:
        count = len(values.sizes(rates))
        self.kernels = values.sizes(kernels, count)
        self.widths = halve(values, first, count)
        name = "resblock_dilation_sizes"
        blocks, lists = values.sizes("resblock_kernel_sizes"), values.get(name)
        if not isinstance(lists, list | tuple) or len(lists) != len(blocks):
            raise InvalidDocument(f"must have {len(blocks)} lists", f"/{name}")
        dilations = [len(Values({name: sizes}, {name: []}).sizes(name)) for sizes in lists]
        self.blocks = list(zip(blocks, dilations, strict=True))


def _build_vocoder(
    name: str, inputs: int, sizes: _Sizes, convolve: Convolution, transpose: Convolution, last: Tensors
) -> Layer:
    def tensors() -> Iterator[Tensor]:
        yield from convolve("conv_pre", inputs, sizes.widths[0], 7)
        for index, (pair, kernel) in enumerate(zip(pairwise(sizes.widths), sizes.kernels, strict=True)):
            yield from transpose(f"ups.{index}.0", *pair, kernel)
        yield from _activation("activation_post", sizes.widths[-1])
        yield from last

    blocks = [_build_block(convolve, width, *block) for width in sizes.widths[1:] for block in sizes.blocks]
    return assemble(name, name, tensors(), [stack("resblocks", blocks)])


def build_mmaudio_vocoder(config: Mapping[str, Any]) -> Layer:
    """MMAudioVocoder. Raises InvalidDocument."""
    values = Values(config, _MMAUDIO)
    sizes = _Sizes(values, "upsample_initial_channel", "upsample_rates", "upsample_kernel_sizes")

    def convolve(name: str, inputs: int, outputs: int, kernel: int) -> Tensors:
        yield from convolution(name, inputs, outputs, (kernel,))

    def transpose(name: str, inputs: int, outputs: int, kernel: int) -> Tensors:
        yield Tensor(f"{name}.weight", (inputs, outputs, kernel))
        yield Tensor(f"{name}.bias", (outputs,))

    last = convolution("conv_post", sizes.widths[-1], 1, (7,), bias=False)
    return _build_vocoder("MMAudioVocoder", values.size("num_mels"), sizes, convolve, transpose, last)


def build_minimax_audio(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLMiniMaxH3Audio: an encoder, attention to what it makes, and a vocoder. Raises InvalidDocument."""
    values, name = Values(config, _MINIMAX), "AutoencoderKLMiniMaxH3Audio"
    width, latent = values.size("latent_dim"), values.size("latent_channels")
    values.size("num_attention_heads")
    if prod(values.sizes("decoder_rates")) != prod(values.sizes("encoder_rates")):
        raise InvalidDocument("must have the product of encoder_rates", "/decoder_rates")
    if width % latent:
        raise InvalidDocument(f"must be divisible by {latent}", "/latent_dim")
    sizes = _Sizes(values, "decoder_dim", "decoder_rates", "decoder_kernel_sizes")
    last = _SNAKES.convolution("conv_post", sizes.widths[-1], 1, 7, bias=False)
    decoder = _build_vocoder("decoder", width, sizes, _SNAKES.convolution, _SNAKES.transpose, last)

    def tensors() -> Tensors:
        yield from _projection(width, latent)
        yield from convolution("mean_proj", latent, latent, (1,))
        yield from convolution("logs_proj", latent, latent, (1,))
        yield from convolution("dec_in_proj", latent, width, (1,))

    encoder = assemble("encoder", "MiniMaxH3AudioEncoder", _minimax_encoder(values, width))
    return assemble(name, name, tensors(), [encoder, decoder])


def _minimax_encoder(values: Values, latent: int) -> Tensors:
    width, rates = values.size("encoder_dim"), values.sizes("encoder_rates")
    yield from _SNAKES.convolution("block.0", 1, width, 7)
    for index, rate in enumerate(rates, 1):
        name = f"block.{index}.block"
        inner = ("block.0", "block.1", "block.2", "block.3")
        yield from _SNAKES.units(tuple(f"{name}.{unit}" for unit in range(3)), width, inner)
        yield from _SNAKES.activation(f"{name}.3", width)
        yield from _SNAKES.convolution(f"{name}.4", width, 2 * width, 2 * rate)
        width *= 2
    yield from _SNAKES.activation(f"block.{len(rates) + 1}", width)
    yield from _SNAKES.convolution(f"block.{len(rates) + 2}", width, latent, 3)


def _projection(inputs: int, outputs: int) -> Tensors:
    """Attention that projects to fewer channels; its keys have a bias of zeros, which is no parameter."""
    name = "pre_block.attn"
    yield Tensor(f"{name}.q_bias", (inputs,))
    yield Tensor(f"{name}.v_bias", (inputs,))
    yield Tensor(f"{name}.zero_k_bias", (inputs,), "buffer", "F32", trainable=False)
    yield from linear(f"{name}.qkv", inputs, 3 * inputs, bias=False)
    yield from linear(f"{name}.proj", outputs, outputs)
    yield from linear("pre_block.proj", inputs, outputs)
    widths = {"norm1": inputs, "norm2": outputs, "norm3": inputs, "mlp.norm": outputs}
    for part, width in widths.items():
        yield from norm(f"pre_block.{part}", width)
    for part, pair in (("w0", (outputs, 2 * outputs)), ("w1", (outputs, 2 * outputs)), ("w2", (2 * outputs, outputs))):
        yield from linear(f"pre_block.mlp.{part}", *pair)


BUILDERS: Builders = {
    "AutoencoderKLMiniMaxH3Audio": build_minimax_audio,
    "MMAudioVocoder": build_mmaudio_vocoder,
}

"""AutoencoderDC: blocks that keep their width, some of them with linear attention of several scales.

Source: autoencoder_dc of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import build_each, stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, batch_norm, convolution, linear, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_WIDTHS, _SCALES = [128, 256, 512, 512, 1024, 1024], [[], [], [], [5], [5], [5]]

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 3, "latent_channels": 32, "attention_head_dim": 32, "encoder_block_types": "ResBlock",
    "decoder_block_types": "ResBlock", "encoder_block_out_channels": _WIDTHS, "decoder_block_out_channels": _WIDTHS,
    "encoder_layers_per_block": [2, 2, 2, 3, 3, 3], "decoder_layers_per_block": [3] * 6,
    "encoder_qkv_multiscales": _SCALES, "decoder_qkv_multiscales": _SCALES, "upsample_block_type": "pixel_shuffle",
    "downsample_block_type": "pixel_unshuffle", "decoder_norm_types": "rms_norm",
}  # fmt: skip

_NORMS = ("rms_norm", "layer_norm", "batch_norm")

_KINDS = ("ResBlock", "EfficientViTBlock")


class _Block(NamedTuple):
    """The settings of one block of layers."""

    kind: str
    width: int
    layers: int
    kernels: list[int]
    norm: str
    head: int

    def build(self) -> list[Layer]:
        """Its layers."""
        tensors = self.residual if self.kind == "ResBlock" else self.attentive
        return build_each(self.kind, tensors, [()] * self.layers)

    def normalize(self, name: str) -> Tensors:
        yield from (batch_norm if self.norm == "batch_norm" else norm)(name, self.width)

    def residual(self) -> Tensors:
        """ResBlock."""
        yield from convolution("conv1", self.width, self.width, (3, 3))
        yield from convolution("conv2", self.width, self.width, (3, 3), bias=False)
        yield from self.normalize("norm")

    def attentive(self) -> Tensors:
        """EfficientViTBlock: attention, each of whose scales has a kernel, and a gated convolution."""
        heads, hidden = self.width // self.head, 8 * self.width
        if not heads:
            raise InvalidDocument(f"must be at most {self.width}", "/attention_head_dim")
        inner = heads * self.head
        for name in ("to_q", "to_k", "to_v"):
            yield from linear(f"attn.{name}", self.width, inner, bias=False)
        for index, kernel in enumerate(self.kernels):
            name = f"attn.to_qkv_multiscale.{index}"
            yield Tensor(f"{name}.proj_in.weight", (3 * inner, 1, kernel, kernel))
            yield Tensor(f"{name}.proj_out.weight", (3 * inner, self.head, 1, 1))
        yield from linear("attn.to_out", inner * (1 + len(self.kernels)), self.width, bias=False)
        yield from self.normalize("attn.norm_out")
        yield from convolution("conv_out.conv_inverted", self.width, hidden, (1, 1))
        yield from convolution("conv_out.conv_depth", 1, hidden, (3, 3))
        yield from convolution("conv_out.conv_point", hidden // 2, self.width, (1, 1), bias=False)
        yield from norm("conv_out.norm", self.width)


def build_dc(config: Mapping[str, Any]) -> Layer:
    """AutoencoderDC. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    encoder = _build_encoder(values, _read_blocks(values, "encoder"))
    decoder = _build_decoder(values, _read_blocks(values, "decoder"))
    return Layer("AutoencoderDC", "AutoencoderDC", children=(encoder, decoder))


def _read_blocks(values: Values, part: str) -> list[_Block]:
    widths, layers = values.sizes(f"{part}_block_out_channels"), values.counts(f"{part}_layers_per_block")
    count, name = len(widths), f"{part}_layers_per_block"
    if len(layers) != count:
        raise InvalidDocument(f"must have {count} items, one a block", f"/{name}")
    if count == 1 and not layers[0]:
        raise InvalidDocument("must have a layer", f"/{name}")
    kinds = _read_words(values, f"{part}_block_types", count, _KINDS)
    norms = _read_words(values, "decoder_norm_types", count, _NORMS) if part == "decoder" else ["rms_norm"] * count
    kernels, head = _read_kernels(values, f"{part}_qkv_multiscales", count), values.size("attention_head_dim")
    settings = zip(kinds, widths, layers, kernels, norms, [head] * count, strict=True)
    return [_Block(*setting) for setting in settings]


def _read_words(values: Values, name: str, count: int, verified: tuple[str, ...]) -> list[str]:
    """A word for each block, or one for all."""
    if isinstance(values.get(name), str):
        return [values.choice(name, *verified)] * count
    return values.choices(name, count, verified)


def _read_kernels(values: Values, name: str, count: int) -> list[list[int]]:
    """The sizes of the kernels of each block."""
    lists = values.get(name)
    if not isinstance(lists, list | tuple) or len(lists) != count:
        raise InvalidDocument(f"must have {count} lists, one a block", f"/{name}")
    if not all(isinstance(sizes, list | tuple) for sizes in lists):
        raise InvalidDocument("must hold lists", f"/{name}")
    return [Values({name: sizes}, {name: []}).sizes(name) if sizes else [] for sizes in lists]


def _resample(values: Values, way: str, inputs: int, outputs: int, name: str = "conv") -> Tensors:
    """The convolution that resamples, which makes or takes the pixels of a square as channels."""
    if way == "down" and values.get("downsample_block_type") == "pixel_unshuffle":
        if outputs % 4:
            raise InvalidDocument(f"{outputs} must be divisible by 4", "/encoder_block_out_channels")
        outputs //= 4
    elif way == "up" and values.get("upsample_block_type") != "interpolate":
        outputs *= 4
    yield from convolution(name, inputs, outputs, (3, 3))


def _build_encoder(values: Values, blocks: list[_Block]) -> Layer:
    values.choice("downsample_block_type", "pixel_unshuffle", "conv", "Conv")
    stages = []
    for index, block in enumerate(blocks):
        layers = block.build()
        if layers and index < len(blocks) - 1:
            layers.append(
                assemble("", "DCDownBlock2d", _resample(values, "down", block.width, blocks[index + 1].width))
            )
        stages.append(stack("", layers))

    def ends() -> Tensors:
        inputs = values.size("in_channels")
        if blocks[0].layers:
            yield from convolution("conv_in", inputs, blocks[0].width, (3, 3))
        else:
            yield from _resample(values, "down", inputs, blocks[1].width, "conv_in.conv")
        yield from convolution("conv_out", blocks[-1].width, values.size("latent_channels"), (3, 3))

    return assemble("encoder", "Encoder", ends(), [stack("down_blocks", stages)])


def _build_decoder(values: Values, blocks: list[_Block]) -> Layer:
    values.choice("upsample_block_type", "pixel_shuffle", "interpolate")
    stages = []
    for index, block in enumerate(blocks):
        layers = block.build()
        if layers and index < len(blocks) - 1:
            layers.insert(0, assemble("", "DCUpBlock2d", _resample(values, "up", blocks[index + 1].width, block.width)))
        stages.append(stack("", layers))

    def ends() -> Tensors:
        outputs = values.size("in_channels")
        width = (blocks[0] if blocks[0].layers else blocks[1]).width
        yield from convolution("conv_in", values.size("latent_channels"), blocks[-1].width, (3, 3))
        yield from norm("norm_out", width)
        if blocks[0].layers:
            yield from convolution("conv_out", width, outputs, (3, 3))
        else:
            yield from _resample(values, "up", width, outputs, "conv_out.conv")

    return assemble("decoder", "Decoder", ends(), [stack("up_blocks", stages)])


BUILDERS: Builders = {"AutoencoderDC": build_dc}

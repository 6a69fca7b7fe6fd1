"""Encoders and decoders of images, and the autoencoders that differ from AutoencoderKL in one of them.

Source: vae, autoencoder_asym_kl, vq_model and consistency_decoder_vae of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, modules, resampler, stack
from paramcount.formats.diffusers.unets.condition import build_plain
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_ASYMMETRIC: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ["DownEncoderBlock2D"],
    "down_block_out_channels": [64], "layers_per_down_block": 1, "up_block_types": ["UpDecoderBlock2D"],
    "up_block_out_channels": [64], "layers_per_up_block": 1, "latent_channels": 4, "norm_num_groups": 32,
}  # fmt: skip

_VQ: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ["DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D"], "block_out_channels": [64], "layers_per_block": 1, "latent_channels": 3,
    "num_vq_embeddings": 256, "norm_num_groups": 32, "vq_embed_dim": None, "norm_type": "group",
    "mid_block_add_attention": True,
}  # fmt: skip

_CONSISTENCY_DECODER: Mapping[str, Any] = {
    "decoder_add_attention": False, "decoder_block_out_channels": [320, 640, 1024, 1024],
    "decoder_down_block_types": ["ResnetDownsampleBlock2D"] * 4, "decoder_in_channels": 7,
    "decoder_layers_per_block": 3, "decoder_norm_num_groups": 32, "decoder_num_train_timesteps": 1024,
    "decoder_out_channels": 6, "decoder_resnet_time_scale_shift": "scale_shift",
    "decoder_time_embedding_type": "learned", "decoder_up_block_types": ["ResnetUpsampleBlock2D"] * 4,
}  # fmt: skip

_CONSISTENCY: Mapping[str, Any] = {
    **_CONSISTENCY_DECODER, "latent_channels": 4, "encoder_block_out_channels": [128, 256, 512, 512],
    "encoder_double_z": True, "encoder_down_block_types": ["DownEncoderBlock2D"] * 4, "encoder_in_channels": 3,
    "encoder_layers_per_block": 2, "encoder_norm_num_groups": 32, "encoder_out_channels": 4,
}  # fmt: skip

_MASK_STEPS = 4
"""The layers of the encoder of a mask that halve the image or keep its size; one more follows."""


class Coding(NamedTuple):
    """The settings of an encoder or a decoder."""

    style: Style
    kinds: list[str]
    widths: list[int]
    layers: int
    inputs: int
    outputs: int
    attends: bool = True
    latent: int | None = None  # the channels that norms are scaled and shifted by; None: plain group norms

    def norm(self, name: str, width: int) -> Tensors:
        """A group norm, or SpatialNorm."""
        if self.latent is None:
            yield from self.style.group_norm(name, width)
            return
        yield from self.style.group_norm(f"{name}.norm_layer", width, 32)
        yield from convolution(f"{name}.conv_y", self.latent, width, (1, 1))
        yield from convolution(f"{name}.conv_b", self.latent, width, (1, 1))

    def ends(self, first: int, last: int) -> Tensors:
        yield from convolution("conv_in", self.inputs, first, (3, 3))
        yield from self.norm("conv_norm_out", last)
        yield from convolution("conv_out", last, self.outputs, (3, 3))

    def resnet(self, inputs: int, outputs: int) -> Tensors:
        """ResnetBlock2D, or ResnetBlockCondNorm2D."""
        for tensor in self.style.resnet(inputs, outputs):
            if self.latent is None or not tensor.name.startswith("norm"):
                yield tensor
        if self.latent is not None:
            yield from self.norm("norm1", inputs)
            yield from self.norm("norm2", outputs)

    def resnets(self, pairs: list[tuple[int, int]]) -> Layer:
        return modules("resnets", "ResnetBlock2D", self.resnet, pairs)

    def attention(self, width: int) -> Layer:
        def tensors() -> Tensors:
            yield from self.style.attention(width, width, grouped=self.latent is None)
            if self.latent is not None:
                yield from self.norm("spatial_norm", width)

        return assemble("", "Attention", tensors())

    def middle(self, width: int) -> Layer:
        """UNetMidBlock2D of one layer."""
        attentions = [stack("attentions", [self.attention(width)])] * self.attends
        return Layer("mid_block", "UNetMidBlock2D", children=(self.resnets([(width, width)] * 2), *attentions))

    def blocks(self, name: str, widths: list[int], layers: int, resampling: str) -> Layer:
        """The blocks on the way down or up, with attention to each layer where a kind has it."""
        blocks = []
        for index, (width, kind) in enumerate(zip(widths, self.kinds, strict=True)):
            pairs = [(widths[max(index - 1, 0)], width), *[(width, width)] * (layers - 1)]
            children = [self.resnets(pairs)]
            if kind.startswith("Attn"):
                children.append(stack("attentions", [self.attention(width)] * layers))
            if index < len(widths) - 1:
                children.append(resampler(resampling, width))
            blocks.append(Layer("", kind, children=tuple(children)))
        return stack(name, blocks)


def build_encoder(coding: Coding) -> Layer:
    """Encoder."""
    widths = coding.widths
    down = coding.blocks("down_blocks", widths, coding.layers, "downsamplers")
    return assemble("encoder", "Encoder", coding.ends(widths[0], widths[-1]), [down, coding.middle(widths[-1])])


def build_decoder(coding: Coding, kind: str = "Decoder", others: Iterable[Tensor] = ()) -> Layer:
    """Decoder, with other tensors of a decoder of another kind."""
    widths = coding.widths
    up = coding.blocks("up_blocks", widths[::-1], coding.layers + 1, "upsamplers")
    tensors = [*coding.ends(widths[-1], widths[0]), *others]
    return assemble("decoder", kind, tensors, [up, coding.middle(widths[-1])])


def read_kinds(values: Values, name: str, count: int) -> list[str]:
    """The kinds of the blocks on the way down or up."""
    way = "DownEncoder" if "down" in name else "UpDecoder"
    return values.choices(name, count, (f"{way}Block2D", f"Attn{way}Block2D"))


def build_asymmetric(config: Mapping[str, Any]) -> Layer:
    """AsymmetricAutoencoderKL, whose decoder takes a masked image too. Raises InvalidDocument."""
    values = Values(config, _ASYMMETRIC)
    style, latent, outputs = (
        Style(values.size("norm_num_groups")),
        *map(values.size, ("latent_channels", "out_channels")),
    )
    widths = [values.sizes(f"{way}_block_out_channels") for way in ("down", "up")]
    kinds = [
        read_kinds(values, f"{way}_block_types", len(sizes)) for way, sizes in zip(("down", "up"), widths, strict=True)
    ]
    layers = [values.layers(f"layers_per_{way}_block") for way in ("down", "up")]
    encoder = Coding(style, kinds[0], widths[0], layers[0], values.size("in_channels"), 2 * latent)
    decoder = Coding(style, kinds[1], widths[1], layers[1], latent, outputs)

    def mask() -> Tensors:
        """MaskConditionEncoder."""
        inputs, most = outputs, widths[1][-1]
        width = min(widths[1][0], most)
        for index in range(_MASK_STEPS + 1):
            size = 3 if index < 2 else 4
            yield from convolution(f"condition_encoder.layers.{index}", inputs, width, (size, size))
            inputs, width = width, most if index == _MASK_STEPS - 1 else min(2 * width, most)

    def tensors() -> Tensors:
        yield from convolution("quant_conv", 2 * latent, 2 * latent, (1, 1))
        yield from convolution("post_quant_conv", latent, latent, (1, 1))

    children = [build_encoder(encoder), build_decoder(decoder, "MaskConditionDecoder", mask())]
    return assemble("AsymmetricAutoencoderKL", "AsymmetricAutoencoderKL", tensors(), children)


def build_vq(config: Mapping[str, Any]) -> Layer:
    """VQModel, whose latents are of a codebook. Raises InvalidDocument."""
    values = Values(config, _VQ)
    style, latent, widths = (
        Style(values.size("norm_num_groups")),
        values.size("latent_channels"),
        values.sizes("block_out_channels"),
    )
    layers, attends = values.layers("layers_per_block"), values.flag("mid_block_add_attention")
    width = values.optional("vq_embed_dim") or latent
    spatial = values.choice("norm_type", "group", "spatial") == "spatial"

    def tensors() -> Tensors:
        yield from convolution("quant_conv", latent, width, (1, 1))
        yield Tensor("quantize.embedding.weight", (values.size("num_vq_embeddings"), width))
        yield from convolution("post_quant_conv", width, latent, (1, 1))

    down, up = (read_kinds(values, name, len(widths)) for name in ("down_block_types", "up_block_types"))
    encoder = Coding(style, down, widths, layers, values.size("in_channels"), latent, attends)
    decoder = Coding(
        style, up, widths, layers, latent, values.size("out_channels"), attends, latent if spatial else None
    )
    return assemble("VQModel", "VQModel", tensors(), [build_encoder(encoder), build_decoder(decoder)])


def build_consistency_decoder(config: Mapping[str, Any]) -> Layer:
    """ConsistencyDecoderVAE, whose decoder is a UNet. Raises InvalidDocument."""
    values = Values(config, _CONSISTENCY)
    widths, latent, outputs = (
        values.sizes("encoder_block_out_channels"),
        *map(values.size, ("latent_channels", "encoder_out_channels")),
    )
    coding = Coding(
        Style(values.size("encoder_norm_num_groups")),
        read_kinds(values, "encoder_down_block_types", len(widths)),
        widths,
        values.layers("encoder_layers_per_block"),
        values.size("encoder_in_channels"),
        outputs * (1 + values.flag("encoder_double_z")),
    )
    prefix = "decoder_"
    try:
        decoder = build_plain({name.removeprefix(prefix): values.get(name) for name in _CONSISTENCY_DECODER})
    except InvalidDocument as error:
        raise InvalidDocument(error.detail, f"/{prefix}{error.pointer[1:]}", error.code) from error
    children = [build_encoder(coding), decoder._replace(name="decoder_unet")]
    quantizing = convolution("quant_conv", 2 * latent, 2 * latent, (1, 1))
    return assemble("ConsistencyDecoderVAE", "ConsistencyDecoderVAE", quantizing, children)


BUILDERS: Builders = {
    "AsymmetricAutoencoderKL": build_asymmetric,
    "ConsistencyDecoderVAE": build_consistency_decoder,
    "VQModel": build_vq,
}

"""The autoencoders of HunyuanVideo, HunyuanVideo 1.5, HunyuanImage and its refiner.

Source: autoencoder_kl_hunyuan_video, _hunyuanvideo15, _hunyuanimage, _hunyuanimage_refiner of
diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from math import log2
from typing import Any

from paramcount.formats.diffusers.blocks import Style, build_each, modules, stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_VIDEO: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 16, "down_block_types": ["HunyuanVideoDownBlock3D"] * 4,
    "up_block_types": ["HunyuanVideoUpBlock3D"] * 4, "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2, "norm_num_groups": 32, "spatial_compression_ratio": 8, "temporal_compression_ratio": 4,
    "mid_block_add_attention": True,
}  # fmt: skip

_VIDEO_15: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 32, "block_out_channels": [128, 256, 512, 1024, 1024],
    "layers_per_block": 2, "spatial_compression_ratio": 16, "temporal_compression_ratio": 4,
    "downsample_match_channel": True, "upsample_match_channel": True,
}  # fmt: skip

_IMAGE: Mapping[str, Any] = {
    "in_channels": None, "out_channels": None, "latent_channels": None, "block_out_channels": None,
    "layers_per_block": None, "spatial_compression_ratio": None, "sample_size": None,
    "downsample_match_channel": True, "upsample_match_channel": True,
}  # fmt: skip

_CUBE, _POINT = (3, 3, 3), (1, 1, 1)


def build_hunyuan_video(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLHunyuanVideo. Raises InvalidDocument."""
    values = Values(config, _VIDEO)
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    values.choices("down_block_types", len(widths), ("HunyuanVideoDownBlock3D",))
    values.choices("up_block_types", len(widths), ("HunyuanVideoUpBlock3D",))
    if values.size("temporal_compression_ratio") != 4:
        raise InvalidDocument("must be 4", "/temporal_compression_ratio")
    style, layers = Style(values.size("norm_num_groups")), values.layers("layers_per_block")
    halved = values.size("spatial_compression_ratio").bit_length() - 1
    resampled = [index < halved or len(widths) - 3 <= index < len(widths) - 1 for index in range(len(widths))]
    middle = _build_video_middle(style, widths[-1], attends=values.flag("mid_block_add_attention"))

    def build(name: str, inputs: int, widths: list[int], layers: int, outputs: int) -> Layer:
        way = "down" if name == "encoder" else "up"
        blocks = _build_video_blocks(style, way, widths, layers, resampled)
        return assemble(name, name, ends(inputs, widths, outputs), [blocks, middle])

    def ends(inputs: int, widths: list[int], outputs: int) -> Tensors:
        yield from convolution("conv_in.conv", inputs, widths[0], _CUBE)
        yield from style.group_norm("conv_norm_out", widths[-1])
        yield from convolution("conv_out.conv", widths[-1], outputs, _CUBE)

    def tensors() -> Tensors:
        yield from convolution("quant_conv", 2 * latent, 2 * latent, _POINT)
        yield from convolution("post_quant_conv", latent, latent, _POINT)

    encoder = build("encoder", values.size("in_channels"), widths, layers, 2 * latent)
    decoder = build("decoder", latent, widths[::-1], layers + 1, values.size("out_channels"))
    return assemble("AutoencoderKLHunyuanVideo", "AutoencoderKLHunyuanVideo", tensors(), [encoder, decoder])


def _video_resnet(style: Style, inputs: int, outputs: int) -> Tensors:
    yield from style.group_norm("norm1", inputs)
    yield from convolution("conv1.conv", inputs, outputs, _CUBE)
    yield from style.group_norm("norm2", outputs)
    yield from convolution("conv2.conv", outputs, outputs, _CUBE)
    if inputs != outputs:
        yield from convolution("conv_shortcut.conv", inputs, outputs, _POINT)


def _build_video_middle(style: Style, width: int, *, attends: bool) -> Layer:
    resnets = modules("resnets", "ResnetBlockCausal3D", partial(_video_resnet, style), [(width, width)] * 2)
    attentions = [stack("attentions", [assemble("", "Attention", style.attention(width, width))])] if attends else []
    return Layer("mid_block", "HunyuanVideoMidBlock3D", children=(resnets, *attentions))


def _build_video_blocks(style: Style, way: str, widths: list[int], layers: int, resampled: list[bool]) -> Layer:
    blocks = []
    for before, width, resamples in zip([widths[0], *widths], widths, resampled, strict=False):
        pairs = [(before, width), *[(width, width)] * (layers - 1)]
        children = [modules("resnets", "ResnetBlockCausal3D", partial(_video_resnet, style), pairs)]
        if resamples:
            children.append(_build_resampler(way, width, width, "conv.conv"))
        blocks.append(Layer("", f"HunyuanVideo{way.title()}Block3D", children=tuple(children)))
    return stack(f"{way}_blocks", blocks)


def _build_resampler(way: str, inputs: int, outputs: int, name: str) -> Layer:
    return stack(f"{way}samplers", [assemble("", "Conv3d", convolution(name, inputs, outputs, _CUBE))])


def build_hunyuan_video_15(config: Mapping[str, Any], name: str = "AutoencoderKLHunyuanVideo15") -> Layer:
    """AutoencoderKLHunyuanVideo15. Raises InvalidDocument."""
    values = Values(config, _VIDEO_15)
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    space, time = values.size("spatial_compression_ratio"), values.size("temporal_compression_ratio")
    factors: dict[str, list[int]] = {"down": [], "up": []}
    for index in range(len(widths)):
        in_space, in_time = index < log2(space), index < log2(time)
        halves_time = space < time or index >= log2(space // time)
        factors["down"].append((8 if halves_time else 4) if in_space else 0)
        factors["up"].append((8 if in_time else 4) if in_space or in_time else 0)

    def build(part: str, way: str, widths: list[int], layers: int, inputs: int, outputs: int) -> Layer:
        matches = values.flag(f"{way}sample_match_channel")
        blocks = _build_rms_blocks(way, widths, layers, factors[way], matches=matches)
        middle = _build_rms_middle(widths[-1] if way == "down" else widths[0])
        return assemble(part, part, _rms_ends(inputs, widths, outputs), [blocks, middle])

    layers = values.layers("layers_per_block")
    encoder = build("encoder", "down", widths, layers, values.size("in_channels"), 2 * latent)
    decoder = build("decoder", "up", widths[::-1], layers + 1, latent, values.size("out_channels"))
    return Layer(name, name, children=(encoder, decoder))


def build_hunyuan_refiner(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLHunyuanImageRefiner: that of HunyuanVideo 1.5, of widths that divide. Raises InvalidDocument."""
    return build_hunyuan_video_15(config, "AutoencoderKLHunyuanImageRefiner")


def _rms_ends(inputs: int, widths: list[int], outputs: int) -> Tensors:
    yield from convolution("conv_in.conv", inputs, widths[0], _CUBE)
    yield Tensor("norm_out.gamma", (widths[-1], 1, 1, 1))
    yield from convolution("conv_out.conv", widths[-1], outputs, _CUBE)


def _rms_resnet(inputs: int, outputs: int) -> Tensors:
    yield Tensor("norm1.gamma", (inputs, 1, 1, 1))
    yield from convolution("conv1.conv", inputs, outputs, _CUBE)
    yield Tensor("norm2.gamma", (outputs, 1, 1, 1))
    yield from convolution("conv2.conv", outputs, outputs, _CUBE)
    if inputs != outputs:
        yield from convolution("conv_shortcut", inputs, outputs, _POINT)


def _build_rms_middle(width: int) -> Layer:
    def attention() -> Tensors:
        yield Tensor("norm.gamma", (width, 1, 1, 1))
        for name in ("to_q", "to_k", "to_v", "proj_out"):
            yield from convolution(name, width, width, _POINT)

    resnets = modules("resnets", "ResnetBlock", _rms_resnet, [(width, width)] * 2)
    attentions = stack("attentions", [assemble("", "AttnBlock", attention())])
    return Layer("mid_block", "MidBlock", children=(resnets, attentions))


def _build_rms_blocks(way: str, widths: list[int], layers: int, factors: list[int], *, matches: bool) -> Layer:
    """Blocks, each of which resamples by a factor where that is not 0."""
    blocks, inputs = [], widths[0]
    for index, (width, factor) in enumerate(zip(widths, factors, strict=True)):
        pairs = [(inputs, width), *[(width, width)] * (layers - 1)]
        children, inputs = [modules("resnets", "ResnetBlock", _rms_resnet, pairs)], width
        if factor:
            if matches and index == len(widths) - 1:
                raise InvalidDocument("must have another width after that which is resampled", "/block_out_channels")
            inputs = widths[index + 1] if matches else width
            if way == "down" and inputs % factor:
                raise InvalidDocument(f"{inputs} must be divisible by {factor}", "/block_out_channels")
            outputs = inputs // factor if way == "down" else inputs * factor
            children.append(_build_resampler(way, width, outputs, "conv.conv"))
        blocks.append(Layer("", f"{way.title()}Block3D", children=tuple(children)))
    return stack(f"{way}_blocks", blocks)


def build_hunyuan_image(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLHunyuanImage. Raises InvalidDocument."""
    values = Values(config, _IMAGE)
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    values.size("sample_size")
    if widths[-1] % (2 * latent):
        raise InvalidDocument(f"the last must be divisible by {2 * latent}", "/block_out_channels")
    ratio, layers = values.size("spatial_compression_ratio"), values.layers("layers_per_block")

    def build(part: str, way: str, widths: list[int], layers: int, inputs: int, outputs: int) -> Layer:
        matches = values.flag(f"{way}sample_match_channel")
        blocks = _build_image_blocks(way, widths, layers, ratio, matches=matches)
        middle = _build_image_middle(widths[-1] if way == "down" else widths[0])
        return assemble(part, part, ends(inputs, widths, outputs), [blocks, middle])

    def ends(inputs: int, widths: list[int], outputs: int) -> Tensors:
        yield from convolution("conv_in", inputs, widths[0], (3, 3))
        yield from _STYLE.group_norm("norm_out", widths[-1])
        yield from convolution("conv_out", widths[-1], outputs, (3, 3))

    encoder = build("encoder", "down", widths, layers, values.size("in_channels"), 2 * latent)
    decoder = build("decoder", "up", widths[::-1], layers + 1, latent, values.size("out_channels"))
    return Layer("AutoencoderKLHunyuanImage", "AutoencoderKLHunyuanImage", children=(encoder, decoder))


_STYLE = Style(32)


def _build_image_middle(width: int) -> Layer:
    def attention() -> Tensors:
        yield from _STYLE.group_norm("norm", width)
        for name in ("to_q", "to_k", "to_v", "proj"):
            yield from convolution(name, width, width, (1, 1))

    attentions = stack("attentions", [assemble("", "HunyuanImageAttentionBlock", attention())])
    return Layer("mid_block", "HunyuanImageMidBlock", children=(_STYLE.resnets([(width, width)] * 2), attentions))


def _build_image_blocks(way: str, widths: list[int], layers: int, ratio: int, *, matches: bool) -> Layer:
    blocks: list[Layer] = []
    inputs = widths[0]
    for index, (width, following) in enumerate(pairwise([*widths, 0])):
        pairs = [(inputs, width), *[(width, width)] * (layers - 1)]
        blocks += build_each("ResnetBlock", _STYLE.resnet, pairs)
        inputs = width
        if index < log2(ratio) and following:
            inputs = following if matches else width
            if way == "down" and inputs % 4:
                raise InvalidDocument(f"{inputs} must be divisible by 4", "/block_out_channels")
            outputs = inputs // 4 if way == "down" else inputs * 4
            blocks.append(assemble("", "Conv2d", convolution("conv", width, outputs, (3, 3))))
    return stack(f"{way}_blocks", blocks)


BUILDERS: Builders = {
    "AutoencoderKLHunyuanImage": build_hunyuan_image,
    "AutoencoderKLHunyuanImageRefiner": build_hunyuan_refiner,
    "AutoencoderKLHunyuanVideo": build_hunyuan_video,
    "AutoencoderKLHunyuanVideo15": build_hunyuan_video_15,
}

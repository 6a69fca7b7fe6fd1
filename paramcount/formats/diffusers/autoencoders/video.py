"""The autoencoders of videos of Allegro, Cosmos, EasyAnimate (Magvit) and Mochi.

Source: autoencoder_kl_allegro, _cosmos, _magvit and _mochi of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from paramcount.formats.diffusers.blocks import Style, modules, resampler, stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

_ALLEGRO: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ["AllegroDownBlock3D"] * 4,
    "up_block_types": ["AllegroUpBlock3D"] * 4, "block_out_channels": [128, 256, 512, 512],
    "temporal_downsample_blocks": [True, True, False, False],
    "temporal_upsample_blocks": [False, True, True, False], "latent_channels": 4, "layers_per_block": 2,
    "norm_num_groups": 32,
}  # fmt: skip

_COSMOS: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 16, "encoder_block_out_channels": [128, 256, 512, 512],
    "decode_block_out_channels": [256, 512, 512, 512], "attention_resolutions": [32], "resolution": 1024,
    "num_layers": 2, "patch_size": 4, "patch_type": "haar", "spatial_compression_ratio": 8,
    "temporal_compression_ratio": 8,
}  # fmt: skip

_MAGVIT: Mapping[str, Any] = {
    "in_channels": 3, "latent_channels": 16, "out_channels": 3, "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["SpatialDownBlock3D"] + ["SpatialTemporalDownBlock3D"] * 3,
    "up_block_types": ["SpatialUpBlock3D"] + ["SpatialTemporalUpBlock3D"] * 3, "layers_per_block": 2,
    "norm_num_groups": 32,
}  # fmt: skip

_MOCHI: Mapping[str, Any] = {
    "in_channels": 15, "out_channels": 3, "encoder_block_out_channels": [64, 128, 256, 384],
    "decoder_block_out_channels": [128, 256, 512, 768], "latent_channels": 12, "layers_per_block": [3, 3, 4, 6, 3],
    "temporal_expansions": [1, 2, 3], "spatial_expansions": [2, 2, 2],
    "add_attention_block": [False, True, True, True, True],
}  # fmt: skip

_CUBE, _POINT, _TIME, _SPACE = (3, 3, 3), (1, 1, 1), (3, 1, 1), (1, 3, 3)


def _quantizers(latent: int, kernel: tuple[int, ...]) -> Tensors:
    yield from convolution("quant_conv", 2 * latent, 2 * latent, kernel)
    yield from convolution("post_quant_conv", latent, latent, kernel)


def build_allegro(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLAllegro: blocks of images, with convolutions over frames after them. Raises InvalidDocument."""
    values, name = Values(config, _ALLEGRO), "AutoencoderKLAllegro"
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    style, layers = Style(values.size("norm_num_groups")), values.layers("layers_per_block")

    def build(part: str, way: str, widths: list[int], layers: int, inputs: int, outputs: int) -> Layer:
        values.choices(f"{way}_block_types", len(widths), (f"Allegro{way.title()}Block3D",))
        field = f"temporal_{way}sample_blocks"
        if not isinstance(values.get(field), list | tuple):
            raise InvalidDocument("must be a list", f"/{field}")
        resampled = values.flags(field, values.length(field, len(widths)))
        blocks = _build_allegro_blocks(style, way, widths, layers, resampled)
        middle = _build_allegro_middle(style, widths[-1] if way == "down" else widths[0])
        return assemble(part, part, ends(widths, inputs, outputs), [blocks, middle])

    def ends(widths: list[int], inputs: int, outputs: int) -> Tensors:
        yield from convolution("conv_in", inputs, widths[0], (3, 3))
        yield from convolution("temp_conv_in", widths[0], widths[0], _TIME)
        yield from style.group_norm("conv_norm_out", widths[-1])
        yield from convolution("temp_conv_out", widths[-1], widths[-1], _TIME)
        yield from convolution("conv_out", widths[-1], outputs, (3, 3))

    encoder = build("encoder", "down", widths, layers, values.size("in_channels"), 2 * latent)
    decoder = build("decoder", "up", widths[::-1], layers + 1, latent, values.size("out_channels"))
    return assemble(name, name, _quantizers(latent, (1, 1)), [encoder, decoder])


def _allegro_time(style: Style, width: int, way: str = "") -> Tensors:
    """AllegroTemporalConvLayer: four convolutions over frames, the first of which may resample."""
    space = 3 if way else 1
    for number, last in ((1, 2), (2, 3), (3, 3), (4, 2)):
        frames = {"down": 2, "up": 1}.get(way, 3) if number == 1 else 3
        outputs = 2 * width if way == "up" and number == 1 else width
        yield from style.group_norm(f"conv{number}.0", width)
        yield from convolution(f"conv{number}.{last}", width, outputs, (frames, space, space))


def _build_allegro_blocks(style: Style, way: str, widths: list[int], layers: int, resampled: list[bool]) -> Layer:
    blocks = []
    for index, (width, in_time) in enumerate(zip(widths, resampled, strict=False)):
        pairs = [(widths[max(index - 1, 0)], width), *[(width, width)] * (layers - 1)]
        children = [style.resnets(pairs), _build_allegro_times(style, width, layers)]
        if in_time:
            name = "temp_convs_down" if way == "down" else "temp_conv_up"
            children.append(assemble(name, "AllegroTemporalConvLayer", _allegro_time(style, width, way)))
        if index < len(widths) - 1:
            children.append(resampler(f"{way}samplers", width))
        blocks.append(Layer("", f"Allegro{way.title()}Block3D", children=tuple(children)))
    return stack(f"{way}_blocks", blocks)


def _build_allegro_times(style: Style, width: int, layers: int) -> Layer:
    return modules("temp_convs", "AllegroTemporalConvLayer", partial(_allegro_time, style), [(width,)] * layers)


def _build_allegro_middle(style: Style, width: int) -> Layer:
    attentions = stack("attentions", [assemble("", "Attention", style.attention(width, width))])
    children = (style.resnets([(width, width)] * 2), _build_allegro_times(style, width, 2), attentions)
    return Layer("mid_block", "AllegroMidBlock3DConv", children=children)


def build_magvit(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLMagvit. Raises InvalidDocument."""
    values, name = Values(config, _MAGVIT), "AutoencoderKLMagvit"
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    style, layers = Style(values.size("norm_num_groups")), values.layers("layers_per_block")

    def resnet(inputs: int, outputs: int) -> Tensors:
        yield from style.group_norm("norm1", inputs)
        yield from convolution("conv1", inputs, outputs, _CUBE)
        yield from style.group_norm("norm2", outputs)
        yield from convolution("conv2", outputs, outputs, _CUBE)
        if inputs != outputs:
            yield from convolution("shortcut", inputs, outputs, _POINT)

    def build(part: str, way: str, widths: list[int], more: int, inputs: int, outputs: int) -> Layer:
        kinds = (f"Spatial{way.title()}Block3D", f"SpatialTemporal{way.title()}Block3D")
        values.choices(f"{way}_block_types", len(widths), kinds)
        blocks = []
        for index, width in enumerate(widths):
            pairs = [(widths[max(index - 1, 0)], width), *[(width, width)] * (layers + more - 1)]
            children = [modules("convs", "ResidualBlock3D", resnet, pairs)]
            if index < len(widths) - 1:
                children.append(assemble(f"{way}sampler", "Conv3d", convolution("conv", width, width, _CUBE)))
            blocks.append(Layer("", kinds[0], children=tuple(children)))
        inner = widths[-1] if way == "down" else widths[0]
        middle = Layer("mid_block", "MidBlock3d", children=(modules("convs", "ResidualBlock3D", resnet,
                       [(inner, inner)] * layers),))  # fmt: skip
        return assemble(part, part, ends(widths, inputs, outputs), [stack(f"{way}_blocks", blocks), middle])

    def ends(widths: list[int], inputs: int, outputs: int) -> Tensors:
        yield from convolution("conv_in", inputs, widths[0], _CUBE)
        yield from style.group_norm("conv_norm_out", widths[-1])
        yield from convolution("conv_out", widths[-1], outputs, _CUBE)

    encoder = build("encoder", "down", widths, 0, values.size("in_channels"), 2 * latent)
    decoder = build("decoder", "up", widths[::-1], 1, latent, values.size("out_channels"))
    return assemble(name, name, _quantizers(latent, _POINT), [encoder, decoder])


class _Mochi(NamedTuple):
    """The lists of an encoder and a decoder of Mochi; they may be longer than what is used of them."""

    layers: list[int]
    time: list[int]
    space: list[int]
    attends: list[bool]


def build_mochi(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLMochi. Raises InvalidDocument."""
    values, latent = Values(config, _MOCHI), Values(config, _MOCHI).size("latent_channels")
    first, second = values.sizes("encoder_block_out_channels"), values.sizes("decoder_block_out_channels")
    count, inner = max(len(first), len(second)), max(len(first), len(second)) - 1
    for name in ("layers_per_block", "temporal_expansions", "spatial_expansions", "add_attention_block"):
        if not isinstance(values.get(name), list | tuple):
            raise InvalidDocument("must be a list", f"/{name}")
    time, space = (
        values.sizes(name, values.length(name, inner)) if values.get(name) else []
        for name in ("temporal_expansions", "spatial_expansions")
    )
    if min(len(time), len(space)) < inner:
        raise InvalidDocument(f"must have {inner} items", "/temporal_expansions")
    lists = _Mochi(
        values.layers_each("layers_per_block", values.length("layers_per_block", count)), time, space,
        values.flags("add_attention_block", values.length("add_attention_block", len(first))),
    )  # fmt: skip
    encoder = _build_mochi_encoder(lists, first, values.size("in_channels"), latent)
    decoder = _build_mochi_decoder(lists, second, latent, values.size("out_channels"))
    return Layer("AutoencoderKLMochi", "AutoencoderKLMochi", children=(encoder, decoder))


_STYLE = Style(32)


def _mochi_resnet(width: int) -> Tensors:
    for number in (1, 2):
        yield from _STYLE.group_norm(f"norm{number}.norm_layer", width)
        yield from convolution(f"conv{number}.conv", width, width, _CUBE)


def _mochi_norm(width: int) -> Tensors:
    yield from _STYLE.group_norm("norm_layer", width)


def _mochi_attention(width: int) -> Tensors:
    for name in ("to_q", "to_k", "to_v"):
        yield from linear(name, width, width, bias=False)
    yield from linear("to_out.0", width, width)


def _build_mochi_layers(width: int, layers: int, *, attends: bool) -> list[Layer]:
    lists = [modules("resnets", "MochiResnetBlock3D", _mochi_resnet, [(width,)] * layers)]
    if attends:
        lists.append(modules("norms", "MochiChunkedGroupNorm3D", _mochi_norm, [(width,)] * layers))
        lists.append(modules("attentions", "Attention", _mochi_attention, [(width,)] * layers))
    return lists


def _build_mochi_encoder(lists: _Mochi, widths: list[int], inputs: int, latent: int) -> Layer:
    blocks = []
    for index, (before, width) in enumerate(pairwise(widths)):
        kernel = (lists.time[index], lists.space[index], lists.space[index])
        layers = _build_mochi_layers(width, lists.layers[index + 1], attends=lists.attends[index + 1])
        blocks.append(assemble("", "MochiDownBlock3D", convolution("conv_in.conv", before, width, kernel), layers))
    ends = [("block_in", widths[0], 0), ("block_out", widths[-1], -1)]

    def tensors() -> Tensors:
        yield from linear("proj_in", inputs, widths[0])
        yield from _STYLE.group_norm("norm_out.norm_layer", widths[-1])
        yield from linear("proj_out", widths[-1], 2 * latent, bias=False)

    middles = [
        Layer(name, "MochiMidBlock3D",
              children=tuple(_build_mochi_layers(width, lists.layers[at], attends=lists.attends[at])))
        for name, width, at in ends
    ]  # fmt: skip
    return assemble("encoder", "MochiEncoder3D", tensors(), [stack("down_blocks", blocks), *middles])


def _build_mochi_decoder(lists: _Mochi, widths: list[int], latent: int, outputs: int) -> Layer:
    blocks = []
    for index in range(len(widths) - 1):
        width, after = widths[-index - 1], widths[-index - 2]
        pixels = lists.time[-index - 1] * lists.space[-index - 1] ** 2
        layers = _build_mochi_layers(width, lists.layers[-index - 2], attends=False)
        blocks.append(assemble("", "MochiUpBlock3D", linear("proj", width, after * pixels), layers))

    def tensors() -> Tensors:
        yield from convolution("conv_in", latent, widths[-1], _POINT)
        yield from linear("proj_out", widths[0], outputs)

    middles = [
        Layer(name, "MochiMidBlock3D", children=tuple(_build_mochi_layers(width, lists.layers[at], attends=False)))
        for name, width, at in (("block_in", widths[-1], -1), ("block_out", widths[0], 0))
    ]
    return assemble("decoder", "MochiDecoder3D", tensors(), [stack("up_blocks", blocks), *middles])


def build_cosmos(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLCosmos. Raises InvalidDocument."""
    values, name = Values(config, _COSMOS), "AutoencoderKLCosmos"
    latent, pixels = values.size("latent_channels"), values.size("patch_size") ** 3
    values.choice("patch_type", "haar", "rearrange")
    layers = values.layers("num_layers")
    encoder = _build_cosmos_half(
        values,
        "encoder",
        values.sizes("encoder_block_out_channels"),
        layers,
        values.size("in_channels") * pixels,
        latent,
    )
    decoder = _build_cosmos_half(
        values, "decoder", values.sizes("decode_block_out_channels")[::-1], layers + 1, latent,
        values.size("out_channels") * pixels,
    )  # fmt: skip
    quantizers = [
        *convolution("quant_conv", latent, latent, _POINT),
        *convolution("post_quant_conv", latent, latent, _POINT),
    ]
    return assemble(name, name, quantizers, [encoder, decoder])


def _cosmos_pair(name: str, inputs: int, outputs: int) -> Tensors:
    """CosmosConvProjection3d: a convolution over space, and one over time."""
    yield from convolution(f"{name}.conv_s", inputs, outputs, _SPACE)
    yield from convolution(f"{name}.conv_t", outputs, outputs, _TIME)


def _cosmos_resnet(inputs: int, outputs: int) -> Tensors:
    yield from norm("norm1.norm", inputs)
    yield from _cosmos_pair("conv1", inputs, outputs)
    yield from norm("norm2.norm", outputs)
    yield from _cosmos_pair("conv2", outputs, outputs)
    if inputs != outputs:
        yield from convolution("conv_shortcut", inputs, outputs, _POINT)


def _cosmos_attention(width: int) -> Tensors:
    yield from norm("norm.norm", width)
    for name in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from convolution(name, width, width, _POINT)


def _cosmos_resampler(width: int, kernels: list[tuple[int, ...]]) -> Tensors:
    for number, kernel in enumerate(kernels, 1):
        if kernel:
            yield from convolution(f"conv{number}", width, width, kernel)


def _build_cosmos_layers(pairs: list[tuple[int, int]], attentions: int) -> list[Layer]:
    lists = [modules("resnets", "CosmosResnetBlock3d", _cosmos_resnet, pairs)]
    widths = [(pairs[0][1],)] * attentions
    return lists + [modules(name, "CosmosCausalAttention", _cosmos_attention, widths) for name in
                    ("attentions", "temp_attentions") if attentions]  # fmt: skip


def _build_cosmos_half(values: Values, part: str, widths: list[int], layers: int, inputs: int, outputs: int) -> Layer:
    """An encoder or a decoder, of blocks between neighbouring widths."""
    is_encoder = part == "encoder"
    way, last = ("down" if is_encoder else "up"), len(widths) - 2
    kernels = _read_cosmos_resampling(values, last, is_encoder=is_encoder)
    blocks = []
    for index, (before, width) in enumerate(pairwise(widths)):
        attends = _attends(values, index) if is_encoder else _attends(values, last, index)
        pairs = [(before, width), *[(width, width)] * (layers - 1)]
        children = _build_cosmos_layers(pairs, layers * attends)
        if index < last and any(kernels[index]):
            one = assemble("", f"Cosmos{way.title()}sample3d", _cosmos_resampler(width, kernels[index]))
            children.append(stack(f"{way}samplers", [one]))
        blocks.append(Layer("", f"Cosmos{way.title()}Block3d", children=tuple(children)))

    def ends() -> Tensors:
        yield from _cosmos_pair("conv_in", inputs, widths[0])
        yield from norm("norm_out.norm", widths[-1])
        yield from _cosmos_pair("conv_out", widths[-1], outputs)

    inner = widths[-1] if is_encoder else widths[0]
    middle = Layer("mid_block", "CosmosMidBlock3d", children=tuple(_build_cosmos_layers([(inner, inner)] * 2, 1)))
    return assemble(part, part, ends(), [stack(f"{way}_blocks", blocks), middle])


def _attends(values: Values, halvings: int, doublings: int = 0) -> bool:
    """Return whether the blocks attend to an image that was halved and doubled so often."""
    scales = values.get("attention_resolutions")
    if scales in ([], ()):
        return False
    size = values.size("resolution") // values.size("patch_size") // 2**halvings * 2**doublings
    return size in values.sizes("attention_resolutions")


def _read_cosmos_resampling(values: Values, count: int, *, is_encoder: bool) -> list[list[tuple[int, ...]]]:
    """The kernels of the convolutions of each block that resamples; () where there is none."""
    patch = values.size("patch_size").bit_length()
    spatial, temporal = (
        values.size(f"{name}_compression_ratio").bit_length() - patch for name in ("spatial", "temporal")
    )
    kernels: list[list[tuple[int, ...]]] = []
    for index in range(max(count, 0)):
        if is_encoder:
            in_space, in_time = index < spatial, index < temporal
        else:
            in_time = 0 < index < temporal + 1
            in_space = in_time or (index < spatial and spatial > temporal)
        pair: list[tuple[int, ...]] = [_SPACE if in_space else (), _TIME if in_time else ()]
        kernels.append([*(pair if is_encoder else pair[::-1]), _POINT if in_space or in_time else ()])
    return kernels


BUILDERS: Builders = {
    "AutoencoderKLAllegro": build_allegro,
    "AutoencoderKLCosmos": build_cosmos,
    "AutoencoderKLMagvit": build_magvit,
    "AutoencoderKLMochi": build_mochi,
}

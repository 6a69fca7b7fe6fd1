"""The autoencoders of Wan and of CogVideoX.

Source: diffusers.models.autoencoders.autoencoder_kl_wan, autoencoder_kl_cogvideox.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from paramcount.formats.diffusers.blocks import Style, modules, resampler, stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_WAN_AUTOENCODER: Mapping[str, Any] = {
    "base_dim": 96, "decoder_base_dim": None, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2,
    "attn_scales": [], "temperal_downsample": [False, True, True], "is_residual": False, "in_channels": 3,
    "out_channels": 3,
}  # fmt: skip

_QWEN_AUTOENCODER: Mapping[str, Any] = {
    "base_dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_scales": [],
    "temperal_downsample": [False, True, True], "input_channels": 3,
}  # fmt: skip

_QWEN_21_AUTOENCODER: Mapping[str, Any] = {
    "decoder_base_dim": 144, "z_dim": 64, "dim_mult": [1, 2, 4, 8, 8],
    "temperal_downsample": [False, True, True, True], "is_residual": True, "in_channels": 4, "out_channels": 4,
}  # fmt: skip

_COGVIDEOX: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "block_out_channels": [128, 256, 256, 512], "latent_channels": 16,
    "down_block_types": ["CogVideoXDownBlock3D"] * 4, "up_block_types": ["CogVideoXUpBlock3D"] * 4,
    "layers_per_block": 3, "norm_num_groups": 32, "use_quant_conv": False, "use_post_quant_conv": False,
}  # fmt: skip

_CUBE, _POINT, _TIME = (3, 3, 3), (1, 1, 1), (3, 1, 1)


def build_wan_autoencoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLWan. Raises InvalidDocument."""
    values = Values(config, _WAN_AUTOENCODER)
    if values.get("attn_scales") != []:
        raise InvalidDocument("was not verified for scales", "/attn_scales", "unsupported")
    factors, latent = values.sizes("dim_mult"), values.size("z_dim")
    layers, residual = values.layers("num_res_blocks"), values.flag("is_residual")
    in_time = values.flags("temperal_downsample", max(len(factors) - 1, 1))
    base = values.size("base_dim")
    last = values.optional("decoder_base_dim") or base

    def tensors() -> Tensors:
        yield from convolution("quant_conv", 2 * latent, 2 * latent, _POINT)
        yield from convolution("post_quant_conv", latent, latent, _POINT)

    down = _wan_down([base * factor for factor in [1, *factors]], layers, in_time, residual=residual)
    up = _wan_up([last * factor for factor in [factors[-1], *factors[::-1]]], layers, in_time[::-1], residual=residual)
    inner, outer = base * factors[-1], last * factors[0]
    ends = _wan_ends(values.size("in_channels"), base, inner, 2 * latent)
    encoder = assemble("encoder", "WanEncoder3d", ends, [down, _wan_middle(inner)])
    ends = _wan_ends(latent, last * factors[-1], outer, values.size("out_channels"))
    decoder = assemble("decoder", "WanDecoder3d", ends, [_wan_middle(last * factors[-1]), up])
    return assemble("AutoencoderKLWan", "AutoencoderKLWan", tensors(), [encoder, decoder])


def build_qwen_autoencoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLQwenImage: Wan's, with fewer arguments. Raises InvalidDocument."""
    values = Values(config, _QWEN_AUTOENCODER)
    channels = values.size("input_channels")
    stated = {name: values.get(name) for name in _QWEN_AUTOENCODER if name in _WAN_AUTOENCODER}
    root = build_wan_autoencoder(stated | {"in_channels": channels, "out_channels": channels})
    return root._replace(name="AutoencoderKLQwenImage", type="AutoencoderKLQwenImage")


def build_qwen_21_autoencoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLQwenImage21: Wan's, whose convolutions have no axis of time. Raises InvalidDocument."""
    used_defaults = config.get("_use_default_values") or ()
    stated = {name: value for name, value in config.items() if name in _WAN_AUTOENCODER and name not in used_defaults}
    root = _drop_time(build_wan_autoencoder({**_QWEN_21_AUTOENCODER, **stated}))
    return root._replace(name="AutoencoderKLQwenImage21", type="AutoencoderKLQwenImage21")


def _drop_time(layer: Layer) -> Layer:
    """Return the layers with weights of two axes of space in place of those of three axes."""
    tensors = tuple(
        tensor._replace(shape=tensor.shape[:2] + tensor.shape[3:]) if len(tensor.shape) == 5 else tensor
        for tensor in layer.tensors
    )
    return layer._replace(tensors=tensors, children=tuple(map(_drop_time, layer.children)), cache_key=b"")


def _wan_ends(inputs: int, first: int, last: int, outputs: int) -> Tensors:
    yield from convolution("conv_in", inputs, first, _CUBE)
    yield Tensor("norm_out.gamma", (last, 1, 1, 1))
    yield from convolution("conv_out", last, outputs, _CUBE)


def _wan_resnet(inputs: int, outputs: int) -> Tensors:
    yield Tensor("norm1.gamma", (inputs, 1, 1, 1))
    yield from convolution("conv1", inputs, outputs, _CUBE)
    yield Tensor("norm2.gamma", (outputs, 1, 1, 1))
    yield from convolution("conv2", outputs, outputs, _CUBE)
    if inputs != outputs:
        yield from convolution("conv_shortcut", inputs, outputs, _POINT)


def _wan_middle(width: int) -> Layer:
    def attention() -> Tensors:
        yield Tensor("norm.gamma", (width, 1, 1))
        yield from convolution("to_qkv", width, 3 * width, (1, 1))
        yield from convolution("proj", width, width, (1, 1))

    resnets = _wan_resnets([(width, width)] * 2)
    return Layer(
        "mid_block",
        "WanMidBlock",
        children=(stack("attentions", [assemble("", "WanAttentionBlock", attention())]), resnets),
    )


def _wan_resnets(pairs: Sequence[tuple[int, int]]) -> Layer:
    return modules("resnets", "WanResidualBlock", _wan_resnet, pairs)


def _wan_resample(name: str, width: int, outputs: int, time: int) -> Layer:
    """A resampling of space, and of time too where `time` says to how many channels."""

    def tensors() -> Tensors:
        yield from convolution("resample.1", width, outputs, (3, 3))
        if time:
            yield from convolution("time_conv", width, time, _TIME)

    return assemble(name, "WanResample", tensors())


def _check_shortcut(inputs: int, outputs: int) -> None:
    """Raise InvalidDocument where a residual block cannot average or repeat channels (AvgDown3D, DupUp3D)."""
    if inputs % outputs:
        raise InvalidDocument(f"makes {inputs} channels that {outputs} do not divide", "/dim_mult")


def _wan_down(widths: list[int], layers: int, in_time: list[bool], *, residual: bool) -> Layer:
    blocks: list[Layer] = []
    for index, (inputs, width) in enumerate(pairwise(widths)):
        pairs = [(inputs, width), *[(width, width)] * (layers - 1)]
        resample = None
        if index < len(widths) - 2:
            resample = _wan_resample("downsampler", width, width, width * in_time[index])
        if residual:
            halves = 4 * (1 + in_time[index]) if resample else 1
            _check_shortcut(inputs * halves, width)
            children = (_wan_resnets(pairs), *([resample] if resample else ()))
            blocks.append(Layer("", "WanResidualDownBlock", children=children))
        else:
            blocks += [assemble("", "WanResidualBlock", _wan_resnet(*pair)) for pair in pairs]
            blocks += [resample._replace(name="")] if resample else []
    return stack("down_blocks", blocks)


def _wan_up(widths: list[int], layers: int, in_time: list[bool], *, residual: bool) -> Layer:
    blocks = []
    for index, (before, width) in enumerate(pairwise(widths)):
        inputs = before // 2 if index and not residual else before
        children = [_wan_resnets([(inputs, width), *[(width, width)] * layers])]
        if index < len(widths) - 2:
            time = 2 * width * in_time[index]
            if residual:
                _check_shortcut(width * 4 * (1 + in_time[index]), inputs)
                children.append(_wan_resample("upsampler", width, width, time))
            else:
                children.append(stack("upsamplers", [_wan_resample("", width, width // 2, time)]))
        blocks.append(Layer("", "WanResidualUpBlock" if residual else "WanUpBlock", children=tuple(children)))
    return stack("up_blocks", blocks)


def build_cogvideox_autoencoder(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLCogVideoX. Raises InvalidDocument."""
    values = Values(config, _COGVIDEOX)
    widths, latent = values.sizes("block_out_channels"), values.size("latent_channels")
    values.choices("down_block_types", len(widths), ("CogVideoXDownBlock3D",))
    values.choices("up_block_types", len(widths), ("CogVideoXUpBlock3D",))
    style, layers, outputs = (
        Style(values.size("norm_num_groups")),
        values.layers("layers_per_block"),
        values.size("out_channels"),
    )

    def tensors() -> Tensors:
        if values.flag("use_quant_conv"):
            yield from convolution("quant_conv", 2 * outputs, 2 * outputs, _POINT)
        if values.flag("use_post_quant_conv"):
            yield from convolution("post_quant_conv", outputs, outputs, _POINT)

    down = partial(_cog_blocks, style, "down_blocks", widths, layers, "downsamplers", None)
    up = partial(_cog_blocks, style, "up_blocks", widths[::-1], layers + 1, "upsamplers", latent)
    encoder = assemble(
        "encoder", "CogVideoXEncoder3D",
        _cog_ends(style, values.size("in_channels"), widths[0], widths[-1], 2 * latent, None),
        [down(), _cog_middle(style, widths[-1], None)],
    )  # fmt: skip
    decoder = assemble(
        "decoder", "CogVideoXDecoder3D", _cog_ends(style, latent, widths[-1], widths[0], outputs, latent),
        [_cog_middle(style, widths[-1], latent), up()],
    )  # fmt: skip
    return assemble("AutoencoderKLCogVideoX", "AutoencoderKLCogVideoX", tensors(), [encoder, decoder])


def _cog_norm(style: Style, name: str, width: int, latent: int | None) -> Tensors:
    """A group norm; with a latent, one that it scales and shifts."""
    if latent is None:
        yield from style.group_norm(name, width)
        return
    yield from style.group_norm(f"{name}.norm_layer", width)
    yield from convolution(f"{name}.conv_y.conv", latent, width, _POINT)
    yield from convolution(f"{name}.conv_b.conv", latent, width, _POINT)


def _cog_ends(style: Style, inputs: int, first: int, last: int, outputs: int, latent: int | None) -> Tensors:
    yield from convolution("conv_in.conv", inputs, first, _CUBE)
    yield from _cog_norm(style, "norm_out", last, latent)
    yield from convolution("conv_out.conv", last, outputs, _CUBE)


def _cog_resnets(style: Style, pairs: Sequence[tuple[int, int]], latent: int | None) -> Layer:
    def tensors(inputs: int, outputs: int) -> Iterator[Tensor]:
        yield from _cog_norm(style, "norm1", inputs, latent)
        yield from _cog_norm(style, "norm2", outputs, latent)
        yield from convolution("conv1.conv", inputs, outputs, _CUBE)
        yield from convolution("conv2.conv", outputs, outputs, _CUBE)
        if inputs != outputs:
            yield from convolution("conv_shortcut", inputs, outputs, _POINT)

    return modules("resnets", "CogVideoXResnetBlock3D", tensors, pairs)


def _cog_middle(style: Style, width: int, latent: int | None) -> Layer:
    return Layer("mid_block", "CogVideoXMidBlock3D", children=(_cog_resnets(style, [(width, width)] * 2, latent),))


def _cog_blocks(style: Style, name: str, widths: list[int], layers: int, resampling: str, latent: int | None) -> Layer:
    blocks = []
    for index, width in enumerate(widths):
        pairs = [(widths[max(index - 1, 0)], width), *[(width, width)] * (layers - 1)]
        children = [_cog_resnets(style, pairs, latent)]
        if index < len(widths) - 1:
            children.append(resampler(resampling, width))
        blocks.append(Layer("", name, children=tuple(children)))
    return stack(name, blocks)


BUILDERS: Builders = {
    "AutoencoderKLCogVideoX": build_cogvideox_autoencoder,
    "AutoencoderKLQwenImage21": build_qwen_21_autoencoder,
    "AutoencoderKLQwenImage": build_qwen_autoencoder,
    "AutoencoderKLWan": build_wan_autoencoder,
}

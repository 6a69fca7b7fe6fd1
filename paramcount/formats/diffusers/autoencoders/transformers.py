"""Autoencoders that have transformers in them: RAE, SAME, and that of the videos of MiniMax H3.

Source: autoencoder_rae, autoencoder_same and autoencoder_kl_minimax_h3 of diffusers.models.autoencoders; the encoders
of RAE are those of transformers 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Any

from paramcount.formats.diffusers.autoencoders.audio import Sound
from paramcount.formats.diffusers.blocks import Style, modules, stack
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_RAE: Mapping[str, Any] = {
    "encoder_type": "dinov2", "encoder_hidden_size": 768, "encoder_patch_size": 14, "encoder_num_hidden_layers": 12,
    "decoder_hidden_size": 512, "decoder_num_hidden_layers": 8, "decoder_num_attention_heads": 16,
    "decoder_intermediate_size": 2048, "patch_size": 16, "encoder_input_size": 224, "image_size": None,
    "num_channels": 3, "encoder_norm_mean": None, "encoder_norm_std": None, "latents_mean": None,
    "latents_std": None,
}  # fmt: skip

_SAME: Mapping[str, Any] = {
    "audio_channels": 2, "patch_size": 256, "encoder_channels": 128, "encoder_c_mults": [6], "encoder_strides": [16],
    "encoder_transformer_depths": [6], "latent_dim": 256, "use_differential_attention": True, "dim_heads": 64,
    "ff_mult": 3, "encoder_sinusoidal_blocks": [0], "decoder_sinusoidal_blocks": [0],
}  # fmt: skip

_MINIMAX: Mapping[str, Any] = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 24,
    "block_out_channels": [128, 256, 256, 512, 512, 1024], "layers_per_block": 2,
    "spatial_downsample_factors": [2, 2, 2, 2, 1, 1], "temporal_downsample_factors": [1, 2, 2, 1, 1, 1],
    "norm_num_groups": 32, "decoder_num_layers": 36, "decoder_num_attention_heads": 32,
    "decoder_attention_head_dim": 64, "decoder_num_register_tokens": 4, "decoder_ffn_mult": 4,
    "decoder_rope_dim_ratio": 0.75,
}  # fmt: skip


def _buffer(name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, shape, "buffer", "F32", trainable=False)


def _scale(name: str, width: int) -> Tensors:
    yield Tensor(f"{name}.weight", (width,))


def build_rae(config: Mapping[str, Any]) -> Layer:
    """AutoencoderRAE: a frozen encoder of transformers (DINOv2 with registers, or MAE). Raises InvalidDocument."""
    values, name = Values(config, _RAE), "AutoencoderRAE"
    width, patch, inputs = map(values.size, ("decoder_hidden_size", "patch_size", "encoder_hidden_size"))
    heads, hidden = values.size("decoder_num_attention_heads"), values.size("decoder_intermediate_size")
    if width % heads or width % 4:
        raise InvalidDocument(f"must be divisible by 4 and by {heads}", "/decoder_hidden_size")
    encoder_patch, size = values.size("encoder_patch_size"), values.size("encoder_input_size")
    if size % encoder_patch:
        raise InvalidDocument(f"must be divisible by {encoder_patch}", "/encoder_input_size")
    if values.optional("image_size") not in (None, patch * (size // encoder_patch)):
        raise InvalidDocument(f"must be {patch * (size // encoder_patch)}", "/image_size")

    def block() -> Tensors:
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            yield from linear(f"attention.{part}", width, width)
        yield from linear("intermediate.dense", width, hidden)
        yield from linear("output.dense", hidden, width)
        yield from norm("layernorm_before", width)
        yield from norm("layernorm_after", width)

    def around() -> Tensors:
        yield Tensor("trainable_cls_token", (1, 1, width))
        yield from linear("decoder_embed", inputs, width)
        yield from norm("decoder_norm", width)
        yield from linear("decoder_pred", width, patch * patch * values.size("num_channels"))

    layers = repeat("decoder_layers", values.size("decoder_num_hidden_layers"), assemble("", "ViTMAELayer", block()))
    decoder = assemble("decoder", "RAEDecoder", around(), layers)
    return assemble(name, name, _rae_buffers(values), [_build_rae_encoder(values, inputs, encoder_patch), decoder])


def _rae_buffers(values: Values) -> Tensors:
    for part in ("mean", "std"):
        name = f"encoder_norm_{part}"
        if values.get(name) is not None and _read_shape(values, name) != (3,):
            raise InvalidDocument("must be a list of 3 numbers", f"/{name}")
        yield _buffer(f"encoder_{part}", (1, 3, 1, 1))
        name = f"latents_{part}"
        yield _buffer(f"_{name}", (1,) if values.get(name) is None else _read_shape(values, name))


def _read_shape(values: Values, name: str) -> tuple[int, ...]:
    """The shape of numbers in nested lists."""

    def read(value: Any) -> tuple[int, ...]:
        if isinstance(value, list | tuple):
            shapes = {read(item) for item in value}
            if len(shapes) == 1:
                return len(value), *shapes.pop()
        elif isinstance(value, int | float):
            return ()
        raise InvalidDocument("must hold numbers, as many in each list", f"/{name}")

    return read(values.get(name))


def _build_rae_encoder(values: Values, width: int, patch: int) -> Layer:
    kind = values.choice("encoder_type", "dinov2", "mae")
    if width < 64 or width % (width // 64):
        raise InvalidDocument("must be divisible by the number of its heads of 64", "/encoder_hidden_size")
    is_dino = kind == "dinov2"
    size, hidden = (518, 4 * width) if is_dino else (224, 3072)

    def embeddings() -> Tensors:
        yield Tensor("embeddings.cls_token", (1, 1, width))
        yield Tensor("embeddings.position_embeddings", (1, (size // patch) ** 2 + 1, width))
        if is_dino:
            yield Tensor("embeddings.mask_token", (1, width))
            yield Tensor("embeddings.register_tokens", (1, 4, width))
        yield from convolution("embeddings.patch_embeddings.projection", 3, width, (patch, patch))

    def layer() -> Tensors:
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield from linear(f"attention.{part}", width, width)
        yield from linear("mlp.fc1", width, hidden)
        yield from linear("mlp.fc2", hidden, width)
        for part in ("norm1", "norm2") if is_dino else ("layernorm_before", "layernorm_after"):
            yield from norm(part, width)
        for number in (1, 2) if is_dino else ():
            yield Tensor(f"layer_scale{number}.lambda1", (width,))

    block = assemble("", "Layer", (tensor._replace(trainable=False) for tensor in layer()))
    layers = repeat("layer" if is_dino else "layers", values.size("encoder_num_hidden_layers"), block)
    if is_dino:
        layers = [Layer("encoder", "Encoder", children=tuple(layers))]
    return assemble("encoder", kind, (tensor._replace(trainable=False) for tensor in embeddings()), layers)


def build_same(config: Mapping[str, Any]) -> Layer:
    """AutoencoderSAME. Raises InvalidDocument."""
    values, name = Values(config, _SAME), "AutoencoderSAME"
    strides, latent = values.sizes("encoder_strides"), values.size("latent_dim")
    count, factors = len(strides), values.sizes("encoder_c_mults")
    depths = values.counts("encoder_transformer_depths")
    for field, length in (("encoder_c_mults", len(factors)), ("encoder_transformer_depths", len(depths))):
        if length < count:
            raise InvalidDocument(f"must have {count} items at least", f"/{field}")
    for field in ("encoder_sinusoidal_blocks", "decoder_sinusoidal_blocks"):
        if len(values.counts(field)) not in (1, count):
            raise InvalidDocument(f"must have one item, or {count}", f"/{field}")
    base, inputs = values.size("encoder_channels"), values.size("audio_channels") * values.size("patch_size")
    widths = [inputs, *(base * factor for factor in factors)]
    levels = list(zip(pairwise(widths), depths[:count], strict=False))

    def bottleneck() -> Tensors:
        yield Tensor("bottleneck.scale", (1, latent, 1))
        yield Tensor("bottleneck.bias", (1, latent, 1))
        yield _buffer("bottleneck.running_std", (1,))

    down = [_build_same_level(values, *pair, pair[1], depth) for pair, depth in levels]
    up = [_build_same_level(values, *pair[::-1], pair[1], depth) for pair, depth in levels[::-1]]
    encoder = assemble("encoder", "SAMEEncoder", linear("proj", widths[-1], latent), [stack("blocks", down)])
    decoder = assemble("decoder", "SAMEDecoder", linear("proj", latent, widths[-1]), [stack("blocks", up)])
    return assemble(name, name, bottleneck(), [encoder, decoder])


def _build_same_level(values: Values, inputs: int, outputs: int, width: int, depth: int) -> Layer:
    head, hidden = min(values.size("dim_heads"), width), width * values.size("ff_mult")
    projections = 5 if values.flag("use_differential_attention") else 3

    def tanh(name: str, size: int) -> Tensors:
        yield Tensor(f"{name}.alpha", (1,))
        yield Tensor(f"{name}.gamma", (size,))
        yield Tensor(f"{name}.beta", (size,))

    def block() -> Tensors:
        yield from tanh("norm_attn", width)
        yield from tanh("norm_ff", width)
        yield from tanh("attn.q_norm", head)
        yield from tanh("attn.k_norm", head)
        yield from linear("attn.to_qkv", width, projections * width, bias=False)
        yield from linear("attn.to_out", width, width, bias=False)
        yield from linear("ff.proj_in", width, 2 * hidden)
        yield from linear("ff.proj_out", hidden, width)

    def tensors() -> Tensors:
        yield Tensor("new_tokens", (1, 1, width))
        if inputs != outputs:
            yield from Sound(()).convolution("mapping", inputs, outputs, 1)

    return assemble("", "ResamplingBlock", tensors(), repeat("transformers", depth, assemble("", "Block", block())))


def build_minimax(config: Mapping[str, Any]) -> Layer:
    """AutoencoderKLMiniMaxH3: an encoder of convolutions, and a decoder of a transformer. Raises InvalidDocument."""
    values, name = Values(config, _MINIMAX), "AutoencoderKLMiniMaxH3"
    latent, widths = values.size("latent_channels"), values.sizes("block_out_channels")
    fields = ("spatial_downsample_factors", "temporal_downsample_factors")
    space, time = (values.sizes(field, values.length(field, len(widths))) for field in fields)

    def quantizers() -> Tensors:
        yield from convolution("quant_conv", 2 * latent, 2 * latent, (1, 1, 1))
        yield from convolution("post_quant_conv", latent, latent, (1, 1, 1))

    resampled = [first * second > 1 for first, second in zip(space, time, strict=False)]
    encoder = _build_minimax_encoder(values, widths, resampled, 2 * latent)
    decoder = _build_minimax_decoder(values, latent, prod(time) * prod(space) ** 2)
    return assemble(name, name, quantizers(), [encoder, decoder])


def _build_minimax_encoder(values: Values, widths: list[int], resampled: list[bool], outputs: int) -> Layer:
    style, layers, cube = Style(values.size("norm_num_groups")), values.layers("layers_per_block"), (3, 3, 3)

    def resnet(inputs: int, outputs: int) -> Tensors:
        yield from style.group_norm("norm1", inputs)
        yield from convolution("conv1", inputs, outputs, cube)
        yield from style.group_norm("norm2", outputs)
        yield from convolution("conv2", outputs, outputs, cube)
        if inputs != outputs:
            yield from convolution("conv_shortcut", inputs, outputs, (1, 1, 1))

    def ends() -> Tensors:
        yield from convolution("conv_in", values.size("in_channels"), widths[0], cube)
        yield from style.group_norm("norm_out", widths[-1])
        yield from convolution("conv_out", widths[-1], outputs, cube)

    blocks = []
    for (before, width), resamples in zip(pairwise([widths[0], *widths]), resampled, strict=False):
        pairs = [(before, width), *[(width, width)] * (layers - 1)]
        children = [modules("resnets", "ResnetBlock3d", resnet, pairs)]
        if resamples:
            children.append(stack("downsamplers", [assemble("", "Conv3d", convolution("conv", width, width, cube))]))
        blocks.append(Layer("", "DownBlock3d", children=tuple(children)))
    return assemble("encoder", "Encoder3d", ends(), [stack("down_blocks", blocks)])


def _build_minimax_decoder(values: Values, latent: int, pixels: int) -> Layer:
    head, ratio = values.size("decoder_attention_head_dim"), values.get("decoder_rope_dim_ratio")
    if type(ratio) not in (int, float) or not 0 < ratio <= 1 or int(head * ratio) % 6 or not int(head * ratio):
        raise InvalidDocument("must leave a multiple of 6 of the width of a head", "/decoder_rope_dim_ratio")
    width = values.size("decoder_num_attention_heads") * head
    hidden = values.size("decoder_ffn_mult") * width

    def block() -> Tensors:
        for number in (1, 2):
            yield from _scale(f"norm{number}", width)
            yield Tensor(f"scale{number}", (width,))
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            yield from linear(f"attn.{part}", width, width)
        yield from linear("ff.net.0.proj", width, 2 * hidden)
        yield from linear("ff.net.2", hidden, width)

    def around() -> Tensors:
        yield Tensor("register_tokens", (1, values.size("decoder_num_register_tokens"), width))
        yield from linear("proj_in", latent, width)
        yield from norm("norm_out", width)
        yield from linear("proj_out", width, values.size("out_channels") * pixels)

    layers = repeat("transformer_blocks", values.size("decoder_num_layers"), assemble("", "TransformerBlock", block()))
    return assemble("decoder", "ViTDecoder3d", around(), layers)


BUILDERS: Builders = {
    "AutoencoderKLMiniMaxH3": build_minimax,
    "AutoencoderRAE": build_rae,
    "AutoencoderSAME": build_same,
}

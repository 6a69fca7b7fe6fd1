"""The transformer of Wan, and those that follow it: VACE, Animate, SkyReels, ChronoEdit, Helios, AnyFlow.

Source: diffusers.models.transformers.transformer_wan, _wan_vace, _wan_animate, _wan_animate_2, _skyreels_v2,
_chronoedit, _helios, _anyflow, _anyflow_far.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

from paramcount.formats.diffusers.blocks import modules, time_embedding
from paramcount.formats.diffusers.transformers.parts import (
    attention,
    even,
    exactly,
    feed_forward,
    linears,
    projection,
    scale,
    scales,
)
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_COMMON: dict[str, Any] = {
    "patch_size": [1, 2, 2], "num_attention_heads": 40, "attention_head_dim": 128, "in_channels": 16,
    "out_channels": 16, "text_dim": 4096, "freq_dim": 256, "ffn_dim": 13824, "num_layers": 40,
    "cross_attn_norm": True,
}  # fmt: skip
_WAN = _COMMON | {"image_dim": None, "added_kv_proj_dim": None, "pos_embed_seq_len": None}
_SKYREELS = _WAN | {"num_attention_heads": 16, "ffn_dim": 8192, "num_layers": 32, "inject_sample_info": False}
_VACE = _WAN | {"vace_layers": [0, 5, 10, 15, 20, 25, 30, 35], "vace_in_channels": 96}
_ANIMATE = _WAN | {
    "in_channels": 36, "latent_channels": 16, "image_dim": 1280, "motion_encoder_channel_sizes": None,
    "motion_encoder_size": 512, "motion_style_dim": 512, "motion_dim": 20, "motion_encoder_dim": 512,
    "face_encoder_hidden_dim": 1024, "face_encoder_num_heads": 4, "inject_face_latents_blocks": 5,
}  # fmt: skip
_HELIOS = _COMMON | {
    "added_kv_proj_dim": None, "rope_dim": [44, 42, 42], "has_multi_term_memory_patch": True,
    "is_amplify_history": False, "history_scale_mode": "per_head",
}  # fmt: skip
_ANYFLOW = _COMMON | {"image_dim": None}
_ANYFLOW_FAR = _ANYFLOW | {"compressed_patch_size": [1, 4, 4]}
_ANIMATE_2: Mapping[str, Any] = {
    "patch_size": [1, 2, 2], "in_dim": 36, "dim": 5120, "ffn_dim": 13824, "freq_dim": 256, "text_dim": 4096,
    "out_dim": 16, "num_heads": 40, "num_layers": 40, "cross_attn_norm": True, "use_img_emb": True,
}  # fmt: skip

_MOTION_CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}
_MOTION_LAYERS, _IMAGE_CHANNELS = 5, 1280


def _width(values: Values) -> int:
    return values.size("num_attention_heads") * values.size("attention_head_dim")


def _build(
    name: str, values: Values, more: Iterable[Tensor] = (), children: Iterable[Layer] = (),
    channels: tuple[int, int] | None = None,
) -> Layer:  # fmt: skip
    """A transformer of Wan with what a class adds to it; `channels`: of its inputs and outputs, if not the config's."""
    width, patch = _width(values), exactly(values, "patch_size", 3)
    inputs = channels[0] if channels else values.size("in_channels")
    outputs = values.optional("out_channels") or (channels[1] if channels else inputs)

    def tensors() -> Tensors:
        yield from convolution("patch_embedding", inputs, width, patch)
        yield from _condition("condition_embedder", values, width)
        yield from linear("proj_out", width, outputs * math.prod(patch))
        yield Tensor("norm_out.scale_shift_table" if "rope_dim" in values else "scale_shift_table", (1, 2, width))
        yield from more

    block = assemble("", "WanTransformerBlock", _block(values, width))
    return assemble(name, name, tensors(), [*repeat("blocks", values.size("num_layers"), block), *children])


def _condition(name: str, values: Values, width: int) -> Tensors:
    """The embeddings of the time, of the text and of an image."""
    yield from time_embedding(f"{name}.time_embedder", values.size("freq_dim"), width)
    yield from linear(f"{name}.time_proj", width, 6 * width)
    yield from projection(f"{name}.text_embedder", values.size("text_dim"), width)
    inputs = values.optional("image_dim")
    if inputs is not None:
        if (count := values.optional("pos_embed_seq_len")) is not None:
            yield Tensor(f"{name}.image_embedder.pos_embed", (1, count, inputs))
        yield from norm(f"{name}.image_embedder.norm1", inputs)
        yield from feed_forward(f"{name}.image_embedder.ff", inputs, inputs, width)
        yield from norm(f"{name}.image_embedder.norm2", width)


def _block(values: Values, width: int) -> Tensors:
    yield Tensor("scale_shift_table", (1, 6, width))
    for name in ("attn1", "attn2"):
        yield from attention(name, width, width)
        yield from scales((f"{name}.norm_q", f"{name}.norm_k"), width)
    if "is_amplify_history" in values and values.flag("is_amplify_history"):
        mode = values.choice("history_scale_mode", "per_head", "scalar")
        yield Tensor("attn1.history_key_scale", (values.size("num_attention_heads") if mode == "per_head" else 1,))
    if (added := values.optional("added_kv_proj_dim")) is not None:
        yield from linears(("attn2.add_k_proj", "attn2.add_v_proj"), added, width)
        yield from scale("attn2.norm_added_k", width)
    if values.flag("cross_attn_norm"):
        yield from norm("norm2", width)
    yield from feed_forward("ffn", width, values.size("ffn_dim"))


def build_wan(config: Mapping[str, Any]) -> Layer:
    """WanTransformer3DModel. Raises InvalidDocument."""
    return _build_rotated("WanTransformer3DModel", _WAN, config)


def _build_rotated(name: str, defaults: Mapping[str, Any], config: Mapping[str, Any]) -> Layer:
    values = Values(config, defaults)
    even(values, "attention_head_dim")
    return _build(name, values)


def build_skyreels(config: Mapping[str, Any]) -> Layer:
    """SkyReelsV2Transformer3DModel. Raises InvalidDocument."""
    values = Values(config, _SKYREELS)
    even(values, "attention_head_dim")
    width = _width(values)

    def rate() -> Tensors:
        yield Tensor("fps_embedding.weight", (2, width))
        yield from feed_forward("fps_projection", width, width, 6 * width)

    return _build("SkyReelsV2Transformer3DModel", values, rate() if values.flag("inject_sample_info") else ())


def build_vace(config: Mapping[str, Any]) -> Layer:
    """WanVACETransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _VACE)
    even(values, "attention_head_dim")
    width, layers, patch = _width(values), values.get("vace_layers"), exactly(values, "patch_size", 3)
    if not isinstance(layers, list | tuple) or not all(type(layer) is int for layer in layers) or 0 not in layers:
        raise InvalidDocument("must be a list of integers that has 0", "/vace_layers")
    if max(layers) >= values.size("num_layers"):
        raise InvalidDocument("must be below the number of layers", "/vace_layers")

    def block(first: int) -> Tensors:
        if first:
            yield from linear("proj_in", width, width)
        yield from _block(values, width)
        yield from linear("proj_out", width, width)

    arguments = [(1,), *[(0,)] * (len(layers) - 1)]
    blocks = modules("vace_blocks", "WanVACETransformerBlock", block, arguments)
    more = convolution("vace_patch_embedding", values.size("vace_in_channels"), width, patch)
    return _build("WanVACETransformer3DModel", values, more, [blocks])


def build_helios(config: Mapping[str, Any]) -> Layer:
    """HeliosTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _HELIOS)
    exactly(values, "rope_dim", 3)
    inputs, width, patch = values.size("in_channels"), _width(values), exactly(values, "patch_size", 3)

    def patches() -> Tensors:
        for name, factor in (("patch_short", 1), ("patch_mid", 2), ("patch_long", 4)):
            yield from convolution(name, inputs, width, tuple(factor * side for side in patch))

    more = patches() if values.flag("has_multi_term_memory_patch") else ()
    return _build("HeliosTransformer3DModel", values, more)


def build_anyflow(config: Mapping[str, Any]) -> Layer:
    """AnyFlowTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _ANYFLOW)
    return _build("AnyFlowTransformer3DModel", values, _delta(values))


def build_anyflow_far(config: Mapping[str, Any]) -> Layer:
    """AnyFlowFARTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _ANYFLOW_FAR)
    kernel = exactly(values, "compressed_patch_size", 3)

    def more() -> Tensors:
        yield from _delta(values)
        yield from convolution("far_patch_embedding", values.size("in_channels"), _width(values), kernel)

    return _build("AnyFlowFARTransformer3DModel", values, more())


def _delta(values: Values) -> Tensors:
    yield from time_embedding("condition_embedder.delta_embedder", values.size("freq_dim"), _width(values))


def build_animate(config: Mapping[str, Any]) -> Layer:
    """WanAnimateTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _ANIMATE)
    head, width, patch = even(values, "attention_head_dim"), _width(values), exactly(values, "patch_size", 3)
    channels = _animate_channels(values)

    def tensors() -> Tensors:
        yield from convolution("pose_patch_embedding", channels[1], width, patch)
        yield from _face_encoder("face_encoder", values, width)

    def adapter() -> Tensors:
        yield from linears(("to_q", "to_k", "to_v", "to_out"), width, width)
        yield from scales(("norm_q", "norm_k"), head)

    count = values.size("num_layers") // values.size("inject_face_latents_blocks")
    block = assemble("", "WanAnimateFaceBlockCrossAttention", adapter())
    children = [_motion_encoder(values), *repeat("face_adapter", count, block)]
    return _build("WanAnimateTransformer3DModel", values, tensors(), children, channels)


def _animate_channels(values: Values) -> tuple[int, int]:
    """The channels of the input and of the latents; one of the two may be left to the other."""
    inputs, latent = values.optional("in_channels"), values.optional("latent_channels")
    if inputs is None and latent is not None:
        return 2 * latent + 4, latent
    if inputs is not None and inputs > 5 and latent is None:
        return inputs, (inputs - 4) // 2
    if inputs is None or latent is None or inputs != 2 * latent + 4:
        raise InvalidDocument("must be 2 * latent_channels + 4", "/in_channels")
    return inputs, latent


def _motion_encoder(values: Values) -> Layer:
    style, motion, outputs = (values.size(f"motion_{name}") for name in ("style_dim", "dim", "encoder_dim"))
    size = values.size("motion_encoder_size")
    sides = [size, *(2 ** (power - 1) for power in range(size.bit_length() - 1, 2, -1))]
    widths = [_motion_width(values, side) for side in sides]

    def tensors() -> Tensors:
        yield from _motion_convolution("conv_in", 3, widths[0], 1)
        yield Tensor("conv_out.weight", (style, widths[-1], 4, 4))
        yield Tensor("motion_synthesis_weight", (outputs, motion))

    def block(before: int, after: int) -> Tensors:
        yield from _motion_convolution("conv1", before, before, 3)
        yield from _motion_convolution("conv2", before, after, 3)
        yield Tensor("conv_skip.weight", (after, before, 1, 1))

    def layer(after: int) -> Tensors:
        yield Tensor("weight", (after, style))
        yield Tensor("bias", (after,))

    blocks = modules("res_blocks", "MotionEncoderResBlock", block, list(pairwise(widths)))
    arguments = [*[(style,)] * (_MOTION_LAYERS - 1), (motion,)]
    network = modules("motion_network", "MotionLinear", layer, arguments)
    return assemble("motion_encoder", "WanAnimateMotionEncoder", tensors(), [blocks, network])


def _motion_width(values: Values, side: int) -> int:
    """The channels of images of a height and width."""
    stated = values.get("motion_encoder_channel_sizes")
    if stated is None:
        stated = {str(key): width for key, width in _MOTION_CHANNELS.items()}
    width = stated.get(str(side)) if isinstance(stated, dict) else None
    if type(width) is not int or width < 1:
        raise InvalidDocument(f"has no channels for images of {side} pixels", "/motion_encoder_channel_sizes")
    return width


def _motion_convolution(name: str, inputs: int, outputs: int, kernel: int) -> Tensors:
    yield Tensor(f"{name}.weight", (outputs, inputs, kernel, kernel))
    yield Tensor(f"{name}.act_fn.bias", (outputs,))


def _face_encoder(name: str, values: Values, width: int) -> Tensors:
    hidden, heads = values.size("face_encoder_hidden_dim"), values.size("face_encoder_num_heads")
    yield from convolution(f"{name}.conv1_local", values.size("motion_encoder_dim"), hidden * heads, (3,))
    yield from convolution(f"{name}.conv2", hidden, hidden, (3,))
    yield from convolution(f"{name}.conv3", hidden, hidden, (3,))
    yield from linear(f"{name}.out_proj", hidden, width)
    yield Tensor(f"{name}.padding_tokens", (1, 1, 1, width))


def build_animate_2(config: Mapping[str, Any]) -> Layer:
    """WanAnimate2Transformer3DModel. Raises InvalidDocument."""
    values = Values(config, _ANIMATE_2)
    width, heads, patch = values.size("dim"), values.size("num_heads"), exactly(values, "patch_size", 3)
    if width % heads or width // heads % 2:
        raise InvalidDocument("must be an even width a head", "/dim")
    with_image = values.flag("use_img_emb")

    def tensors() -> Tensors:
        yield from convolution("patch_embedding", values.size("in_dim"), width, patch)
        for name, inputs in (("text_embedding", values.size("text_dim")), ("time_embedding", values.size("freq_dim"))):
            yield from linear(f"{name}.0", inputs, width)
            yield from linear(f"{name}.2", width, width)
        yield from linear("time_projection.1", width, 6 * width)
        yield from linear("head.head", width, values.size("out_dim") * math.prod(patch))
        yield Tensor("head.modulation", (1, 2, width))
        if with_image:
            yield from norm("img_emb.proj.0", _IMAGE_CHANNELS)
            yield from linear("img_emb.proj.1", _IMAGE_CHANNELS, _IMAGE_CHANNELS)
            yield from linear("img_emb.proj.3", _IMAGE_CHANNELS, width)
            yield from norm("img_emb.proj.4", width)

    def block() -> Tensors:
        yield Tensor("modulation", (1, 6, width))
        for name in ("self_attn", "cross_attn"):
            yield from attention(name, width, width)
            yield from scales((f"{name}.norm_q", f"{name}.norm_k"), width)
        if with_image:
            yield from linears(("cross_attn.add_k_proj", "cross_attn.add_v_proj"), width, width)
            yield from scale("cross_attn.norm_added_k", width)
        if values.flag("cross_attn_norm"):
            yield from norm("norm3", width)
        yield from linear("ffn.0", width, values.size("ffn_dim"))
        yield from linear("ffn.2", values.size("ffn_dim"), width)

    name = "WanAnimate2Transformer3DModel"
    blocks = repeat("blocks", values.size("num_layers"), assemble("", "WanAnimate2TransformerBlock", block()))
    return assemble(name, name, tensors(), blocks)


BUILDERS: Builders = {
    "AnyFlowFARTransformer3DModel": build_anyflow_far,
    "AnyFlowTransformer3DModel": build_anyflow,
    "ChronoEditTransformer3DModel": partial(_build_rotated, "ChronoEditTransformer3DModel", _WAN),
    "HeliosTransformer3DModel": build_helios,
    "SkyReelsV2Transformer3DModel": build_skyreels,
    "WanAnimate2Transformer3DModel": build_animate_2,
    "WanAnimateTransformer3DModel": build_animate,
    "WanTransformer3DModel": build_wan,
    "WanVACETransformer3DModel": build_vace,
}

"""The video transformer and the control net of Sana. Source: diffusers' transformer_sana_video, controlnet_sana."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import (
    TIME_CHANNELS,
    attention,
    even,
    exactly,
    projection,
    scale,
    scales,
    times,
)
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_COMMON: dict[str, Any] = {
    "num_cross_attention_heads": 20, "cross_attention_head_dim": 112, "cross_attention_dim": 2240,
    "caption_channels": 2304, "mlp_ratio": 2.5, "attention_bias": False, "norm_elementwise_affine": False,
}  # fmt: skip
_VIDEO = {**_COMMON, "in_channels": 16, "out_channels": 16, "num_attention_heads": 20, "attention_head_dim": 112,
          "num_layers": 20, "patch_size": [1, 2, 2], "guidance_embeds": False,
          "qk_norm": "rms_norm_across_heads"}  # fmt: skip
_CONTROL = {**_COMMON, "in_channels": 32, "num_attention_heads": 70, "attention_head_dim": 32, "num_layers": 7,
            "patch_size": 1, "interpolation_scale": None}  # fmt: skip


def build_sana_video(config: Mapping[str, Any]) -> Layer:
    """SanaVideoTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _VIDEO)
    width = values.size("num_attention_heads") * even(values, "attention_head_dim")
    patch = exactly(values, "patch_size", 3)
    outputs = values.optional("out_channels") or values.size("in_channels")

    def tensors() -> Tensors:
        yield from convolution("patch_embedding", values.size("in_channels"), width, patch)
        yield from _conditions(values, width, guided=values.flag("guidance_embeds"))
        yield Tensor("scale_shift_table", (2, width))
        yield from linear("proj_out", width, math.prod(patch) * outputs)

    def block() -> Tensors:
        yield from _block(values, width)
        yield from convolution("ff.conv_temp", width, width, (3, 1), bias=False)

    name = "SanaVideoTransformer3DModel"
    blocks = repeat("transformer_blocks", values.size("num_layers"), assemble("", "SanaVideoTransformerBlock", block()))
    return assemble(name, name, tensors(), blocks)


def build_sana_control(config: Mapping[str, Any]) -> Layer:
    """SanaControlNetModel. Raises InvalidDocument."""
    values = Values(config, _CONTROL)
    width, patch = values.size("num_attention_heads") * values.size("attention_head_dim"), values.size("patch_size")
    if values.get("interpolation_scale") is not None and width % 4:
        raise InvalidDocument(f"makes {width} channels, which must be a multiple of 4", "/attention_head_dim")

    def tensors() -> Tensors:
        yield from convolution("patch_embed.proj", values.size("in_channels"), width, (patch, patch))
        yield from _conditions(values, width, guided=False)
        yield from linear("input_block", width, width)

    count = values.size("num_layers")
    blocks = [
        *repeat("transformer_blocks", count, assemble("", "SanaTransformerBlock", _block(values, width))),
        *repeat("controlnet_blocks", count, assemble("", "Linear", _plain(width))),
    ]
    return assemble("SanaControlNetModel", "SanaControlNetModel", tensors(), blocks)


def _plain(width: int) -> Tensors:
    yield Tensor("weight", (width, width))
    yield Tensor("bias", (width,))


def _conditions(values: Values, width: int, *, guided: bool) -> Tensors:
    """The embeddings of time, of guidance and of the text."""
    if guided:
        yield from time_embedding("time_embed.timestep_embedder", TIME_CHANNELS, width)
        yield from time_embedding("time_embed.guidance_embedder", TIME_CHANNELS, width)
    else:
        yield from time_embedding("time_embed.emb.timestep_embedder", TIME_CHANNELS, width)
    yield from linear("time_embed.linear", width, 6 * width)
    yield from projection("caption_projection", values.size("caption_channels"), width)
    yield from scale("caption_norm", width)


def _block(values: Values, width: int) -> Tensors:
    normed = values.choice("qk_norm", None, "rms_norm_across_heads")
    yield Tensor("scale_shift_table", (6, width))
    yield from attention("attn1", width, width, bias=values.flag("attention_bias"))
    crossings = values.optional("cross_attention_dim")
    inner = 0
    if crossings is not None:
        inner = values.size("num_cross_attention_heads") * values.size("cross_attention_head_dim")
        yield from attention("attn2", width, inner, crossings)
        if values.flag("norm_elementwise_affine"):
            yield from norm("norm2", width)
    if normed:
        yield from scales(("attn1.norm_q", "attn1.norm_k"), width)
        yield from scales(("attn2.norm_q", "attn2.norm_k") if inner else (), inner)
    hidden = times(values, width)
    yield from convolution("ff.conv_inverted", width, 2 * hidden, (1, 1))
    yield from convolution("ff.conv_depth", 1, 2 * hidden, (3, 3))
    yield from convolution("ff.conv_point", hidden, width, (1, 1), bias=False)


BUILDERS: Builders = {
    "SanaControlNetModel": build_sana_control,
    "SanaVideoTransformer3DModel": build_sana_video,
}

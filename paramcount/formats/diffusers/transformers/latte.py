"""The transformer of Latte. Source: diffusers.models.transformers.latte_transformer_3d."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import TIME_CHANNELS, attention, feed_forward, is_gated, projection
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "num_attention_heads": 16, "attention_head_dim": 88, "in_channels": None, "out_channels": None, "num_layers": 1,
    "cross_attention_dim": None, "attention_bias": False, "patch_size": None, "activation_fn": "geglu",
    "norm_type": "layer_norm", "norm_elementwise_affine": True, "caption_channels": None,
}  # fmt: skip


def build_latte(config: Mapping[str, Any]) -> Layer:
    """LatteTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width, patch = values.size("num_attention_heads") * values.size("attention_head_dim"), values.size("patch_size")
    inputs, count = values.size("in_channels"), values.size("num_layers")
    if width % 4:
        raise InvalidDocument(f"makes {width} channels, which must be a multiple of 4", "/attention_head_dim")

    def tensors() -> Tensors:
        yield from convolution("pos_embed.proj", inputs, width, (patch, patch))
        yield Tensor("scale_shift_table", (2, width))
        yield from linear("proj_out", width, patch * patch * (values.optional("out_channels") or inputs))
        yield from time_embedding("adaln_single.emb.timestep_embedder", TIME_CHANNELS, width)
        yield from linear("adaln_single.linear", width, 6 * width)
        yield from projection("caption_projection", values.size("caption_channels"), width)

    children = [
        layer
        for name, context in (("", values.optional("cross_attention_dim")), ("temporal_", None))
        for layer in repeat(
            f"{name}transformer_blocks", count, assemble("", "BasicTransformerBlock", _block(values, width, context))
        )
    ]
    return assemble("LatteTransformer3DModel", "LatteTransformer3DModel", tensors(), children)


def _block(values: Values, width: int, context: int | None) -> Tensors:
    """BasicTransformerBlock with norms of two kinds."""
    single = values.choice("norm_type", "layer_norm", "ada_norm_single") == "ada_norm_single"
    bias = values.flag("attention_bias")
    norms = ["norm1", *(["norm2"] if single or context is not None else []), *([] if single else ["norm3"])]
    for name in norms if values.flag("norm_elementwise_affine") else ():
        yield from norm(name, width)
    yield from attention("attn1", width, width, bias=bias)
    if context is not None:
        yield from attention("attn2", width, width, context, bias=bias)
    yield from feed_forward("ff", width, gated=is_gated(values))
    if single:
        yield Tensor("scale_shift_table", (6, width))


BUILDERS: Builders = {"LatteTransformer3DModel": build_latte}

"""The transformer of Cosmos, and its control net. Source: diffusers.models.transformers.transformer_cosmos."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.transformers.parts import (
    attention,
    exactly,
    feed_forward,
    linears,
    scale,
    scales,
    times,
)
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_COMMON: dict[str, Any] = {
    "num_attention_heads": 32, "attention_head_dim": 128, "mlp_ratio": 4.0, "text_embed_dim": 1024,
    "adaln_lora_dim": 256, "max_size": [128, 240, 240], "patch_size": [1, 2, 2], "use_crossattn_projection": False,
    "crossattn_proj_in_channels": 1024, "encoder_hidden_states_channels": 1024, "img_context_dim_in": None,
    "img_context_dim_out": 2048,
}  # fmt: skip
_TRANSFORMER = {**_COMMON, "in_channels": 16, "out_channels": 16, "num_layers": 28, "concat_padding_mask": True,
                "extra_pos_embed_type": "learnable"}  # fmt: skip
_CONTROL = {**_COMMON, "n_controlnet_blocks": 4, "in_channels": 130, "latent_channels": 18, "model_channels": 2048,
            "extra_pos_embed_type": None}  # fmt: skip

_UNROTATED_HEADS = (2, *range(6, 12))
"""Widths of a head of which an axis would be rotated by powers of 1 / 0."""


def build_cosmos(config: Mapping[str, Any]) -> Layer:
    """CosmosTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _TRANSFORMER)
    width, volume = _width(values), math.prod(exactly(values, "patch_size", 3))
    lora, inputs = values.size("adaln_lora_dim"), values.size("in_channels") + values.flag("concat_padding_mask")

    def tensors() -> Tensors:
        yield from linear("patch_embed.proj", inputs * volume, width, bias=False)
        yield from _around(values, width)
        yield from linear("norm_out.linear_1", width, lora, bias=False)
        yield from linear("norm_out.linear_2", lora, 2 * width, bias=False)
        yield from linear("proj_out", width, values.size("out_channels") * volume, bias=False)

    block = assemble("", "CosmosTransformerBlock", _block(values, width))
    name = "CosmosTransformer3DModel"
    return assemble(name, name, tensors(), repeat("transformer_blocks", values.size("num_layers"), block))


def build_cosmos_control(config: Mapping[str, Any]) -> Layer:
    """CosmosControlNetModel. Raises InvalidDocument."""
    values = Values(config, _CONTROL)
    width, volume = values.size("model_channels"), math.prod(exactly(values, "patch_size", 3))

    def tensors() -> Tensors:
        yield from linear("patch_embed.proj", values.size("in_channels") * volume, width, bias=False)
        yield from linear("patch_embed_base.proj", values.size("latent_channels") * volume, width, bias=False)
        yield from _around(values, width)

    def block(*names: str) -> Layer:
        return assemble("", "CosmosTransformerBlock", _block(values, _width(values), names))

    first, rest = block("before_proj", "after_proj"), block("after_proj")
    blocks = stack("control_blocks", [first, *[rest] * (values.layers("n_controlnet_blocks") - 1)])
    return assemble("CosmosControlNetModel", "CosmosControlNetModel", tensors(), [blocks])


def _width(values: Values) -> int:
    head = values.size("attention_head_dim")
    if head in _UNROTATED_HEADS:
        raise InvalidDocument("must not be 2, nor 6 to 11: positions are not rotated in so few", "/attention_head_dim")
    return values.size("num_attention_heads") * head


def _around(values: Values, width: int) -> Tensors:
    """The embeddings of time and of positions, and the projections of what is attended to."""
    yield from linear("time_embed.t_embedder.linear_1", width, width, bias=False)
    yield from linear("time_embed.t_embedder.linear_2", width, 3 * width, bias=False)
    yield from scale("time_embed.norm", width)
    patch, largest = exactly(values, "patch_size", 3), exactly(values, "max_size", 3)
    if values.choice("extra_pos_embed_type", None, "learnable") is not None:
        for axis, size, side in zip("thw", largest, patch, strict=True):
            if size < side:
                raise InvalidDocument("must be at least a patch", "/max_size")
            yield Tensor(f"learnable_pos_embed.pos_emb_{axis}", (size // side, width))
    if values.flag("use_crossattn_projection"):
        inputs, outputs = values.size("crossattn_proj_in_channels"), values.size("encoder_hidden_states_channels")
        yield from linear("crossattn_proj.0", inputs, outputs)
    if (inputs := values.optional("img_context_dim_in") or 0) > 0:
        yield from linear("img_context_proj.0", inputs, values.size("img_context_dim_out"))


def _block(values: Values, width: int, projections: tuple[str, ...] = ()) -> Tensors:
    head, lora = values.size("attention_head_dim"), values.size("adaln_lora_dim")
    for number in (1, 2, 3):
        yield from linear(f"norm{number}.linear_1", width, lora, bias=False)
        yield from linear(f"norm{number}.linear_2", lora, 3 * width, bias=False)
    for name, context in (("attn1", width), ("attn2", values.size("text_embed_dim"))):
        yield from attention(name, width, width, context, bias=False, out_bias=False)
        yield from scales((f"{name}.norm_q", f"{name}.norm_k"), head)
    if values.optional("img_context_dim_in") is not None:
        yield from linears((f"attn2.{letter}_img" for letter in "qkv"), width, width, bias=False)
        yield from scales(("attn2.q_img_norm", "attn2.k_img_norm"), head)
    yield from feed_forward("ff", width, times(values, width), bias=False)
    yield from linears(projections, width, width)


BUILDERS: Builders = {
    "CosmosControlNetModel": build_cosmos_control,
    "CosmosTransformer3DModel": build_cosmos,
}

"""The transformers of Ovis-Image and of PRX. Source: diffusers.models.transformers.transformer_ovis_image, _prx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import (
    TIME_CHANNELS,
    feed_forward,
    joint_attention,
    linears,
    scale,
    scales,
    times,
)
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

_OVIS: Mapping[str, Any] = {
    "patch_size": 1, "in_channels": 64, "out_channels": 64, "num_layers": 6, "num_single_layers": 27,
    "attention_head_dim": 128, "num_attention_heads": 24, "joint_attention_dim": 2048,
}  # fmt: skip
_PRX: Mapping[str, Any] = {
    "in_channels": 16, "patch_size": 2, "context_in_dim": 2304, "hidden_size": 1792, "mlp_ratio": 3.5,
    "num_heads": 28, "depth": 16, "axes_dim": None, "bottleneck_size": None, "resolution_embeds": False,
}  # fmt: skip


def build_ovis(config: Mapping[str, Any]) -> Layer:
    """OvisImageTransformer2DModel. Raises InvalidDocument."""
    values = Values(config, _OVIS)
    head, inputs, context = (values.size(name) for name in ("attention_head_dim", "in_channels", "joint_attention_dim"))
    width, outputs = values.size("num_attention_heads") * head, values.optional("out_channels") or inputs

    def tensors() -> Tensors:
        yield from time_embedding("timestep_embedder", TIME_CHANNELS, width)
        yield from scale("context_embedder_norm", context)
        yield from linear("context_embedder", context, width)
        yield from linear("x_embedder", inputs, width)
        yield from linear("norm_out.linear", width, 2 * width)
        yield from linear("proj_out", width, values.size("patch_size") ** 2 * outputs)

    def block() -> Tensors:
        yield from linears(("norm1.linear", "norm1_context.linear"), width, 6 * width)
        yield from joint_attention("attn", width, width, head)
        yield from feed_forward("ff", width, gated=True)
        yield from feed_forward("ff_context", width, gated=True)

    def single() -> Tensors:
        yield from linear("norm.linear", width, 3 * width)
        yield from linear("proj_mlp", width, 8 * width)
        yield from linear("proj_out", 5 * width, width)
        yield from linears(("attn.to_q", "attn.to_k", "attn.to_v"), width, width)
        yield from scales(("attn.norm_q", "attn.norm_k"), head)

    children = [
        *repeat("transformer_blocks", values.size("num_layers"), assemble("", "OvisImageTransformerBlock", block())),
        *repeat(
            "single_transformer_blocks",
            values.size("num_single_layers"),
            assemble("", "OvisImageSingleTransformerBlock", single()),
        ),
    ]
    return assemble("OvisImageTransformer2DModel", "OvisImageTransformer2DModel", tensors(), children)


def build_prx(config: Mapping[str, Any]) -> Layer:
    """PRXTransformer2DModel. Raises InvalidDocument."""
    values = Values(config, _PRX)
    width, heads = values.size("hidden_size"), values.size("num_heads")
    pixels, narrow = values.size("in_channels") * values.size("patch_size") ** 2, values.optional("bottleneck_size")
    axes = [32, 32] if values.get("axes_dim") is None else values.sizes("axes_dim")
    if width % heads or sum(axes) != width // heads:
        raise InvalidDocument("must be as many times the sum of axes_dim as there are heads", "/hidden_size")

    def tensors() -> Tensors:
        if narrow is None:
            yield from linear("img_in", pixels, width)
        else:
            yield from linear("img_in.0", pixels, narrow)
            yield from linear("img_in.1", narrow, width)
        embedders = ("time_in", "resolution_embedder.mlp") if values.flag("resolution_embeds") else ("time_in",)
        for name in embedders:
            yield from linear(f"{name}.in_layer", TIME_CHANNELS, width)
            yield from linear(f"{name}.out_layer", width, width)
        yield from linear("txt_in", values.size("context_in_dim"), width)
        yield from linear("final_layer.linear", width, pixels)
        yield from linear("final_layer.adaLN_modulation.1", width, 2 * width)

    def block() -> Tensors:
        yield from linear("attention.img_qkv_proj", width, 3 * width, bias=False)
        yield from linear("attention.txt_kv_proj", width, 2 * width, bias=False)
        yield from linear("attention.to_out.0", width, width, bias=False)
        yield from scales((f"attention.norm_{name}" for name in ("q", "k", "added_k")), width // heads)
        hidden = times(values, width)
        yield from linears(("gate_proj", "up_proj"), width, hidden, bias=False)
        yield from linear("down_proj", hidden, width, bias=False)
        yield from linear("modulation.lin", width, 6 * width)

    blocks = repeat("blocks", values.size("depth"), assemble("", "PRXBlock", block()))
    return assemble("PRXTransformer2DModel", "PRXTransformer2DModel", tensors(), blocks)


BUILDERS: Builders = {
    "OvisImageTransformer2DModel": build_ovis,
    "PRXTransformer2DModel": build_prx,
}

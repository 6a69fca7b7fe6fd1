"""The transformer of Motif-Video. Source: diffusers.models.transformers.transformer_motif_video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import stack, time_embedding
from paramcount.formats.diffusers.transformers.parts import (
    TIME_CHANNELS,
    attention,
    feed_forward,
    joint_attention,
    linears,
    projection,
    scales,
    times,
)
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 33, "out_channels": 16, "num_attention_heads": 24, "attention_head_dim": 128, "num_layers": 20,
    "num_single_layers": 40, "num_decoder_layers": 0, "mlp_ratio": 4.0, "patch_size": 2, "patch_size_t": 1,
    "qk_norm": "rms_norm", "norm_type": "layer_norm", "text_embed_dim": 4096, "image_embed_dim": None,
    "enable_text_cross_attention_dual": False, "enable_text_cross_attention_single": False,
}  # fmt: skip


def build_motif(config: Mapping[str, Any]) -> Layer:
    """MotifVideoTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width, inputs = values.size("num_attention_heads") * values.size("attention_head_dim"), values.size("in_channels")
    side, frames, images = values.size("patch_size"), values.size("patch_size_t"), values.optional("image_embed_dim")
    outputs = values.optional("out_channels") or inputs
    values.choice("qk_norm", "rms_norm")
    values.choice("norm_type", "layer_norm")

    def tensors() -> Tensors:
        yield from convolution("x_embedder.proj", inputs, width, (frames, side, side))
        yield from projection("context_embedder", values.size("text_embed_dim"), width)
        if images is not None:
            yield from norm("image_embedder.norm_in", images)
            yield from projection("image_embedder", images, images, width)
            yield from norm("image_embedder.norm_out", width)
        yield from time_embedding("time_text_embed.timestep_embedder", TIME_CHANNELS, width)
        yield from linear("norm_out.linear", width, 2 * width)
        yield from linear("proj_out", width, frames * side * side * outputs)

    double = assemble("", "MotifVideoTransformerBlock", _double(values, width))
    name = "MotifVideoTransformer3DModel"
    children = [*repeat("transformer_blocks", values.size("num_layers"), double), _singles(values, width)]
    return assemble(name, name, tensors(), children)


def _singles(values: Values, width: int) -> Layer:
    """The blocks of one stream, of which the last, those of a decoder, do not attend to the text."""
    count, decoding = values.layers("num_single_layers"), values.get("num_decoder_layers")
    if type(decoding) is not int or decoding < 0:
        raise InvalidDocument("must be an integer of at least 0", "/num_decoder_layers")
    crossing = values.flag("enable_text_cross_attention_single")
    plain, crossed = (
        assemble("", "MotifVideoSingleTransformerBlock", _single(values, width, crossing=one)) for one in (False, True)
    )
    blocks = [crossed if crossing and index < count - decoding else plain for index in range(count)]
    return stack("single_transformer_blocks", blocks)


def _double(values: Values, width: int) -> Tensors:
    yield from linears(("norm1.linear", "norm1_context.linear"), width, 6 * width)
    yield from joint_attention("attn", width, width, values.size("attention_head_dim"))
    if values.flag("enable_text_cross_attention_dual"):
        yield from _cross_attention(values, width)
    for name in ("ff", "ff_context"):
        yield from feed_forward(name, width, times(values, width))


def _single(values: Values, width: int, *, crossing: bool) -> Tensors:
    hidden = times(values, width)
    yield from linears(("attn.to_q", "attn.to_k", "attn.to_v"), width, width)
    yield from scales(("attn.norm_q", "attn.norm_k"), values.size("attention_head_dim"))
    if crossing:
        yield from _cross_attention(values, width)
    yield from linear("norm.linear", width, 3 * width)
    yield from linear("proj_mlp", width, hidden)
    yield from linear("proj_out", width + hidden, width)


def _cross_attention(values: Values, width: int) -> Tensors:
    yield from attention("cross_attn", width, width)
    yield from scales(("cross_attn.norm_q", "cross_attn.norm_k"), values.size("attention_head_dim"))


BUILDERS: Builders = {"MotifVideoTransformer3DModel": build_motif}

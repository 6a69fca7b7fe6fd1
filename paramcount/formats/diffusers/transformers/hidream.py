"""The transformer of HiDream. Source: diffusers.models.transformers.transformer_hidream_image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import modules, time_embedding
from paramcount.formats.diffusers.transformers.parts import TIME_CHANNELS, linears, scales
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "patch_size": None, "in_channels": 64, "out_channels": None, "num_layers": 16, "num_single_layers": 32,
    "attention_head_dim": 128, "num_attention_heads": 20, "caption_channels": None, "text_emb_dim": 2048,
    "num_routed_experts": 4,
}  # fmt: skip

_MULTIPLE = 256
"""The widths of feed-forward layers are multiples of it."""


def build_hidream(config: Mapping[str, Any]) -> Layer:
    """HiDreamImageTransformer2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width = values.size("num_attention_heads") * values.size("attention_head_dim")
    area = values.size("patch_size") ** 2
    inputs = values.size("in_channels")
    outputs = values.optional("out_channels") or inputs
    first, rest, *_ = (*values.sizes("caption_channels"), 0)
    if not rest:
        raise InvalidDocument("must have two items: of T5, and of the layers of Llama", "/caption_channels")

    def tensors() -> Tensors:
        yield from time_embedding("t_embedder.timestep_embedder", TIME_CHANNELS, width)
        yield from time_embedding("p_embedder.pooled_embedder", values.size("text_emb_dim"), width)
        yield from linear("x_embedder.proj", inputs * area, width)
        yield from linear("final_layer.linear", width, area * outputs)
        yield from linear("final_layer.adaLN_modulation.1", width, 2 * width)

    double, single = values.layers("num_layers"), values.layers("num_single_layers")
    children = [
        *repeat("double_stream_blocks", double, _block(values, width, ("", "_t"))),
        *repeat("single_stream_blocks", single, _block(values, width, ("",))),
        modules("caption_projection", "TextProjection", lambda size: linear("linear", size, width, bias=False),
                [(rest,)] * (double + single) + [(first,)]),
    ]  # fmt: skip
    return assemble("HiDreamImageTransformer2DModel", "HiDreamImageTransformer2DModel", tensors(), children)


def _block(values: Values, width: int, streams: tuple[str, ...]) -> Layer:
    """A block of an image, and of a text where it is a stream too."""

    def tensors() -> Tensors:
        yield from linear("adaLN_modulation.1", width, 6 * len(streams) * width)
        for stream in streams:
            yield from linears((f"attn1.to_{part}{stream}" for part in ("q", "k", "v", "out")), width, width)
            yield from scales((f"attn1.q_rms_norm{stream}", f"attn1.k_rms_norm{stream}"), width)
        if len(streams) > 1:
            yield from _feed_forward("ff_t.", width, 4 * width)

    block = assemble("block", "HiDreamImageTransformerBlock", tensors(), [_experts(values, width)])
    return Layer("", "HiDreamBlock", children=(block,))


def _experts(values: Values, width: int) -> Layer:
    """The feed-forward layers of the image: some experts, or a single one."""
    if values.get("num_routed_experts") == 0:
        return assemble("ff_i", "HiDreamImageFeedForwardSwiGLU", _feed_forward("", width, 4 * width))
    count = values.size("num_routed_experts")

    def tensors() -> Tensors:
        yield from _feed_forward("shared_experts.", width, 2 * width)
        yield Tensor("gate.weight", (count, width))

    expert = assemble("", "HiDreamImageFeedForwardSwiGLU", _feed_forward("", width, 4 * width))
    return assemble("ff_i", "MOEFeedForwardSwiGLU", tensors(), repeat("experts", count, expert))


def _feed_forward(prefix: str, width: int, inner: int) -> Tensors:
    hidden = -(-int(2 * inner / 3) // _MULTIPLE) * _MULTIPLE
    yield from linears((f"{prefix}w1", f"{prefix}w3"), width, hidden, bias=False)
    yield from linear(f"{prefix}w2", hidden, width, bias=False)


BUILDERS: Builders = {
    "HiDreamImageTransformer2DModel": build_hidream,
}

"""The transformer of ConsisID. Source: diffusers.models.transformers.consisid_transformer_3d."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.transformers.parts import attention, feed_forward, is_gated
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "num_attention_heads": 30, "attention_head_dim": 64, "in_channels": 16, "out_channels": 16, "time_embed_dim": 512,
    "text_embed_dim": 4096, "num_layers": 30, "attention_bias": True, "sample_width": 90, "sample_height": 60,
    "sample_frames": 49, "patch_size": 2, "temporal_compression_ratio": 4, "max_text_seq_length": 226,
    "activation_fn": "gelu-approximate", "timestep_activation_fn": "silu", "norm_elementwise_affine": True,
    "use_rotary_positional_embeddings": False, "use_learned_positional_embeddings": False, "is_train_face": False,
    "cross_attn_interval": 2, "cross_attn_dim_head": 128, "cross_attn_num_heads": 16, "LFE_id_dim": 1280,
    "LFE_vit_dim": 1024, "LFE_depth": 10, "LFE_dim_head": 64, "LFE_num_heads": 16, "LFE_num_id_token": 5,
    "LFE_num_querie": 32, "LFE_output_dim": 2048, "LFE_ff_mult": 4, "LFE_num_scale": 5,
}  # fmt: skip


def build_consisid(config: Mapping[str, Any]) -> Layer:
    """ConsisIDTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width = values.size("num_attention_heads") * values.size("attention_head_dim")
    time, patch, count = values.size("time_embed_dim"), values.size("patch_size"), values.size("num_layers")
    values.choice("timestep_activation_fn", "silu", "swish", "mish", "gelu", "relu")

    def tensors() -> Tensors:
        yield from convolution("patch_embed.proj", values.size("in_channels"), width, (patch, patch))
        yield from linear("patch_embed.text_proj", values.size("text_embed_dim"), width)
        yield from _positions(values, width, patch)
        yield from linear("time_embedding.linear_1", width, time)
        yield from linear("time_embedding.linear_2", time, time)
        if values.flag("norm_elementwise_affine"):
            yield from norm("norm_final", width)
            yield from norm("norm_out.norm", width)
        yield from linear("norm_out.linear", time, 2 * width)
        yield from linear("proj_out", width, patch * patch * values.size("out_channels"))

    block = assemble("", "ConsisIDBlock", _block(values, width, time))
    children = repeat("transformer_blocks", count, block)
    if values.flag("is_train_face"):
        children += [_extractor(values), *_crossings(values, width, count)]
    return assemble("ConsisIDTransformer3DModel", "ConsisIDTransformer3DModel", tensors(), children)


def _positions(values: Values, width: int, patch: int) -> Tensors:
    """The positions, which are saved where they are said to be learned."""
    learned, rotated = (values.flag(f"use_{kind}_positional_embeddings") for kind in ("learned", "rotary"))
    if learned and not rotated:
        raise InvalidDocument("needs rotary embeddings too", "/use_learned_positional_embeddings")
    if width % 16 and (learned or not rotated):
        raise InvalidDocument(f"makes {width} channels, which must be a multiple of 16", "/attention_head_dim")
    if learned:
        frames = (values.size("sample_frames") - 1) // values.size("temporal_compression_ratio") + 1
        area = (values.size("sample_height") // patch) * (values.size("sample_width") // patch)
        shape = (1, values.size("max_text_seq_length") + area * frames, width)
        yield Tensor("patch_embed.pos_embedding", shape, "buffer", "F64", trainable=False)


def _block(values: Values, width: int, time: int) -> Tensors:
    head = values.size("attention_head_dim")
    for name in ("norm1", "norm2"):
        yield from linear(f"{name}.linear", time, 6 * width)
        if values.flag("norm_elementwise_affine"):
            yield from norm(f"{name}.norm", width)
    yield from attention("attn1", width, width, bias=values.flag("attention_bias"))
    yield from norm("attn1.norm_q", head)
    yield from norm("attn1.norm_k", head)
    yield from feed_forward("ff", width, gated=is_gated(values))


def _perceiver(name: str, width: int, inner: int, context: int) -> Tensors:
    yield from norm(f"{name}norm1", context)
    yield from norm(f"{name}norm2", width)
    yield from linear(f"{name}to_q", width, inner, bias=False)
    yield from linear(f"{name}to_kv", context, 2 * inner, bias=False)
    yield from linear(f"{name}to_out", inner, width, bias=False)


def _crossings(values: Values, width: int, count: int) -> list[Layer]:
    """The attention to a face, in some of the blocks."""
    inner = values.size("cross_attn_dim_head") * values.size("cross_attn_num_heads")
    block = assemble("", "PerceiverCrossAttention", _perceiver("", width, inner, int(width / 3 * 2)))
    return repeat("perceiver_cross_attention", count // values.size("cross_attn_interval"), block)


def _extractor(values: Values) -> Layer:
    """LocalFacialExtractor."""
    width, scales, depth = values.size("LFE_vit_dim"), values.layers("LFE_num_scale"), values.size("LFE_depth")
    if depth % scales:
        raise InvalidDocument("must be a multiple of the number of scales", "/LFE_depth")

    def tensors() -> Tensors:
        yield Tensor("latents", (1, values.size("LFE_num_querie"), width))
        yield Tensor("proj_out", (width, values.size("LFE_output_dim")))
        for number in range(scales):
            yield from _mapping(f"mapping_{number}", width, width, width)
        tokens = values.size("LFE_num_id_token")
        yield from _mapping("id_embedding_mapping", values.size("LFE_id_dim"), width, tokens * width)

    def layer() -> Tensors:
        yield from _perceiver("0.", width, values.size("LFE_dim_head") * values.size("LFE_num_heads"), width)
        yield from norm("1.0", width)
        yield from linear("1.1", width, width * values.size("LFE_ff_mult"), bias=False)
        yield from linear("1.3", width * values.size("LFE_ff_mult"), width, bias=False)

    layers = repeat("layers", depth, assemble("", "ModuleList", layer()))
    return assemble("local_facial_extractor", "LocalFacialExtractor", tensors(), layers)


def _mapping(name: str, inputs: int, width: int, outputs: int) -> Tensors:
    yield from linear(f"{name}.0", inputs, width)
    yield from linear(f"{name}.3", width, width)
    yield from linear(f"{name}.6", width, outputs)
    yield from norm(f"{name}.1", width)
    yield from norm(f"{name}.4", width)


BUILDERS: Builders = {
    "ConsisIDTransformer3DModel": build_consisid,
}

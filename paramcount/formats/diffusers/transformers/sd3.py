"""SD3Transformer2DModel. Source: diffusers.models.transformers.transformer_sd3, JointTransformerBlock of attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import stack, time_embedding
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "patch_size": 2, "in_channels": 16, "num_layers": 18, "attention_head_dim": 64, "num_attention_heads": 18,
    "joint_attention_dim": 4096, "caption_projection_dim": 1152, "pooled_projection_dim": 2048, "out_channels": 16,
    "pos_embed_max_size": 96, "dual_attention_layers": [], "qk_norm": None,
}  # fmt: skip

_TIME_CHANNELS = 256


def build_sd3(config: Mapping[str, Any]) -> Layer:
    """SD3Transformer2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    head, patch = values.size("attention_head_dim"), values.size("patch_size")
    width, count = values.size("num_attention_heads") * head, values.layers("num_layers")
    if width % 4:
        raise InvalidDocument(f"makes {width} channels, which must be a multiple of 4", "/attention_head_dim")
    if values.size("caption_projection_dim") != width:
        raise InvalidDocument(f"must be the width of the model, {width}", "/caption_projection_dim")
    dual = values.get("dual_attention_layers")
    if not isinstance(dual, list | tuple) or not all(type(index) is int for index in dual):
        raise InvalidDocument("must be a list of integers", "/dual_attention_layers")
    outputs, normed = (
        values.optional("out_channels") or values.size("in_channels"),
        values.choice("qk_norm", None, "rms_norm"),
    )
    positions = values.size("pos_embed_max_size") ** 2

    def tensors() -> Tensors:
        yield from convolution("pos_embed.proj", values.size("in_channels"), width, (patch, patch))
        yield Tensor("pos_embed.pos_embed", (1, positions, width), "buffer", "F32", trainable=False)
        yield from time_embedding("time_text_embed.timestep_embedder", _TIME_CHANNELS, width)
        yield from time_embedding("time_text_embed.text_embedder", values.size("pooled_projection_dim"), width)
        yield from linear("context_embedder", values.size("joint_attention_dim"), width)
        yield from linear("norm_out.linear", width, 2 * width)
        yield from linear("proj_out", width, patch * patch * outputs)

    kinds = {
        (is_dual, is_last): assemble(
            "", "JointTransformerBlock", _block(width, head if normed else 0, dual=is_dual, last=is_last)
        )
        for is_dual in (False, True)
        for is_last in (False, True)
    }
    duals = frozenset(dual)
    blocks = [kinds[index in duals, index == count - 1] for index in range(count)]
    return assemble("SD3Transformer2DModel", "SD3Transformer2DModel", tensors(), [stack("transformer_blocks", blocks)])


def _block(width: int, normed: int, *, dual: bool, last: bool) -> Tensors:
    """JointTransformerBlock; `normed` is the width of the norms of queries and keys, or 0."""
    yield from linear("norm1.linear", width, (9 if dual else 6) * width)
    yield from linear("norm1_context.linear", width, (2 if last else 6) * width)
    for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0"):
        yield from linear(f"attn.{name}", width, width)
    if not last:
        yield from linear("attn.to_add_out", width, width)
    for name in ("norm_q", "norm_k", "norm_added_q", "norm_added_k") if normed else ():
        yield Tensor(f"attn.{name}.weight", (normed,))
    if dual:
        for name in ("to_q", "to_k", "to_v", "to_out.0"):
            yield from linear(f"attn2.{name}", width, width)
        for name in ("norm_q", "norm_k") if normed else ():
            yield Tensor(f"attn2.{name}.weight", (normed,))
    for name in ("ff",) if last else ("ff", "ff_context"):
        yield from linear(f"{name}.net.0.proj", width, 4 * width)
        yield from linear(f"{name}.net.2", 4 * width, width)


BUILDERS: Builders = {
    "SD3Transformer2DModel": build_sd3,
}

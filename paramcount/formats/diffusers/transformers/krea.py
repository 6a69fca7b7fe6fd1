"""The transformer of Krea 2. Source: diffusers.models.transformers.transformer_krea2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import attention, projection, scale, scales
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 64, "num_layers": 28, "attention_head_dim": 128, "num_attention_heads": 48,
    "num_key_value_heads": 12, "intermediate_size": 16384, "timestep_embed_dim": 256, "text_hidden_dim": 2560,
    "num_text_layers": 12, "text_num_attention_heads": 20, "text_num_key_value_heads": 20,
    "text_intermediate_size": 6912, "num_layerwise_text_blocks": 2, "num_refiner_text_blocks": 2,
    "axes_dims_rope": [32, 48, 48],
}  # fmt: skip


def build_krea_2(config: Mapping[str, Any]) -> Layer:
    """Krea2Transformer2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    head, text, inputs = values.size("attention_head_dim"), values.size("text_hidden_dim"), values.size("in_channels")
    width = head * values.size("num_attention_heads")
    if sum(values.sizes("axes_dims_rope")) != head:
        raise InvalidDocument("must add up to the width of a head", "/axes_dims_rope")

    def tensors() -> Tensors:
        yield from linear("img_in", inputs, width)
        yield from time_embedding("time_embed", values.size("timestep_embed_dim"), width)
        yield from linear("time_mod_proj", width, 6 * width)
        yield from scale("txt_in.norm", text)
        yield from projection("txt_in", text, width)
        yield Tensor("final_layer.scale_shift_table", (2, width))
        yield from scale("final_layer.norm", width)
        yield from linear("final_layer.linear", width, inputs)

    def block() -> Tensors:
        yield Tensor("scale_shift_table", (6, width))
        yield from _block(values, width, "")

    blocks = repeat("transformer_blocks", values.size("num_layers"), assemble("", "Krea2TransformerBlock", block()))
    return assemble("Krea2Transformer2DModel", "Krea2Transformer2DModel", tensors(), [_fusion(values, text), *blocks])


def _fusion(values: Values, width: int) -> Layer:
    """The blocks that make one text of those of several layers."""
    block = assemble("", "Krea2TextFusionBlock", _block(values, width, "text_"))
    children = [
        *repeat("layerwise_blocks", values.size("num_layerwise_text_blocks"), block),
        *repeat("refiner_blocks", values.size("num_refiner_text_blocks"), block),
    ]
    projector = linear("projector", values.size("num_text_layers"), 1, bias=False)
    return assemble("text_fusion", "Krea2TextFusion", projector, children)


def _block(values: Values, width: int, prefix: str) -> Tensors:
    heads, keys = values.size(f"{prefix}num_attention_heads"), values.get(f"{prefix}num_key_value_heads")
    if width % heads:
        raise InvalidDocument(f"must divide the width, {width}", f"/{prefix}num_attention_heads")
    head = width // heads
    keys = heads if keys is None else values.size(f"{prefix}num_key_value_heads")
    yield from attention("attn", width, width, width, keys * head, bias=False, out_bias=False)
    yield from linear("attn.to_gate", width, width, bias=False)
    yield from scales(("attn.norm_q", "attn.norm_k"), head)
    yield from scales(("norm1", "norm2"), width)
    hidden = values.size(f"{prefix}intermediate_size")
    for name, inputs, outputs in (("gate", width, hidden), ("up", width, hidden), ("down", hidden, width)):
        yield from linear(f"ff.{name}", inputs, outputs, bias=False)


BUILDERS: Builders = {"Krea2Transformer2DModel": build_krea_2}

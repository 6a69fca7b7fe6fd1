"""The transformer of ACE-Step. Source: diffusers.models.transformers.ace_step_transformer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import TIME_CHANNELS, attention, scale, scales
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 24, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 128, "in_channels": 192, "audio_acoustic_hidden_dim": 64, "patch_size": 2,
    "attention_bias": False, "layer_types": None, "encoder_hidden_size": None,
}  # fmt: skip


def build_ace_step(config: Mapping[str, Any]) -> Layer:
    """AceStepTransformer1DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width, patch, count = values.size("hidden_size"), values.size("patch_size"), values.size("num_hidden_layers")
    kinds = values.get("layer_types")
    if kinds is not None and (not isinstance(kinds, list | tuple) or len(kinds) < count):
        raise InvalidDocument("must be a list that has an item for each layer", "/layer_types")

    def tensors() -> Tensors:
        yield from convolution("proj_in_conv", values.size("in_channels"), width, (patch,))
        for name in ("time_embed", "time_embed_r"):
            yield from time_embedding(name, TIME_CHANNELS, width)
            yield from linear(f"{name}.time_proj", width, 6 * width)
        yield from linear("condition_embedder", values.optional("encoder_hidden_size") or width, width)
        yield from scale("norm_out", width)
        yield Tensor("proj_out_conv.weight", (width, values.size("audio_acoustic_hidden_dim"), patch))
        yield Tensor("proj_out_conv.bias", (values.size("audio_acoustic_hidden_dim"),))
        yield Tensor("scale_shift_table", (1, 2, width))

    blocks = repeat("layers", count, assemble("", "AceStepTransformerBlock", _block(values, width)))
    return assemble("AceStepTransformer1DModel", "AceStepTransformer1DModel", tensors(), blocks)


def _block(values: Values, width: int) -> Tensors:
    head, bias = values.size("head_dim"), values.flag("attention_bias")
    queries, keys = values.size("num_attention_heads") * head, values.size("num_key_value_heads") * head
    for name in ("self_attn", "cross_attn"):
        yield from scale(f"{name}_norm", width)
        yield from attention(name, width, queries, width, keys, bias=bias, out_bias=bias)
        yield from scales((f"{name}.norm_q", f"{name}.norm_k"), head)
    yield from scale("mlp_norm", width)
    for name in ("gate_proj", "up_proj"):
        yield from linear(f"mlp.{name}", width, values.size("intermediate_size"), bias=False)
    yield from linear("mlp.down_proj", values.size("intermediate_size"), width, bias=False)
    yield Tensor("scale_shift_table", (1, 6, width))


BUILDERS: Builders = {
    "AceStepTransformer1DModel": build_ace_step,
}

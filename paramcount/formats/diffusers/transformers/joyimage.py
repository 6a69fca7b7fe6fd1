"""The transformers of JoyImage. Source: diffusers.models.transformers.transformer_joyimage, _joyimage_edit_plus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import (
    TIME_CHANNELS,
    exactly,
    feed_forward,
    projection,
    scales,
    times,
)
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "patch_size": [1, 2, 2], "in_channels": 16, "out_channels": None, "hidden_size": 3072, "num_attention_heads": 24,
    "text_dim": 4096, "mlp_width_ratio": 4.0, "num_layers": 20,
}  # fmt: skip


def build_joyimage(name: str, config: Mapping[str, Any]) -> Layer:
    """JoyImageEditTransformer3DModel, JoyImageEditPlusTransformer3DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width, heads = values.size("hidden_size"), values.size("num_attention_heads")
    patch = exactly(values, "patch_size", 3)
    outputs = values.optional("out_channels") or values.size("in_channels")
    if width % heads:
        raise InvalidDocument("must be a multiple of the number of heads", "/hidden_size")

    def tensors() -> Tensors:
        yield from convolution("img_in", values.size("in_channels"), width, patch)
        yield from time_embedding("condition_embedder.time_embedder", TIME_CHANNELS, width)
        yield from linear("condition_embedder.time_proj", width, 6 * width)
        yield from projection("condition_embedder.text_embedder", values.size("text_dim"), width)
        yield from linear("proj_out", width, outputs * math.prod(patch))

    def block() -> Tensors:
        for stream in ("img", "txt"):
            yield Tensor(f"{stream}_mod.modulate_table", (1, 6, width))
            yield from feed_forward(f"{stream}_mlp", width, times(values, width, "mlp_width_ratio"))
            yield from linear(f"attn.{stream}_attn_qkv", width, 3 * width)
            yield from scales((f"attn.{stream}_attn_q_norm", f"attn.{stream}_attn_k_norm"), width // heads)
            yield from linear(f"attn.{stream}_attn_proj", width, width)

    blocks = repeat("double_blocks", values.size("num_layers"), assemble("", "JoyImageTransformerBlock", block()))
    return assemble(name, name, tensors(), blocks)


BUILDERS: Builders = {
    name: partial(build_joyimage, name)
    for name in ("JoyImageEditPlusTransformer3DModel", "JoyImageEditTransformer3DModel")
}

"""The transformer of OmniGen. Source: diffusers.models.transformers.transformer_omnigen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.transformers.parts import attention, scale, scales
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, convolution, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 4, "patch_size": 2, "hidden_size": 3072, "num_attention_heads": 32, "num_key_value_heads": 32,
    "intermediate_size": 8192, "num_layers": 32, "pad_token_id": 32000, "vocab_size": 32064, "rope_scaling": None,
    "pos_embed_max_size": 192, "time_step_dim": 256, "timestep_activation_fn": "silu",
}  # fmt: skip


def build_omnigen(config: Mapping[str, Any]) -> Layer:
    """OmniGenTransformer2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width, inputs, patch = values.size("hidden_size"), values.size("in_channels"), values.size("patch_size")
    _check(values, width)

    def tensors() -> Tensors:
        for name in ("output_image_proj", "input_image_proj"):
            yield from convolution(f"patch_embedding.{name}", inputs, width, (patch, patch))
        positions = (1, values.size("pos_embed_max_size") ** 2, width)
        yield Tensor("patch_embedding.pos_embed", positions, "buffer", "F32", trainable=False)
        for name in ("time_token", "t_embedder"):
            yield from time_embedding(name, values.size("time_step_dim"), width)
        yield Tensor("embed_tokens.weight", (values.size("vocab_size"), width))
        yield from scale("norm", width)
        yield from linear("norm_out.linear", width, 2 * width)
        yield from linear("proj_out", width, patch * patch * inputs)

    blocks = repeat("layers", values.size("num_layers"), assemble("", "OmniGenBlock", _block(values, width)))
    return assemble("OmniGenTransformer2DModel", "OmniGenTransformer2DModel", tensors(), blocks)


def _check(values: Values, width: int) -> None:
    """Raise InvalidDocument where the class does not build."""
    values.choice("timestep_activation_fn", "silu", "swish", "mish", "gelu", "relu")
    if width % 4 or width < values.size("num_attention_heads"):
        raise InvalidDocument("must be a multiple of 4, and at least the number of heads", "/hidden_size")
    scaling, padding = values.get("rope_scaling"), values.get("pad_token_id")
    if not isinstance(scaling, dict) or not {"short_factor", "long_factor"} <= scaling.keys():
        raise InvalidDocument("must have a short_factor and a long_factor", "/rope_scaling")
    size = values.size("vocab_size")
    if padding is not None and (type(padding) is not int or not -size <= padding < size):
        raise InvalidDocument("must be in the vocabulary", "/pad_token_id")


def _block(values: Values, width: int) -> Tensors:
    keys = width // values.size("num_attention_heads") * values.size("num_key_value_heads")
    hidden = values.size("intermediate_size")
    yield from attention("self_attn", width, width, width, keys, bias=False, out_bias=False)
    yield from scales(("input_layernorm", "post_attention_layernorm"), width)
    yield from linear("mlp.gate_up_proj", width, 2 * hidden, bias=False)
    yield from linear("mlp.down_proj", hidden, width, bias=False)


BUILDERS: Builders = {"OmniGenTransformer2DModel": build_omnigen}

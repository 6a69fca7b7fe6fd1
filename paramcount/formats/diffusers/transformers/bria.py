"""The transformer of Bria's FIBO 2. Source: diffusers.models.transformers.transformer_bria_fibo2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.transformers.parts import TIME_CHANNELS, attention, scale, scales
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "in_channels": 32, "patch_size": 2, "dim": 3584, "n_layers": 44, "n_refiner_layers": 2, "n_heads": 28,
    "cap_feat_dim": 7680, "injection_layer_ids": [6, 14, 22, 30, 38], "perceiver_num_layers": 2,
    "max_num_gist_tokens": 512, "axes_dims": [32, 48, 48], "axes_lens": [2048, 512, 512],
}  # fmt: skip

_MAX_CONDITION, _TIME_HIDDEN = 256, 1024


def build_fibo_2(config: Mapping[str, Any]) -> Layer:
    """BriaFibo2Transformer2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width, condition = values.size("dim"), min(values.size("dim"), _MAX_CONDITION)
    pixels = values.size("patch_size") ** 2 * values.size("in_channels")
    if len(values.sizes("axes_dims")) != len(values.sizes("axes_lens")):
        raise InvalidDocument("must have as many items as axes_dims", "/axes_lens")

    def tensors() -> Tensors:
        yield from linear("x_embedder", pixels, width)
        yield from linear("t_embedder.mlp.0", TIME_CHANNELS, _TIME_HIDDEN)
        yield from linear("t_embedder.mlp.2", _TIME_HIDDEN, condition)
        yield from linear("final_layer.linear", width, pixels)
        yield from linear("final_layer.adaLN_modulation.1", condition, width)

    plain, injected = (
        assemble("", "BriaFibo2TransformerBlock", _block(values, condition, crossing=crossing))
        for crossing in (False, True)
    )
    ids = values.get("injection_layer_ids")
    if not isinstance(ids, list | tuple) or not all(type(one) is int for one in ids):
        raise InvalidDocument("must be a list of integers", "/injection_layer_ids")
    injections = frozenset(ids)
    blocks = [injected if number in injections else plain for number in range(values.layers("n_layers"))]
    children = [
        *repeat("noise_refiner", values.size("n_refiner_layers"), plain),
        _perceiver(values),
        stack("layers", blocks),
    ]
    return assemble("BriaFibo2Transformer2DModel", "BriaFibo2Transformer2DModel", tensors(), children)


def _attend(values: Values, name: str, context: int | None = None) -> Tensors:
    width = values.size("dim")
    head = width // values.size("n_heads")
    if not head:
        raise InvalidDocument(f"must be at most {width}", "/n_heads")
    yield from attention(name, width, head * values.size("n_heads"), context, bias=False, out_bias=False)
    yield from scales((f"{name}.norm_q", f"{name}.norm_k"), head)


def _gated_layers(name: str, width: int) -> Tensors:
    hidden = width * 8 // 3 // 64 * 64
    if not hidden:
        raise InvalidDocument("is too small for a feed-forward layer", "/dim")
    for number, (inputs, outputs) in enumerate([(width, hidden), (hidden, width), (width, hidden)], 1):
        yield from linear(f"{name}.w{number}", inputs, outputs, bias=False)


def _block(values: Values, condition: int, *, crossing: bool) -> Tensors:
    width = values.size("dim")
    yield from _attend(values, "attention")
    yield from _gated_layers("feed_forward", width)
    yield from scales(("attention_norm1", "ffn_norm1", "attention_norm2", "ffn_norm2"), width)
    yield from linear("adaLN_modulation.0", condition, 4 * width)
    if crossing:
        yield from _attend(values, "cross_attention", values.size("cap_feat_dim"))
        yield from scales(("cross_attn_norm1", "cross_attn_norm2"), width)
        yield Tensor("cross_attn_gate", (1,))


def _perceiver(values: Values) -> Layer:
    """The queries that gather the text."""
    width = values.size("dim")

    def tensors() -> Tensors:
        yield Tensor("latent_queries", (values.size("max_num_gist_tokens"), width))
        yield from scale("norm_out", width)

    def layer() -> Tensors:
        yield from scales(("cross_attn_norm", "self_attn_norm", "ffn_norm"), width)
        yield from _attend(values, "cross_attention", values.size("cap_feat_dim"))
        yield from _attend(values, "self_attention")
        yield from _gated_layers("ffn", width)

    layers = repeat("layers", values.size("perceiver_num_layers"), assemble("", "BriaFibo2PerceiverLayer", layer()))
    return assemble("perceiver", "BriaFibo2PerceiverResampler", tensors(), layers)


BUILDERS: Builders = {"BriaFibo2Transformer2DModel": build_fibo_2}

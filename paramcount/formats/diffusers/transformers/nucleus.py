"""The transformer of Nucleus. Source: diffusers.models.transformers.transformer_nucleusmoe_image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import stack
from paramcount.formats.diffusers.transformers.parts import attention, feed_forward, linears, projection, scale, scales
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "patch_size": 2, "in_channels": 64, "out_channels": None, "num_layers": 24, "attention_head_dim": 128,
    "num_attention_heads": 16, "num_key_value_heads": None, "joint_attention_dim": 3584,
    "axes_dims_rope": [16, 56, 56], "mlp_ratio": 4.0, "moe_enabled": True,
    "dense_moe_strategy": "leave_first_three_and_last_block_dense", "num_experts": 128, "moe_intermediate_dim": 1344,
    "capacity_factors": 8.0,
}  # fmt: skip

_DENSE = {
    "leave_first_three_and_last_block_dense": (3, 1), "leave_first_three_blocks_dense": (3, 0),
    "leave_first_block_dense": (1, 0), "all_moe": (0, 0), "all_dense": (1000, 0),
}  # fmt: skip
"""The number of blocks without experts, of the first and of the last ones."""

_MULTIPLE = 128


def build_nucleus(config: Mapping[str, Any]) -> Layer:
    """NucleusMoEImageTransformer2DModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    width, count = values.size("num_attention_heads") * values.size("attention_head_dim"), values.layers("num_layers")
    inputs, context = values.size("in_channels"), values.size("joint_attention_dim")
    outputs = values.optional("out_channels") or inputs
    axes, capacities = values.sizes("axes_dims_rope"), values.get("capacity_factors")
    if len(axes) < 3 or any(size % 2 for size in axes[:3]):
        raise InvalidDocument("must have three even items", "/axes_dims_rope")
    if isinstance(capacities, list) and len(capacities) < count:
        raise InvalidDocument("must have an item for each layer", "/capacity_factors")

    def tensors() -> Tensors:
        yield from projection("time_text_embed.timestep_embedder", width, 4 * width, width)
        yield from scale("time_text_embed.norm", width)
        yield from scale("txt_norm", context)
        yield from linear("img_in", inputs, width)
        yield from linear("norm_out.linear", width, 2 * width)
        yield from linear("proj_out", width, values.size("patch_size") ** 2 * outputs, bias=False)

    kinds = [_has_experts(values, index, count) for index in range(count)]
    built = {
        experts: assemble("", "NucleusMoEImageTransformerBlock", _block(values, width, experts=experts))
        for experts in set(kinds)
    }
    name = "NucleusMoEImageTransformer2DModel"
    return assemble(name, name, tensors(), [stack("transformer_blocks", [built[experts] for experts in kinds])])


def _has_experts(values: Values, index: int, count: int) -> bool:
    first, last = _DENSE[values.choice("dense_moe_strategy", *_DENSE)]
    return values.flag("moe_enabled") and first <= index < count - last


def _block(values: Values, width: int, *, experts: bool) -> Tensors:
    head = values.size("attention_head_dim")
    keys = width if values.get("num_key_value_heads") is None else head * values.size("num_key_value_heads")
    yield from linear("img_mod.1", width, 4 * width)
    yield from linear("encoder_proj", values.size("joint_attention_dim"), width)
    yield from attention("attn", width, width, width, keys, bias=False, out_bias=False)
    yield from linears(("attn.add_k_proj", "attn.add_v_proj"), width, keys, bias=False)
    yield from scales((f"attn.norm_{name}" for name in ("q", "k", "added_q", "added_k")), head)
    if not experts:
        hidden = int(width * _ratio(values) * 2 / 3) // _MULTIPLE * _MULTIPLE
        if hidden < 1:
            raise InvalidDocument("leaves feed-forward layers no width", "/mlp_ratio")
        yield from feed_forward("img_mlp", width, hidden, gated=True, bias=False)
        return
    count, hidden = values.size("num_experts"), values.size("moe_intermediate_dim")
    yield from linear("img_mlp.gate", 2 * width, count, bias=False)
    yield Tensor("img_mlp.experts.gate_up_proj", (count, width, 2 * hidden))
    yield Tensor("img_mlp.experts.down_proj", (count, hidden, width))
    yield from feed_forward("img_mlp.shared_expert", width, hidden, gated=True, bias=False)


def _ratio(values: Values) -> float:
    ratio = values.get("mlp_ratio")
    if type(ratio) not in (int, float) or not 0 < ratio < 1000:
        raise InvalidDocument("must be a number between 0 and 1000", "/mlp_ratio")
    return float(ratio)


BUILDERS: Builders = {
    "NucleusMoEImageTransformer2DModel": build_nucleus,
}

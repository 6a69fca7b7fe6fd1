"""ControlNetUnionModel: a ControlNet of several kinds of pictures. Source: diffusers.models.controlnets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.blocks import time_embedding
from paramcount.formats.diffusers.unets.condition import CONTROLNET_DEFAULTS, control_network
from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, multihead_attention, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    **{name: default for name, default in CONTROLNET_DEFAULTS.items() if name != "mid_block_type"},
    "conditioning_embedding_out_channels": [48, 96, 192, 384], "addition_time_embed_dim": None, "num_control_type": 6,
    "num_trans_channel": 320, "num_trans_head": 8, "num_trans_layer": 1, "num_proj_channel": 320,
}  # fmt: skip


def build_union(config: Mapping[str, Any]) -> Layer:
    """ControlNetUnionModel. Raises InvalidDocument."""
    values = Values(config, _DEFAULTS)
    values.choice("encoder_hid_dim_type", None)
    width, types = values.size("num_trans_channel"), values.size("num_control_type")
    if width % values.size("num_trans_head"):
        raise InvalidDocument(f"must divide num_trans_channel, {width}", "/num_trans_head")

    def tensors() -> Tensors:
        yield Tensor("task_embedding", (types, width))
        yield from linear("spatial_ch_projs", width, values.size("num_proj_channel"))
        inputs, time = types * values.size("addition_time_embed_dim"), 4 * values.sizes("block_out_channels")[0]
        yield from time_embedding("control_add_embedding", inputs, time)

    block = assemble("", "ResidualAttentionBlock", _attention_block(width))
    blocks = repeat("transformer_layes", values.size("num_trans_layer"), block)
    return control_network("ControlNetUnionModel", values, tuple(tensors()), blocks)


def _attention_block(width: int) -> Tensors:
    yield from multihead_attention("attn", width)
    yield from norm("ln_1", width)
    yield from linear("mlp.c_fc", width, 4 * width)
    yield from linear("mlp.c_proj", 4 * width, width)
    yield from norm("ln_2", width)


BUILDERS: Builders = {"ControlNetUnionModel": build_union}

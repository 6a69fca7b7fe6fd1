"""Random small configs of the transformers of plain blocks of diffusers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from tools.libraries.draws_unets import some


def _draw_shared(chance: random.Random) -> dict[str, Any]:
    return {
        "num_attention_heads": chance.choice([1, 2, 4]), "attention_head_dim": chance.choice([2, 4, 3]),
        "num_layers": chance.choice([1, 2]), "norm_num_groups": 2, "in_channels": chance.choice([2, 4]),
    } | some(chance, {
        "cross_attention_dim": [5], "attention_bias": [True], "norm_elementwise_affine": [False],
        "activation_fn": ["geglu", "gelu", "gelu-approximate", "geglu-approximate", "swiglu", "linear-silu", "relu"],
        "double_self_attention": [True, False],
    })  # fmt: skip


def _draw_transformer(chance: random.Random) -> dict[str, Any]:
    config = _draw_shared(chance) | some(chance, {
        "out_channels": [3], "use_linear_projection": [True], "only_cross_attention": [True], "sample_size": [4],
        "num_embeds_ada_norm": [6], "norm_type": ["ada_norm", "layer_norm_i2vgen"], "caption_channels": [7],
        "attention_type": ["gated", "gated-text-image"],
    }, 0.25)  # fmt: skip
    if chance.random() < 0.95:
        config.setdefault("norm_type", "layer_norm")
    kind = chance.random()
    if kind < 0.3:
        config |= {"in_channels": None, "num_vector_embeds": chance.choice([2, 9]), "sample_size": 3}
    elif kind < 0.6:
        config |= {"patch_size": chance.choice([1, 2]), "sample_size": 8, "norm_type": "ada_norm",
                   "num_embeds_ada_norm": 6, "attention_head_dim": 4}  # fmt: skip
    elif kind < 0.65:
        config["patch_size"] = 2
    return config


def _draw_temporal(chance: random.Random) -> dict[str, Any]:
    return _draw_shared(chance) | some(chance, {
        "out_channels": [3], "positional_embeddings": ["sinusoidal"], "num_positional_embeddings": [6],
    })  # fmt: skip


def _draw_prior(chance: random.Random) -> dict[str, Any]:
    return {
        "num_attention_heads": chance.choice([1, 2]), "attention_head_dim": chance.choice([2, 4]),
        "num_layers": chance.choice([1, 3]), "embedding_dim": chance.choice([5, 8]),
    } | some(chance, {
        "num_embeddings": [3], "additional_embeddings": [2], "norm_in_type": ["layer"],
        "embedding_proj_norm_type": ["layer"], "encoder_hid_proj_type": [None], "added_emb_type": [None],
        "time_embed_dim": [6], "embedding_proj_dim": [7], "clip_embed_dim": [9],
    })  # fmt: skip


def _draw_film(chance: random.Random) -> dict[str, Any]:
    names = ("input_dims", "targets_length", "d_model", "num_layers", "num_heads", "d_kv", "d_ff")
    return {name: chance.choice([1, 2, 3, 4]) for name in names}


def _draw_dreamlite(chance: random.Random) -> dict[str, Any]:
    return _draw_shared(chance) | some(chance, {
        "out_channels": [3], "use_linear_projection": [True], "only_cross_attention": [True],
        "num_embeds_ada_norm": [6], "norm_type": ["ada_norm"], "attention_type": ["gated", "gated-text-image"],
        "use_self_attention": [False], "qk_norm": ["rms_norm", "layer_norm"], "num_kv_heads": [1, 2],
        "ff_mult": [2, 6], "in_channels": [None, 2],
    })  # fmt: skip


DRAWS_OF_TRANSFORMERS_2D: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "DreamLiteTransformer2DModel": _draw_dreamlite,
    "PriorTransformer": _draw_prior,
    "T5FilmDecoder": _draw_film,
    "Transformer2DModel": _draw_transformer,
    "TransformerTemporalModel": _draw_temporal,
}

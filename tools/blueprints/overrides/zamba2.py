"""Zamba2: blocks of a transformer that hybrid layers share by turns, with adapters for each hybrid layer."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Write

_DEFAULT_HYBRIDS = (6, 12, 18, 24, 30, 36, 42, 47, 51)
_DEFAULT_WORDS = ["hybrid" if index in _DEFAULT_HYBRIDS else "linear_attention" for index in range(54)]
_WORDS = "layers_block_type"
_MIXER = "int(mamba_expand * hidden_size)"
_CONVOLVED = f"{_MIXER} + 2 * mamba_ngroups * mamba_d_state"
_FIRST = f"{{nth({_WORDS}, 'hybrid', earlier_hybrids[i] % num_mem_blocks)}}"
"""The first hybrid layer that shares the block of layer i."""

_TIED = "tie_word_embeddings and earlier_hybrids[i] >= num_mem_blocks"
_HYBRID = f"{_WORDS}[i] == 'hybrid'"
_SLOT = "j % num_mem_blocks == earlier_hybrids[i] % num_mem_blocks"

_MAMBA = {
    "mamba.conv1d.weight": f"[{_CONVOLVED}; 1; mamba_d_conv]",
    "mamba.conv1d.bias": f"[{_CONVOLVED}]",
    "mamba.in_proj.weight": f"[{_MIXER} + {_CONVOLVED} + n_mamba_heads; hidden_size]",
    "mamba.dt_bias": "[n_mamba_heads]",
    "mamba.A_log": "[n_mamba_heads]",
    "mamba.norm.weight": f"[{_MIXER}]",
    "mamba.D": "[n_mamba_heads]",
    "mamba.out_proj.weight": f"[hidden_size; {_MIXER}]",
    "input_layernorm.weight": "[hidden_size]",
}
_MAMBA_BIASES = {
    "mamba.in_proj.bias": f"[{_MIXER} + {_CONVOLVED} + n_mamba_heads]",
    "mamba.out_proj.bias": "[hidden_size]",
}
_SHARED = {
    "self_attn.q_proj.weight": "[num_attention_heads * attention_head_dim; attention_hidden_size]",
    "self_attn.k_proj.weight": "[num_key_value_heads * attention_head_dim; attention_hidden_size]",
    "self_attn.v_proj.weight": "[num_key_value_heads * attention_head_dim; attention_hidden_size]",
    "self_attn.o_proj.weight": "[hidden_size; num_attention_heads * attention_head_dim]",
    "feed_forward.gate_up_proj.weight": "[2 * intermediate_size; hidden_size]",
    "feed_forward.down_proj.weight": "[hidden_size; intermediate_size]",
    "input_layernorm.weight": "[attention_hidden_size]",
    "pre_ff_layernorm.weight": "[hidden_size]",
}
_SHARED_BIASES = {
    "feed_forward.gate_up_proj.bias": "[2 * intermediate_size]",
    "feed_forward.down_proj.bias": "[hidden_size]",
}
_ADAPTERS = {
    "feed_forward.gate_up_proj_adapter_list.{j}.0.weight": "[adapter_rank; hidden_size]",
    "feed_forward.gate_up_proj_adapter_list.{j}.1.weight": "[2 * intermediate_size; adapter_rank]",
}
_ATTENTION_ADAPTERS = {
    f"self_attn.linear_{letter}_adapter_list.{{j}}.{position}.weight": shape
    for letter in "qkv"
    for position, shape in (
        (0, "[adapter_rank; attention_hidden_size]"),
        (1, "[attention_hidden_size; adapter_rank]"),
    )
}


def _layers(prefix: str) -> Iterator[str]:
    """Yield the clauses of all layers."""
    layer, count = f"{prefix}layers.{{i}}.", f"for len({_WORDS})"
    for biased, parts in (("", _MAMBA), (" and add_bias_linear", _MAMBA_BIASES)):
        for name, shape in parts.items():
            yield f"{layer}{name} {shape} {count} where not {_HYBRID}{biased}"
            yield f"{layer}mamba_decoder.{name} {shape} {count} where {_HYBRID}{biased}"
    yield f"{layer}linear.weight [hidden_size; hidden_size] {count} where {_HYBRID}"
    slots = f"{count}; len(hybrid_layer_ids)"
    for counts, where, parts in (
        (count, "", _SHARED),
        (count, " and add_bias_linear", _SHARED_BIASES),
        (slots, f" and {_SLOT}", _ADAPTERS),
        (slots, f" and {_SLOT} and use_shared_attention_adapter", _ATTENTION_ADAPTERS),
    ):
        for name, shape in parts.items():
            clause = f"{layer}shared_transformer.{name} {shape} {counts} where {_HYBRID}{where} and"
            yield f"{clause} not ({_TIED})"
            first = f"{prefix}layers.{_FIRST}.shared_transformer.{name}"
            yield f"{clause} {_TIED} tied to {first}"


def _record(prefix: str, *heads: str) -> Mapping[str, Any]:
    """The record of a class with names that begin with `prefix`."""
    integers = (
        "vocab_size hidden_size mamba_d_state mamba_d_conv mamba_expand mamba_ngroups n_mamba_heads "
        "num_attention_heads num_mem_blocks adapter_rank"
    )
    fields = dict.fromkeys(integers.split(), "i") | {"hybrid_layer_ids": "IEa"}
    fields |= {"attention_hidden_size": "ia", "attention_head_dim": "ia"}
    fields |= {_WORDS: "Sn", "intermediate_size": "in", "num_key_value_heads": "in"}
    fields |= {"add_bias_linear": "b", "use_shared_attention_adapter": "b", "tie_word_embeddings": "b"}
    fields |= {"num_labels": "i"} if any("num_labels" in head for head in heads) else {}
    stated, unlisted = f"not {_WORDS} is None", "hybrid_layer_ids is None"
    return {
        "fields": dict(sorted(fields.items())),
        "given": [],
        "assumed": ["is_activation(hidden_act)", f"only({_WORDS}, {{'hybrid', 'linear_attention', 'mamba'}})"],
        "rules": [
            f"{_WORDS} = {_DEFAULT_WORDS} where {_WORDS} is None",
            f"{_WORDS} = {_WORDS} where {stated}",
            f"earlier_hybrids = earlier({_DEFAULT_WORDS}, 'hybrid') where {_WORDS} is None",
            f"earlier_hybrids = earlier({_WORDS}, 'hybrid') where {stated}",
            f"hybrid_layer_ids = {list(_DEFAULT_HYBRIDS)} where {_WORDS} is None and {unlisted}",
            f"hybrid_layer_ids[] = count({_WORDS}, 'hybrid') where {stated} and {unlisted}",
            f"hybrid_layer_ids = hybrid_layer_ids where not {unlisted}",
            "intermediate_size = 4 * hidden_size where not intermediate_size",
            "intermediate_size = intermediate_size where intermediate_size",
            "num_key_value_heads = num_attention_heads where num_key_value_heads is None",
            "num_key_value_heads = num_key_value_heads where not num_key_value_heads is None",
            "attention_hidden_size = 2 * hidden_size where attention_hidden_size is None",
            "attention_hidden_size = attention_hidden_size where not attention_hidden_size is None",
            "attention_head_dim = 2 * hidden_size // num_attention_heads where attention_head_dim is None",
            "attention_head_dim = attention_head_dim where not attention_head_dim is None",
        ],
        "tensors": [
            f"{prefix}embed_tokens.weight [vocab_size; hidden_size]",
            *_layers(prefix),
            f"{prefix}final_layernorm.weight [hidden_size]",
            *heads,
        ],
    }


_HEADS = (
    "lm_head.weight [vocab_size; hidden_size] where not tie_word_embeddings",
    "lm_head.weight [vocab_size; hidden_size] where tie_word_embeddings tied to model.embed_tokens.weight",
)
_SMALL = {
    "hidden_size": 64, "vocab_size": 90, "n_mamba_heads": 4, "num_attention_heads": 4, "mamba_d_state": 8,
    "adapter_rank": 6,
}  # fmt: skip
_TURNS = ["hybrid", "mamba", "hybrid", "hybrid", "mamba", "mamba", "hybrid"]

OVERRIDE = Override(
    reason=(
        "Zamba2Model.get_layers has hybrid layers share num_mem_blocks blocks by turns, and gives each block an "
        "adapter for every hybrid layer that uses it. The compiler knows no place among the hybrid layers."
    ),
    classes={
        "Zamba2ForCausalLM": (Write(_record("model.", *_HEADS)),),
        "Zamba2ForSequenceClassification": (Write(_record("model.", "score.weight [num_labels; hidden_size]")),),
        "Zamba2Model": (Write(_record("")),),
    },
    proofs=(
        _SMALL,
        _SMALL | {"num_mem_blocks": 2, "use_shared_attention_adapter": True},
        _SMALL | {"num_mem_blocks": 3, "add_bias_linear": True, "tie_word_embeddings": False, "num_key_value_heads": 2},
        _SMALL | {"num_mem_blocks": 5, "layers_block_type": _TURNS, "num_hidden_layers": 7, "intermediate_size": 96},
        _SMALL | {"num_mem_blocks": 2, "layers_block_type": _TURNS, "num_hidden_layers": 7, "mamba_ngroups": 2,
                  "use_shared_attention_adapter": True, "mamba_expand": 3, "use_mem_rope": True, "mamba_d_conv": 3},
        _SMALL | {"layers_block_type": ["mamba", "linear_attention"], "num_hidden_layers": 2},
        _SMALL | {"attention_head_dim": 12, "attention_hidden_size": 96, "hybrid_layer_ids": [1, 2], "kv_channels": 3,
                  "use_shared_attention_adapter": True, "layers_block_type": _TURNS, "num_hidden_layers": 7},
        {},
    ),
    refused=({"layers_block_type": ["hybrid", "wide"]}, {"hidden_act": "prelu"}, {"attention_head_dim": None}),
)  # fmt: skip

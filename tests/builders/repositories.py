"""Small models as the Hub lays them out: their configs, and the headers of their weights."""

from __future__ import annotations

from typing import Any

from tests.builders.safetensors import header

BERT = {
    "model_type": "bert", "architectures": ["BertModel"], "vocab_size": 10, "hidden_size": 4, "num_hidden_layers": 1,
    "num_attention_heads": 1, "intermediate_size": 8, "max_position_embeddings": 6, "type_vocab_size": 2,
}  # fmt: skip
BERT_SIZE = 40 + 24 + 8 + 8 + 4 * 20 + 8 + 40 + 36 + 8 + 20  # embeddings; attention; feed forward; pooler

GPT2 = {
    "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 10, "n_embd": 4, "n_layer": 1,
    "n_head": 1, "n_positions": 6,
}  # fmt: skip
GPT2_SIZE = 40 + 24 + 8 + 60 + 20 + 8 + 80 + 68 + 8  # embeddings; attention; feed forward; the last norm

DENSE = header(linear__weight="F32 3x4", linear__bias="F32 3")
NORM = header(weight="F32 8", bias="F32 8", running_mean="F32 8", running_var="F32 8", num_batches_tracked="I64 ")


def weights(entries: dict[str, Any]) -> dict[str, Any]:
    """Return a file of weights as its header."""
    return {"safetensors_header": entries}


def bert(prefix: str = "", **others: str) -> dict[str, Any]:
    """Return the header of BERT's weights, of which names begin with a prefix, with others."""
    layer = "encoder__layer__0__"
    shapes = {
        **{f"embeddings__{name}_embeddings__weight": f"F32 {rows}x4"
           for name, rows in (("word", 10), ("position", 6), ("token_type", 2))},
        **{f"{layer}attention__{part}__weight": "F32 4x4"
           for part in ("self__query", "self__key", "self__value", "output__dense")},
        **{f"{layer}attention__{part}__bias": "F32 4"
           for part in ("self__query", "self__key", "self__value", "output__dense")},
        **{f"{norm}__LayerNorm__{part}": "F32 4"
           for norm in ("embeddings", f"{layer}attention__output", f"{layer}output") for part in ("weight", "bias")},
        f"{layer}intermediate__dense__weight": "F32 8x4", f"{layer}intermediate__dense__bias": "F32 8",
        f"{layer}output__dense__weight": "F32 4x8", f"{layer}output__dense__bias": "F32 4",
        "pooler__dense__weight": "F32 4x4", "pooler__dense__bias": "F32 4",
    }  # fmt: skip
    return header(**{prefix + name: shape for name, shape in shapes.items()}, **others)


def gpt2(**others: str) -> dict[str, Any]:
    """Return the header of GPT-2's weights, with others."""
    shapes = {
        "wte__weight": "10x4", "wpe__weight": "6x4", "ln_f__weight": "4", "ln_f__bias": "4",
        **{f"h__0__{norm}__{part}": "4" for norm in ("ln_1", "ln_2") for part in ("weight", "bias")},
        "h__0__attn__c_attn__weight": "4x12", "h__0__attn__c_attn__bias": "12", "h__0__attn__c_proj__weight": "4x4",
        "h__0__attn__c_proj__bias": "4", "h__0__mlp__c_fc__weight": "4x16", "h__0__mlp__c_fc__bias": "16",
        "h__0__mlp__c_proj__weight": "16x4", "h__0__mlp__c_proj__bias": "4",
    }  # fmt: skip
    return header(**{f"transformer__{name}": f"F32 {shape}" for name, shape in shapes.items()}, **others)

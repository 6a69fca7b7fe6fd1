"""Layers that attend in full whatever else than "linear_attention" their kind is called."""

from collections.abc import Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Rewrite

_SMALL: dict[str, Any] = {
    "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 8, "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}  # fmt: skip
_KINDS: tuple[dict[str, Any], ...] = (
    {"num_hidden_layers": 4},
    {"num_hidden_layers": 3, "layer_types": ["full_attention", "linear_attention", "full_attention"]},
    {"num_hidden_layers": 3, "layer_types": ["sliding_attention", "linear_attention", "full_attention"]},
    {"num_hidden_layers": 2, "layer_types": ["chunked_attention", "indexed_attention"]},
)


def _override(prefix: str, *classes: str) -> Override:
    kind = f"{prefix}layer_types[i]"
    unknown = {"num_hidden_layers": 1, "layer_types": ["attention"]}
    *proofs, refused = [_SMALL | kinds for kinds in (*_KINDS, unknown)]
    if prefix:
        *proofs, refused = [{"text_config": config} for config in (*proofs, refused)]
    return Override(
        reason=(
            'Each layer tests for "linear_attention" alone, and has self_attn otherwise. The compiler drew no other '
            'words than the two of the defaults, so it learned a test for "full_attention".'
        ),
        classes={
            name: (Rewrite("tensors", f"{kind} == 'full_attention'", f"{kind} != 'linear_attention'"),)
            for name in classes
        },
        proofs=tuple(proofs),
        refused=(refused,),
    )


OVERRIDES: Mapping[str, Override] = {
    "jev": _override("text_config.", "JevForDecision"),
    "qwen3_5": _override(
        "text_config.",
        "Qwen3_5ForCausalLM",
        "Qwen3_5ForConditionalGeneration",
        "Qwen3_5ForSequenceClassification",
        "Qwen3_5ForTokenClassification",
        "Qwen3_5Model",
    ),
    "qwen3_5_text": _override("", "Qwen3_5ForCausalLM", "Qwen3_5TextForSequenceClassification", "Qwen3_5TextModel"),
}

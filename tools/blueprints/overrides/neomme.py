"""NeoMME: layers with windows of their own."""

from tools.blueprints.overrides.changes import Override
from tools.blueprints.overrides.layer_configs import PER_LAYER_CONFIG, allow

_SMALL = {
    "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 96, "embedding_rank": 8, "patch_size": 4,
}  # fmt: skip

OVERRIDE = Override(
    reason=(
        "A layer's own config may state sliding_window (NeoMMERotaryEmbedding, NeoMMEAttention), which sizes nothing; "
        "any other field might. The compiler cannot vary per_layer_config."
    ),
    classes=dict.fromkeys(("NeoMMEForMaskedLM", "NeoMMEModel"), allow("", ("sliding_window",))),
    proofs=(
        _SMALL,
        _SMALL | {PER_LAYER_CONFIG: {"1": {"sliding_window": 32}, "2": {"sliding_window": 64}}},
        _SMALL | {PER_LAYER_CONFIG: {}},
    ),
    refused=(
        _SMALL | {PER_LAYER_CONFIG: {"1": {"intermediate_size": 24}}},
        _SMALL | {PER_LAYER_CONFIG: {"1": {"head_dim": 8}}},
    ),
    defaults={PER_LAYER_CONFIG: None},
)

"""EmbeddingGemma 2's text model: layers with attention heads of their own."""

from tools.blueprints.overrides.changes import Override
from tools.blueprints.overrides.layer_configs import DEFAULTS, SMALL, Attention, list_refused, proofs

_FULL_HEADS = "num_key_value_heads if layer_types[i] == 'sliding_attention' else num_global_key_value_heads"

OVERRIDE = Override(
    reason=(
        "EmbeddingGemma2TextAttention is sized by the config of its layer: by default of each layer type, and where "
        "per_layer_config is stated, of each layer that it names. The compiler cannot vary that field."
    ),
    classes={"EmbeddingGemma2TextModel": Attention("", "", _FULL_HEADS).changes()},
    proofs=(*proofs(shared=False), SMALL | {"num_global_key_value_heads": 4, "sliding_window_pattern": 2}),
    refused=list_refused(),
    defaults=DEFAULTS,
)

"""Gemma 4's unified text model: layers with attention heads of their own."""

from tools.blueprints.overrides.changes import Append, Override, SetFields, Wrap
from tools.blueprints.overrides.layer_configs import DEFAULTS, GEMMA4_REASON, SMALL, gemma4, list_refused, proofs

_HEAD = "lm_head.weight [vocab_size; hidden_size]"

OVERRIDE = Override(
    reason=(
        f"{GEMMA4_REASON} Of Gemma4UnifiedForCausalLM it learned the defaults only: that class is "
        "Gemma4UnifiedTextModel with a head."
    ),
    classes={
        "Gemma4UnifiedForCausalLM": (
            Wrap("Gemma4UnifiedTextModel", "model."),
            SetFields({"tie_word_embeddings": "b"}),
            Append(
                "tensors",
                (
                    f"{_HEAD} where tie_word_embeddings tied to model.embed_tokens.weight",
                    f"{_HEAD} where not tie_word_embeddings",
                ),
            ),
            *gemma4("model.", "").changes(),
        ),
        "Gemma4UnifiedTextModel": gemma4("", "").changes(),
    },
    proofs=(*proofs(), SMALL | {"tie_word_embeddings": False}),
    refused=list_refused(),
    defaults=DEFAULTS,
)

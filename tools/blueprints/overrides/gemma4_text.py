"""Gemma 4's text model: layers with attention heads of their own."""

from tools.blueprints.overrides.changes import Override
from tools.blueprints.overrides.layer_configs import DEFAULTS, GEMMA4_REASON, gemma4, list_refused, proofs

OVERRIDE = Override(
    reason=GEMMA4_REASON,
    classes={
        "Gemma4ForCausalLM": gemma4("model.", "").changes(),
        "Gemma4TextModel": gemma4("", "").changes(),
    },
    proofs=proofs(),
    refused=list_refused(),
    defaults=DEFAULTS,
)

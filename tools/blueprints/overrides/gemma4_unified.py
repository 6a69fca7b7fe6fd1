"""Gemma 4's unified model: layers of its text model with attention heads of their own."""

from tools.blueprints.overrides.changes import Override
from tools.blueprints.overrides.layer_configs import DEFAULTS, GEMMA4_REASON, gemma4, list_refused, proofs, within

_TEXT = "text_config"

OVERRIDE = Override(
    reason=GEMMA4_REASON,
    classes={
        "Gemma4UnifiedForConditionalGeneration": gemma4("model.language_model.", f"{_TEXT}.").changes(),
        "Gemma4UnifiedModel": gemma4("language_model.", f"{_TEXT}.").changes(),
    },
    proofs=within(_TEXT, proofs()),
    refused=within(_TEXT, list_refused()),
    defaults={f"{_TEXT}.{name}": value for name, value in DEFAULTS.items()},
)

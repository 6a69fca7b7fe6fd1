"""Clauses that replace learned ones: one module a model type, each with its reason and the configs that prove it."""

from collections.abc import Mapping
from pathlib import Path

from tools.blueprints.overrides import (
    embedding_gemma2_text,
    gemma4,
    gemma4_text,
    gemma4_unified,
    gemma4_unified_text,
    gpt_neo,
    nemotron_h,
    neomme,
)
from tools.blueprints.overrides.changes import Override

OVERRIDES: Mapping[str, Override] = {
    "embedding_gemma2_text": embedding_gemma2_text.OVERRIDE,
    "gemma4": gemma4.OVERRIDE,
    "gemma4_text": gemma4_text.OVERRIDE,
    "gemma4_unified": gemma4_unified.OVERRIDE,
    "gemma4_unified_text": gemma4_unified_text.OVERRIDE,
    "gpt_neo": gpt_neo.OVERRIDE,
    "nemotron_h": nemotron_h.OVERRIDE,
    "neomme": neomme.OVERRIDE,
}

LEARNED = Path(__file__).parent / "learned"
"""The compiler's last records of these model types, in the form of the shipped data. It writes these files."""

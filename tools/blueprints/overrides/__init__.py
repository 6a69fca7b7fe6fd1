"""Clauses that replace learned ones: each of a model type, with its reason and the configs that prove it."""

from collections.abc import Mapping
from pathlib import Path

from tools.blueprints.library import LIBRARY
from tools.blueprints.overrides import (
    attention_kinds,
    bark,
    chosen_parts,
    colqwen2,
    dpt,
    efficientnet,
    embedding_gemma2_text,
    encodec,
    encoder_decoders,
    fastspeech2,
    focalnet,
    gemma4,
    gemma4_text,
    gemma4_unified,
    gemma4_unified_text,
    gpt_neo,
    kimi_linear,
    levit,
    listed_sizes,
    llama4,
    mamba_layers,
    musicgen,
    nemotron_h,
    neomme,
    objects,
    output_stages,
    pinned,
    position_embeddings,
    shortcuts,
    siblings,
    stage_norms,
    stated_sizes,
    swin2sr,
    vision_features,
    vits,
    zamba2,
)
from tools.blueprints.overrides.changes import Override

_OF_TRANSFORMERS: Mapping[str, Override] = {
    "bark": bark.OVERRIDE,
    "colqwen2": colqwen2.OVERRIDE,
    "dpt": dpt.OVERRIDE,
    "efficientnet": efficientnet.OVERRIDE,
    "embedding_gemma2_text": embedding_gemma2_text.OVERRIDE,
    "encodec": encodec.OVERRIDE,
    "focalnet": focalnet.OVERRIDE,
    "gemma4": gemma4.OVERRIDE,
    "gemma4_text": gemma4_text.OVERRIDE,
    "gemma4_unified": gemma4_unified.OVERRIDE,
    "gemma4_unified_text": gemma4_unified_text.OVERRIDE,
    "gpt_neo": gpt_neo.OVERRIDE,
    "kimi_linear": kimi_linear.OVERRIDE,
    "levit": levit.OVERRIDE,
    "llama4": llama4.OVERRIDE,
    "nemotron_h": nemotron_h.OVERRIDE,
    "neomme": neomme.OVERRIDE,
    "swin2sr": swin2sr.OVERRIDE,
    "vits": vits.OVERRIDE,
    "zamba2": zamba2.OVERRIDE,
    **attention_kinds.OVERRIDES,
    **chosen_parts.OVERRIDES,
    **encoder_decoders.OVERRIDES,
    **fastspeech2.OVERRIDES,
    **listed_sizes.OVERRIDES,
    **mamba_layers.OVERRIDES,
    **musicgen.OVERRIDES,
    **objects.OVERRIDES,
    **output_stages.OVERRIDES,
    **pinned.OVERRIDES,
    **position_embeddings.OVERRIDES,
    **siblings.OVERRIDES,
    **shortcuts.OVERRIDES,
    **stage_norms.OVERRIDES,
    **stated_sizes.OVERRIDES,
    **vision_features.OVERRIDES,
}

OVERRIDES: Mapping[str, Override] = _OF_TRANSFORMERS if LIBRARY == "transformers" else {}

LEARNED = Path(__file__).parent / ("learned" if LIBRARY == "transformers" else f"learned_{LIBRARY}")
"""The compiler's last records of these model types, in the form of the shipped data. It writes these files."""

"""PEFT's own tables: which modules a method adapts in which model, when its config does not say."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tools.blueprints import framework


def targets() -> dict[str, Any]:
    """By method; beside them IA3's feedforward modules, and how targets in experts that are one tensor are renamed."""
    assert framework.VERSION  # it comes before PEFT, and lets transformers import
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING  # noqa: PLC0415
    from peft.utils import constants  # noqa: PLC0415
    from peft.utils import transformers_weight_conversion as conversion  # noqa: PLC0415

    found = {
        kind.value: dict(tuner.target_module_mapping)
        for kind, tuner in PEFT_TYPE_TO_TUNER_MAPPING.items()
        if getattr(tuner, "target_module_mapping", None)
    }
    found["IA3"] = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    found["IA3 feedforward"] = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING
    renamed, fused = conversion._MOE_TARGET_MODULE_MAPPING, conversion._MOE_FUSED_TARGETS  # noqa: SLF001
    found["experts"] = {
        model_type: {
            "renamed": renamed[base],
            "fused": fused[base],
        }
        for model_type, base in conversion._MODEL_TO_CONVERSION_PATTERN.items()  # noqa: SLF001
        if base in renamed and conversion.get_checkpoint_conversion_mapping(model_type) is not None
    }
    found["members"] = {
        kind.value: sorted(field.name for field in fields(config))
        for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()
    }
    return found

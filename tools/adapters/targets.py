"""Reads PEFT's own tables: the modules that a method adapts in a model by default, and the members of configs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tools.blueprints import framework


def read_tables() -> dict[str, Any]:
    """Return PEFT's tables.

    Default targets by method and model type; IA3's feedforward modules; how targets in experts that are one tensor are
    renamed ("experts"); the members of each method's config ("members").
    """
    assert framework.VERSION  # it comes before PEFT, and lets transformers import
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING  # noqa: PLC0415
    from peft.utils import constants  # noqa: PLC0415
    from peft.utils import transformers_weight_conversion as conversion  # noqa: PLC0415

    tables = {
        peft_type.value: dict(tuner.target_module_mapping)
        for peft_type, tuner in PEFT_TYPE_TO_TUNER_MAPPING.items()
        if getattr(tuner, "target_module_mapping", None)
    }
    tables["IA3"] = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    tables["IA3 feedforward"] = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING
    renamed, fused = conversion._MOE_TARGET_MODULE_MAPPING, conversion._MOE_FUSED_TARGETS  # noqa: SLF001
    tables["experts"] = {
        model_type: {
            "renamed": renamed[base],
            "fused": fused[base],
        }
        for model_type, base in conversion._MODEL_TO_CONVERSION_PATTERN.items()  # noqa: SLF001
        if base in renamed and conversion.get_checkpoint_conversion_mapping(model_type) is not None
    }
    tables["members"] = {
        peft_type.value: sorted(field.name for field in fields(config))
        for peft_type, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()
    }
    return tables

"""Vision transformers that say which of their layers are given out: any, which size nothing."""

from collections.abc import Mapping
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Replace, SetFields

MAX_LAYERS = 96
"""The most layers whose names are known here."""

_NUMBERS = {"stem": 0} | {f"stage{number}": number for number in range(1, MAX_LAYERS + 1)}
_STATED = "where not out_features is None"
STAGE_CHANGES: tuple[Change, ...] = (
    Replace("given", r"'stage\d+' in out_features"),
    SetFields({"out_features": "aSn"}),
    Append(
        "rules",
        (
            f"out_stages[] = len(out_features) {_STATED}",
            f"out_stages[i] = {_NUMBERS}[out_features[i]] for len(out_features) {_STATED}",
        ),
    ),
    Append("assumed", ("out_features is None or max(out_stages) <= num_hidden_layers",)),
)
_REASON = (
    "The config refuses out_features that name no layer, and no tensor follows from them. The "
    "compiler asked for the last layer of the default config."
)


def _override(small: Mapping[str, Any], *classes: str) -> Override:
    return Override(
        reason=_REASON,
        classes=dict.fromkeys(classes, STAGE_CHANGES),
        proofs=(
            {**small, "num_hidden_layers": 3, "out_features": ["stage3"]},
            {**small, "num_hidden_layers": 14, "out_features": ["stem", "stage2", "stage14"]},
            {**small, "num_hidden_layers": 2, "out_features": None},
        ),
        refused=(
            {**small, "num_hidden_layers": 3, "out_features": ["stage4"]},
            {**small, "num_hidden_layers": 3, "out_features": ["last"]},
        ),
    )


_SMALL = {"hidden_size": 24, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
_WITH_WIDTH = {**_SMALL, "intermediate_size": 32}

OVERRIDES: Mapping[str, Override] = {
    "beit": _override(
        _WITH_WIDTH, "BeitBackbone", "BeitForImageClassification", "BeitForMaskedImageModeling", "BeitModel"
    ),
    "dinov2": _override(_SMALL, "Dinov2Backbone", "Dinov2ForImageClassification", "Dinov2Model"),
    "dinov2_with_registers": _override(
        _SMALL,
        "Dinov2WithRegistersBackbone",
        "Dinov2WithRegistersForImageClassification",
        "Dinov2WithRegistersModel",
    ),
    "dinov3_vit": _override(_WITH_WIDTH, "DINOv3ViTModel"),
    "pixio": _override(_WITH_WIDTH, "PixioModel"),
    "vitpose_backbone": _override({"hidden_size": 24, "num_attention_heads": 2}, "VitPoseBackbone"),
}

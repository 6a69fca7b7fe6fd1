"""Segmenters with a backbone of four stages, and with any number of queries."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.blueprints.overrides.changes import AssumeInSlot, Change, Override, Remove

_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_SKIPPED = ["stage1", "stage2", "stage3", "stage5"]


def _swin(depths: Sequence[int], names: Sequence[str]) -> Mapping[str, Any]:
    heads = [2] * len(depths)
    return {"model_type": "swin", "embed_dim": 16, "depths": [*depths], "num_heads": heads, "out_features": [*names]}


def _four(*model_types: str) -> AssumeInSlot:
    return AssumeInSlot("backbone_config", model_types, "len(depths) == 4")


_OF_SWIN = (_four("swin", "swinv2"),)
_SMALL = {"backbone_config": _swin((1, 2, 1, 1), _STAGES)}
_REFUSED = ({"backbone_config": _swin((1, 1, 1, 1, 1), _SKIPPED)}, {"backbone_config": _swin((1,) * 5, _STAGES)})
_REASON = (
    "The decoder takes the widths of the stages that the backbone gives out. The compiler took those of the first "
    "four stages, which are others where there are five and one is left out."
)
_QUERIES = "And no query was drawn: num_queries is the length of their embeddings."


def _override(reason: str, classes: Mapping[str, Sequence[Change]], *proofs: Mapping[str, Any]) -> Override:
    return Override(reason=reason, classes=classes, proofs=(_SMALL, *proofs), refused=_REFUSED)


_MASK2FORMER = (*_OF_SWIN, Remove("given", frozenset(["num_queries == 100"])))
_ONEFORMER = (*_OF_SWIN, Remove("given", frozenset(["num_queries == 150"])))

OVERRIDES: Mapping[str, Override] = {
    "mask2former": _override(
        f"{_REASON} {_QUERIES}",
        {"Mask2FormerForUniversalSegmentation": _MASK2FORMER, "Mask2FormerModel": _MASK2FORMER},
        {**_SMALL, "num_queries": 200},
    ),
    "oneformer": _override(
        f"{_REASON} {_QUERIES}", {"OneFormerForUniversalSegmentation": _ONEFORMER}, {**_SMALL, "num_queries": 250}
    ),
    "upernet": _override(_REASON, {"UperNetForSemanticSegmentation": (_four("swin", "swinv2", "resnet"),)}),
}

"""Segmenters with a backbone of four stages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.blueprints.overrides.changes import (
    AssumeInSlot,
    Change,
    Guard,
    Override,
    Remove,
    Replace,
    Rewrite,
    SetFields,
)

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


def _override(classes: Mapping[str, Sequence[Change]], *proofs: Mapping[str, Any]) -> Override:
    return Override(reason=_REASON, classes=classes, proofs=(_SMALL, *proofs), refused=_REFUSED)


_CONFIG = "backbone_config"
_MADE = {
    "embed_dim": ("128", "96"),
    "window_size": ("12", "7"),
    "patch_size": ("4", "4"),
    "num_channels": ("3", "3"),
    "mlp_ratio": ("4.0", "4.0"),
    "hidden_act": ("'gelu'", "'gelu'"),
    "qkv_bias": ("True", "True"),
    "use_absolute_embeddings": ("False", "False"),
}
"""The fields of Swin, each as it is where there is no backbone_config, and as it is where one does not state it."""

_LISTS = {
    "depths": ("{0: 2, 1: 2, 2: 18, 3: 2}[i]", "{0: 2, 1: 2, 2: 6, 3: 2}[i]"),
    "num_heads": ("{0: 4, 1: 8, 2: 16, 3: 32}[i]", "{0: 3, 1: 6, 2: 12, 3: 24}[i]"),
}


def _rules() -> Iterator[str]:
    """Yield the rules of the fields of Swin, of which a config may state some."""
    unstated = f"where {_CONFIG} is None"
    for name, (made, default) in _MADE.items():
        field = f"{_CONFIG}.{name}"
        yield f"{field} = {field} where not {field} is None"
        yield f"{field} = {made} {unstated}"
        yield f"{field} = {default} where not {_CONFIG} is None and {field} is None"
    for name, (made, default) in _LISTS.items():
        field = f"{_CONFIG}.{name}"
        yield f"{field}[] = 4 where {field} is None or len({field}) == 4"
        yield f"{field}[i] = {made} for 4 {unstated}"
        yield f"{field}[i] = {default} for 4 where not {_CONFIG} is None and {field} is None"
        yield f"{field}[i] = {field}[i] for 4 where not {field} is None"


_UNVARIED = frozenset(["not decoder_config.dilation", "decoder_config.d_model == 256"])
"""The clauses of MaskFormerModel about fields that the compiler did not vary."""


def _maskformer() -> tuple[Change, ...]:
    pinned = rf"({_CONFIG}|decoder_config[.]{_CONFIG}) is None or digest\(.*"
    fields = "|".join((*_MADE, *_LISTS))
    return (
        Replace(
            "given",
            pinned,
            (
                f"{_CONFIG} is None or {_CONFIG}.model_type == 'swin'",
                *(f"{_CONFIG}.{name} is None or len({_CONFIG}.{name}) == 4" for name in _LISTS),
            ),
        ),
        Replace("assumed", f"{_CONFIG}[.]embed_dim == 128"),
        Replace("rules", rf"{_CONFIG}[.]({fields})(\[.*)? = .*", tuple(_rules())),
        SetFields(
            {f"{_CONFIG}.{name}": "ain" for name in ("embed_dim", "window_size", "patch_size", "num_channels")}
            | {f"{_CONFIG}.{name}": "abn" for name in ("qkv_bias", "use_absolute_embeddings")}
            | {f"{_CONFIG}.{name}": "aIn" for name in _LISTS}
            | {f"{_CONFIG}.mlp_ratio": "afin", f"{_CONFIG}.hidden_act": "asn"}
        ),
        Guard(".*transformer_module.input_projection.*", f"{_CONFIG}.embed_dim * 2 ** 3 != decoder_config.d_model"),
        Rewrite("tensors", "[144; 144]", f"[{_CONFIG}.window_size ** 2; {_CONFIG}.window_size ** 2]"),
    )


_SMALL_SWIN = {
    "model_type": "swin", "embed_dim": 16, "depths": [1, 2, 1, 3], "num_heads": [1, 2, 4, 8], "window_size": 4,
    "patch_size": 2, "num_channels": 1, "mlp_ratio": 2.0,
}  # fmt: skip

OVERRIDES: Mapping[str, Override] = {
    "maskformer": Override(
        reason=(
            "MaskFormerPixelLevelModule builds a Swin of its own of backbone_config, and the decoder builds no "
            "backbone of the DETR config that describes it. The compiler varied neither."
        ),
        classes={
            "MaskFormerForInstanceSegmentation": _maskformer(),
            "MaskFormerModel": (
                *_maskformer(),
                *(Remove(section, _UNVARIED) for section in ("given", "assumed")),
            ),
        },
        proofs=(
            {},
            {"backbone_config": {"model_type": "swin"}},
            {"backbone_config": _SMALL_SWIN},
            {"backbone_config": {"model_type": "swin", "embed_dim": 192, "num_heads": [6, 12, 24, 48]}},
            {"decoder_config": {"backbone_config": {"model_type": "timm_backbone", "backbone": "resnet18"}}},
            {"decoder_config": {"dilation": True, "decoder_layers": 2}},
            {"decoder_config": {"d_model": 1024}},
        ),
        refused=(
            {"backbone_config": _SMALL_SWIN | {"depths": [1, 1, 1, 1, 1], "num_heads": [1, 2, 4, 8, 16]}},
            {"backbone_config": _SMALL_SWIN | {"use_absolute_embeddings": True}},
            {"backbone_config": {"model_type": "resnet"}},
        ),
        defaults={f"{_CONFIG}.model_type": None},
    ),
    "mask2former": _override(
        {"Mask2FormerForUniversalSegmentation": _OF_SWIN, "Mask2FormerModel": _OF_SWIN}, {**_SMALL, "num_queries": 200}
    ),
    "oneformer": _override({"OneFormerForUniversalSegmentation": _OF_SWIN}, {**_SMALL, "num_queries": 250}),
    "upernet": _override({"UperNetForSemanticSegmentation": (_four("swin", "swinv2", "resnet"),)}),
}

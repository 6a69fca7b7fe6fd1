"""DPT: the widths of its neck, and a backbone in the place of its own encoder."""

from collections.abc import Iterator
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Guard, Override, Replace, SetFields, SetSlots

_STAGES = "for len(neck_hidden_sizes)"
_WIDTH = "(hidden_size if backbone_config is None else backbone_config.hidden_size)"
_FLAT = "not backbone_config == 'swinv2'"
_FACTOR, _CHANNELS = "reassemble_factors[i]", "neck_hidden_sizes[i]"


def list_reassembling(width: str, where: str = "") -> Iterator[str]:
    """Yield the clauses of the layers that make pictures of a transformer's states of one `width`."""
    layer, project = "neck.reassemble_stage.layers.{i}.", "neck.reassemble_stage.readout_projects.{i}.{j}."
    always, also = (f" where {where}", f" and {where}") if where else ("", "")
    yield f"{layer}projection.weight [{_CHANNELS}; {width}; 1; 1] {_STAGES}{always}"
    yield f"{layer}projection.bias [{_CHANNELS}] {_STAGES}{always}"
    for kernel, scale in ((_FACTOR, f"{_FACTOR} > 1"), ("3", f"{_FACTOR} < 1")):
        yield f"{layer}resize.weight [{_CHANNELS}; {_CHANNELS}; {kernel}; {kernel}] {_STAGES} where {scale}{also}"
        yield f"{layer}resize.bias [{_CHANNELS}] {_STAGES} where {scale}{also}"
    projected = f"{_STAGES}; 1 where readout_type == 'project'{also}"
    yield f"{project}weight [{width}; 2 * {width}] {projected}"
    yield f"{project}bias [{width}] {projected}"


def _depth_head() -> Iterator[str]:
    """Yield the clauses of the head for depth."""
    for index, channels, inputs, kernel in (
        (0, "fusion_hidden_size // 2", "fusion_hidden_size", 3),
        (2, "32", "fusion_hidden_size // 2", 3),
        (4, "1", "32", 1),
    ):
        yield f"head.head.{index}.weight [{channels}; {inputs}; {kernel}; {kernel}]"
        yield f"head.head.{index}.bias [{channels}]"


_BACKBONES = {"beit": "BeitBackbone", "dinov2": "Dinov2Backbone", "swinv2": "Swinv2Backbone"}
_LENGTHS = tuple(f"len({field}) == 4" for field in ("neck_hidden_sizes", "reassemble_factors"))
_OUTPUTS = "len(backbone_out_indices) == 4"
_POSITIVE = "min(reassemble_factors) > 0"
_RESIZED = r"neck\.reassemble_stage\..*"
_ENCODER_SIZES = dict.fromkeys(
    ("image_size", "intermediate_size", "num_attention_heads", "num_channels", "num_hidden_layers", "patch_size"), "in"
)
_DEPTH: tuple[Change, ...] = (
    SetFields(_ENCODER_SIZES | {"backbone_config": "nd", "backbone_out_indices": "nI"}),
    Replace("given", r"backbone_config is None( or num_channels == 3)?|neck_hidden_sizes == \[96, 192, 384, 768\]"),
    Append("given", (*_LENGTHS, f"not backbone_config is None or {_OUTPUTS}", _POSITIVE)),
    Replace("tensors", _RESIZED, tuple(list_reassembling(_WIDTH, _FLAT))),
    Replace("tensors", r"head\.head\..*", tuple(_depth_head())),
    Guard(r"dpt\..*", "backbone_config is None"),
    SetSlots({"backbone_config": {"at": "backbone.", "takes": _BACKBONES}}),
)
_SEGMENTATION: tuple[Change, ...] = (
    SetFields({"backbone_out_indices": "I", "reassemble_factors": "IF"}),
    Replace("given", r"backbone_out_indices == \[.*|reassemble_factors == \[.*", (*_LENGTHS, _OUTPUTS, _POSITIVE)),
    Replace("tensors", _RESIZED, tuple(list_reassembling("hidden_size"))),
)

_SMALL: dict[str, Any] = {
    "hidden_size": 64, "num_hidden_layers": 12, "num_attention_heads": 4, "intermediate_size": 48, "image_size": 64,
}  # fmt: skip
_NECK = {"neck_hidden_sizes": [8, 24, 16, 40], "reassemble_factors": [1, 0.5, 2, 1], "fusion_hidden_size": 16}
_UNSTATED = dict.fromkeys(_ENCODER_SIZES) | {"hidden_size": 0, "backbone_out_indices": None}
_FEATURES = ["stage2", "stage3", "stage4", "stage12"]
_BEIT = {
    "model_type": "beit", "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 24, "image_size": 64,
    "use_relative_position_bias": True, "out_features": _FEATURES,
}  # fmt: skip
_DINO = {"model_type": "dinov2", "hidden_size": 48, "num_attention_heads": 4, "out_features": _FEATURES}
_SWIN = {"model_type": "swinv2", "embed_dim": 16, "depths": [1, 2, 1, 1], "num_heads": [1, 2, 4, 8], "image_size": 64,
         "out_features": ["stage1", "stage2", "stage3", "stage4"]}  # fmt: skip
_OF_DEPTH = "DPTForDepthEstimation"

OVERRIDE = Override(
    reason=(
        "Each stage of the neck is as wide as neck_hidden_sizes says (DPTReassembleStage, DPTNeck), and resized by "
        "reassemble_factors, of a backbone where there is backbone_config. The compiler found no other list that "
        "builds: those that it tried had no default number of stages. And it took layers of the head for factors."
    ),
    classes={_OF_DEPTH: _DEPTH, "DPTForSemanticSegmentation": _SEGMENTATION},
    proofs=(
        _SMALL,
        _SMALL | {"neck_hidden_sizes": [256, 512, 1024, 1024]},
        _SMALL | _NECK | {"readout_type": "add", "use_batch_norm_in_fusion_residual": True},
        _SMALL | _NECK | {"readout_type": "ignore", "backbone_out_indices": [1, 4, 7, 10], "add_projection": True},
        {
            "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
            "neck_hidden_sizes": [256, 512, 1024, 1024], "backbone_out_indices": [5, 11, 17, 23],
        },
    ),
    refused=(
        _SMALL | {"neck_hidden_sizes": [96, 192, 384]},
        _SMALL | {"neck_hidden_sizes": [96, 192, 384, 768, 768]},
        _SMALL | {"reassemble_factors": [4, 2, 1]},
        _SMALL | {"reassemble_factors": [4, 2, 1, 0]},
        _SMALL | {"is_hybrid": True},
    ),
    proofs_of_classes={
        _OF_DEPTH: tuple(
            _UNSTATED | _NECK | {"backbone_config": backbone, "readout_type": readout}
            for backbone, readout in ((_BEIT, "project"), (_DINO, "add"), (_SWIN, "project"), (_DINO, "project"))
        ),
    },
)  # fmt: skip

"""ZoeDepth: the widths of its neck, and heads for one or for two kinds of places."""

from collections.abc import Iterator
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, SetFields
from tools.blueprints.overrides.dpt import list_reassembling

_NAMES = ("nyu", "kitti")
"""Of the places that a model with two heads is for: they name its parts."""

_PINS = frozenset(
    [
        "attractor_gamma == 2", "min_temp == 0.0212", "neck_hidden_sizes == [96, 192, 384, 768]",
        "num_attractors == [16, 8, 4, 1]", "num_relative_features == 32", "readout_type == 'project'",
        "reassemble_factors == [4, 2, 1, 0.5]",
    ]
)  # fmt: skip
_ONE, _TWO = "where len(bins) == 1", "where len(bins) == 2"
_DEPTH_OF_TWO = "patch_transformer_hidden_size"
_STATED = "not bin_configurations is None"
_BOTTLENECK, _EMBEDDING, _HALF = "bottleneck_features", "bin_embedding_dim", "bin_embedding_dim // 2"


def _layers(name: str, kernel: str, *layers: tuple[str, str, str], blocks: str) -> Iterator[str]:
    """Yield the clauses of linear layers or convolutions: of each its name, its outputs and its inputs."""
    for layer, outputs, inputs in layers:
        yield f"metric_head.{name}{layer}.weight [{outputs}; {inputs}{kernel}] {blocks}"
        yield f"metric_head.{name}{layer}.bias [{outputs}] {blocks}"


def _pair(name: str, inputs: str, middle: str, outputs: str, *, blocks: str) -> Iterator[str]:
    """Yield the clauses of two convolutions of single pixels."""
    yield from _layers(f"{name}.", "; 1; 1", ("conv1", middle, inputs), ("conv2", outputs, middle), blocks=blocks)


def _attractors(name: str, number: str, count: str, where: str) -> Iterator[str]:
    """Yield the clauses of attractors: of each as many convolutions' outputs, twice as many where they are normed."""
    for kind, outputs in (("softplus", number), ("normed", f"{number} * 2")):
        yield from _layers(
            f"{name}.{{i}}.", "; 1; 1", ("conv2", outputs, _EMBEDDING),
            blocks=f"for {count} {where} and bin_centers_type == '{kind}'",
        )  # fmt: skip
    yield from _layers(f"{name}.{{i}}.", "; 1; 1", ("conv1", _EMBEDDING, _EMBEDDING), blocks=f"for {count} {where}")


def _binomial(name: str, inputs: str, factor: int, where: str) -> Iterator[str]:
    middle = f"({inputs}) // {factor}"
    yield from _layers(f"{name}.mlp.", "; 1; 1", ("0", middle, inputs), ("2", "4", middle), blocks=where)


def _head_of_one() -> Iterator[str]:
    yield from _pair("seed_bin_regressor", _BOTTLENECK, "256", "bins[0]", blocks=_ONE)
    yield from _pair("seed_projector", _BOTTLENECK, "128", _EMBEDDING, blocks=_ONE)
    yield from _pair("projectors.{i}", "fusion_hidden_size", "128", _EMBEDDING, blocks=f"for 4 {_ONE}")
    yield from _attractors("attractors", "num_attractors[i]", "4", _ONE)
    yield from _binomial("conditional_log_binomial", f"num_relative_features + 1 + {_EMBEDDING}", 2, _ONE)


def _heads_of_two() -> Iterator[str]:
    width, inner = _DEPTH_OF_TWO, "patch_transformer_intermediate_size"
    layers = f"for num_patch_transformer_layers {_TWO}"
    layer = "patch_transformer.transformer_encoder.{i}."
    square = tuple((f"self_attn.{name}", width, width) for name in ("query", "key", "value", "out_proj"))
    yield from _layers(layer, "", *square, ("linear1", inner, width), ("linear2", width, inner), blocks=layers)
    for norm in ("norm1", "norm2"):
        for leaf in ("weight", "bias"):
            yield f"metric_head.{layer}{norm}.{leaf} [{width}] {layers}"
    yield from _layers("patch_transformer.", "; 1; 1", ("embedding_convPxP", width, _BOTTLENECK), blocks=_TWO)
    yield from _layers("mlp_classifier.", "", ("linear1", "128", "128"), ("linear2", "2", "128"), blocks=_TWO)
    yield from _pair("seed_projector", _BOTTLENECK, _HALF, _EMBEDDING, blocks=_TWO)
    yield from _pair("projectors.{i}", "fusion_hidden_size", _HALF, _EMBEDDING, blocks=f"for 4 {_TWO}")
    for index, name in enumerate(_NAMES):
        yield from _pair(f"seed_bin_regressors.{name}", _BOTTLENECK, _HALF, f"bins[{index}]", blocks=_TWO)
        yield from _attractors(f"attractors.{name}", "16", "len(num_attractors)", _TWO)
        yield from _binomial(f"conditional_log_binomial.{name}", f"num_relative_features + {_EMBEDDING}", 4, _TWO)


_NAMED = " and ".join(f"bin_configurations[{index}]['name'] == '{name}'" for index, name in enumerate(_NAMES))
_CONDITIONS = (
    "len(neck_hidden_sizes) == 4",
    "len(reassemble_factors) == 4",
    "min(reassemble_factors) > 0",
    "len(num_attractors) >= 4 or len(bin_configurations) > 1",
    "bin_centers_type in ['softplus', 'normed']",
    f"bin_configurations is None or len(bin_configurations) == 1 or (len(bin_configurations) == 2 and {_NAMED})",
)
_CHANGES: tuple[Change, ...] = (
    SetFields(
        {"bin_configurations": "nL", "reassemble_factors": "IF", "num_patch_transformer_layers": "in"}
        | {f"patch_transformer_{name}": "in" for name in ("hidden_size", "intermediate_size", "num_attention_heads")}
    ),
    Remove("given", _PINS),
    Append("given", _CONDITIONS),
    Remove("assumed", frozenset(["readout_type == 'project'", "not len(bin_configurations) > 1"])),
    Append(
        "assumed",
        (f"len(bins) == 1 or not {_DEPTH_OF_TWO} % patch_transformer_num_attention_heads != 0",),
    ),
    Replace(
        "rules",
        r"bin_configurations\[\] = 1",
        (
            "bins[] = 1 where bin_configurations is None",
            "bins[i] = 64 for 1 where bin_configurations is None",
            f"bins[] = len(bin_configurations) where {_STATED}",
            f"bins[i] = bin_configurations[i]['n_bins'] for len(bin_configurations) where {_STATED}",
        ),
    ),
    Replace("tensors", r"neck\.reassemble_stage\..*", tuple(list_reassembling("backbone_config.hidden_size"))),
    Replace("tensors", r"metric_head\.(?!conv2).*", (*_head_of_one(), *_heads_of_two())),
)

_BEIT = {
    "model_type": "beit", "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 24, "image_size": 64,
    "out_features": ["stage3", "stage6", "stage9", "stage12"],
}  # fmt: skip
_SMALL: dict[str, Any] = {
    "backbone_config": _BEIT, "neck_hidden_sizes": [8, 24, 16, 40], "fusion_hidden_size": 16, "bottleneck_features": 20,
}  # fmt: skip
_BINS = [
    {"n_bins": bins, "min_depth": 0.001, "max_depth": 10.0, "name": name} for bins, name in ((64, "nyu"), (32, "kitti"))
]
_TRANSFORMER = {
    "num_patch_transformer_layers": 2, "patch_transformer_hidden_size": 24, "patch_transformer_intermediate_size": 28,
    "patch_transformer_num_attention_heads": 4,
}  # fmt: skip

OVERRIDE = Override(
    reason=(
        "The neck is that of DPT, and ZoeDepthForDepthEstimation has one head, or two of another form where there are "
        "two bin_configurations, a list of objects, whose names are those of its parts. The compiler drew no such "
        "list, and pinned the lists of the neck."
    ),
    classes={"ZoeDepthForDepthEstimation": _CHANGES},
    proofs=(
        {},
        _SMALL,
        _SMALL | {"readout_type": "ignore", "reassemble_factors": [1, 0.5, 2, 1], "bin_configurations": _BINS[1:]},
        _SMALL | {"num_attractors": [3, 2, 1, 1, 1], "num_relative_features": 12, "bin_centers_type": "normed"},
        _SMALL | _TRANSFORMER | {"bin_configurations": _BINS},
        _SMALL | _TRANSFORMER | {"bin_configurations": _BINS, "bin_embedding_dim": 22, "num_attractors": [2, 1],
                                 "bin_centers_type": "normed", "num_relative_features": 7, "readout_type": "add"},
    ),
    refused=(
        _SMALL | {"neck_hidden_sizes": [8, 24, 16]},
        _SMALL | {"num_attractors": [3, 2, 1]},
        _SMALL | _TRANSFORMER | {"bin_configurations": _BINS[::-1]},
        _SMALL | _TRANSFORMER | {"bin_configurations": _BINS, "patch_transformer_num_attention_heads": 5},
    ),
)  # fmt: skip

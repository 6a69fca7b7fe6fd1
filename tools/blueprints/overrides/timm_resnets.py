"""DETR and its kin: their backbones are timm's ResNets, of which the compiler saw that of 50 layers only."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, Rewrite, SetFields

_DEPTHS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
_BASIC = ("resnet18", "resnet34")
"""Those whose blocks have two convolutions, and give out as many channels as they have inside; the others': 4 times."""

_IS_BASIC = " or ".join(f"resnet == {name!r}" for name in _BASIC)
_CONFIG = "backbone_config"
_CHANNELS = (
    f"{_CONFIG}.num_channels = num_channels where {_CONFIG} is None and use_timm_backbone",
    f"{_CONFIG}.num_channels = 3 where {_CONFIG} is None and not use_timm_backbone",
    f"{_CONFIG}.num_channels = {_CONFIG}.num_channels where not {_CONFIG} is None",
)
_ALWAYS_RGB = (f"{_CONFIG}.num_channels = 3 where {_CONFIG} is None", _CHANNELS[-1])
_RGB = frozenset([f"{_CONFIG} is None or num_channels == 3", "num_channels == 3"])
_TIMM = "backbone_config.depths is None"
"""The guard of learned lines of a backbone of timm, where the class may have another one too."""


def _norm(name: str, width: int, blocks: str) -> Iterator[str]:
    """Yield the clauses of a frozen batch norm."""
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{leaf} [{width}]{blocks} buffer F32"


def _stage(prefix: str, number: int, guard: str, *, is_basic: bool) -> Iterator[str]:
    """Yield the clauses of a stage of blocks of one kind."""
    width, wider = 64 << number, 1 if is_basic else 4
    before = 64 if number == 0 else width // 2 * wider
    block = f"{prefix}layer{number + 1}.{{i}}."
    blocks = f" for resnet_depths[{number}] where {guard}"
    first = f" for resnet_depths[{number}] where i == 0 and {guard}"
    kernels = (3, 3) if is_basic else (1, 3, 1)
    for position, kernel in enumerate(kernels):
        made = width * wider if position == len(kernels) - 1 else width
        taken = f"({before} if i == 0 else {width * wider})" if position == 0 else width
        yield f"{block}conv{position + 1}.weight [{made}; {taken}; {kernel}; {kernel}]{blocks}"
        yield from _norm(f"{block}bn{position + 1}", made, blocks)
    if before != width * wider:
        yield f"{block}downsample.0.weight [{width * wider}; {before}; 1; 1]{first}"
        yield from _norm(f"{block}downsample.1", width * wider, first)


def _resnet(prefix: str, guard: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the clauses of timm's ResNets of some names, under a prefix."""
    where = f" where {guard}" if guard else ""
    yield f"{prefix}conv1.weight [64; backbone_config.num_channels; 7; 7]{where}"
    yield from _norm(f"{prefix}bn1", 64, where)
    both = f" and {guard}" if guard else ""
    for number in range(4):
        if set(names) & set(_BASIC):
            yield from _stage(prefix, number, f"({_IS_BASIC}){both}", is_basic=True)
        yield from _stage(prefix, number, f"not ({_IS_BASIC}){both}", is_basic=False)


def _rules(names: tuple[str, ...]) -> Iterator[str]:
    """Yield the rules of which ResNet it is, and how many blocks its stages have."""
    yield "resnet = 'resnet50' where backbone_config is None and backbone is None"
    yield "resnet = backbone where backbone_config is None and not backbone is None"
    yield "resnet = backbone_config.backbone where not backbone_config is None"
    yield "resnet_depths[] = 4"
    for name in names:
        named = [f"not {field} is None and {field} == {name!r}" for field in ("backbone", f"{_CONFIG}.backbone")]
        for guard in (*named, *([f"{_CONFIG} is None and backbone is None"] if name == "resnet50" else [])):
            yield f"resnet_depths[i] = {dict(enumerate(_DEPTHS[name]))}[i] for 4 where {guard}"


def _requirements(names: tuple[str, ...], indices: str = "[1, 2, 3, 4]") -> Iterator[str]:
    """Yield what must hold of the backbone: a name, or the config that is made of it, written out."""
    for field in ("backbone", f"{_CONFIG}.backbone"):
        yield " or ".join((f"{field} is None", *(f"{field} == {name!r}" for name in names)))
    yield "use_timm_backbone or backbone is None or backbone == 'resnet50'"
    written_out = (
        "use_timm_backbone", "backbone is None", f"not {_CONFIG}.backbone is None",
        f"{_CONFIG}.model_type == 'timm_backbone'", f"{_CONFIG}.out_indices == {indices}",
        f"{_CONFIG}.features_only == True", f"{_CONFIG}.num_channels > 0",
    )  # fmt: skip
    yield from (f"{_CONFIG} is None or {clause}" for clause in written_out)
    yield f"{_CONFIG}.output_stride is None or {_CONFIG}.output_stride == 16"
    yield f"{_CONFIG}.out_features is None"
    for name in sorted(set(names) & set(_BASIC)):  # whose convolutions timm cannot dilate
        yield f"not dilation or backbone is None or backbone != {name!r}"
        yield f"{_CONFIG}.output_stride is None or {_CONFIG}.backbone != {name!r}"


def _changes(
    prefix: str, guard: str, names: tuple[str, ...] = tuple(_DEPTHS), channels: tuple[str, ...] = _CHANNELS
) -> tuple[Change, ...]:
    made = f"{_CONFIG}.backbone = 'resnet50'"
    return (
        Replace("given", r"backbone is None or backbone == 'resnet50'"),
        *([] if channels is _ALWAYS_RGB else [Remove("given", _RGB)]),
        Replace("rules", f"{_CONFIG}.num_channels = .*", channels),
        Replace("given", rf"{_CONFIG} is None or digest\({_CONFIG}\) == '\w+'", tuple(_requirements(names))),
        SetFields({"backbone": "ns"}),
        Replace("rules", f"{made}( where .*)?", (*_rules(names), made)),
        _convolutions(prefix, guard, names),
        Rewrite("tensors", "; 2048; 1; 1]", f"; {_WIDTH}; 1; 1]"),
    )


def _convolutions(prefix: str, guard: str, names: tuple[str, ...]) -> Change:
    learned = rf"{re.escape(prefix)}(conv1|bn1|layer\d)[.].*"
    return Replace("tensors", learned, tuple(_resnet(prefix, guard, names)))


def _deformable(prefix: str) -> tuple[Change, ...]:
    """The changes of a class of Deformable DETR, which takes what the last three stages give out."""
    return (
        Replace("given", r"backbone is None or backbone == 'resnet50'"),
        Replace("given", f"{_CONFIG} is None or num_channels == 3"),
        Replace("given", rf"{_CONFIG}[.]\w+ is None or .*"),
        Replace(
            "given", rf"{_CONFIG} is None or digest\({_CONFIG}\) == '\w+'", tuple(_requirements(_DEEP, "[2, 3, 4]"))
        ),
        SetFields({"backbone": "ns"}),
        Append("rules", (*_ALWAYS_RGB, *_rules(_DEEP))),
        _convolutions(prefix, "", _DEEP),
    )


_WIDTH = f"(512 if {_IS_BASIC} else 2048)"
_DEEP = tuple(name for name in _DEPTHS if name not in _BASIC)
_SMALL: dict[str, Any] = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 40,
    "encoder_attention_heads": 8, "decoder_attention_heads": 4,
}  # fmt: skip


_WRITTEN_OUT: dict[str, Any] = {
    "model_type": "timm_backbone", "backbone": "resnet101", "out_indices": [1, 2, 3, 4], "features_only": True,
    "num_channels": 3, "use_pretrained_backbone": False,
}  # fmt: skip


def _override(
    classes: Mapping[str, tuple[Change, ...]], names: tuple[str, ...], indices: tuple[int, ...] = (1, 2, 3, 4)
) -> Override:
    written_out = _WRITTEN_OUT | {"out_indices": list(indices)}
    return Override(
        reason=(
            "The config names a backbone of timm, which builds it; the compiler does not follow timm's registry, and "
            "saw the default name only."
        ),
        classes=classes,
        proofs=(
            {},
            *(_SMALL | {"backbone": name} for name in names),
            _SMALL | {"backbone": "resnet101", "dilation": True},
            _SMALL | {"num_channels": 4},
            _SMALL | {"backbone": "resnet101", "use_timm_backbone": True},
            _SMALL | {"backbone_config": written_out | {"freeze_batch_norm_2d": True}},
            _SMALL | {"backbone_config": written_out | {"num_channels": 1}},
            _SMALL | {"backbone_config": written_out | {"backbone": "resnet50", "output_stride": 16}, "dilation": True},
        ),
        refused=(
            {"backbone": "resnet26"},
            {"backbone": "resnet18", "dilation": True},
            {"backbone": "resnet101", "use_timm_backbone": False},
            {"backbone_config": written_out | {"out_indices": [0, 1, 2, 3]}},
            {"backbone_config": written_out | {"model_type": "resnet"}},
            {"backbone_config": written_out, "use_timm_backbone": False},
        ),
        defaults={"backbone_config.out_indices": None, "backbone_config.output_stride": None},
    )


OVERRIDES: Mapping[str, Override] = {
    "conditional_detr": _override(
        {
            "ConditionalDetrForObjectDetection": _changes("model.backbone.model.", _TIMM),
            "ConditionalDetrForSegmentation": _changes("conditional_detr.model.backbone.model.", "", _DEEP),
            "ConditionalDetrModel": _changes("backbone.model.", _TIMM),
        },
        _DEEP,
    ),
    "dab-detr": _override(
        {"DabDetrModel": _changes("backbone.conv_encoder.model._backbone.", _TIMM, channels=_ALWAYS_RGB)},
        tuple(_DEPTHS),
    ),
    "deformable_detr": _override(
        {
            "DeformableDetrForObjectDetection": _deformable("model.backbone.model."),
            "DeformableDetrModel": _deformable("backbone.model."),
        },
        _DEEP,
        indices=(2, 3, 4),
    ),
    "detr": _override(
        {
            "DetrForObjectDetection": _changes("model.backbone.model.", _TIMM),
            "DetrForSegmentation": _changes("detr.model.backbone.model.", "", _DEEP),
            "DetrModel": _changes("backbone.model.", _TIMM),
        },
        _DEEP,
    ),
    "table-transformer": _override(
        {
            "TableTransformerForObjectDetection": _changes("model.backbone.conv_encoder.model.", _TIMM),
            "TableTransformerModel": _changes("backbone.conv_encoder.model.", _TIMM),
        },
        tuple(_DEPTHS),
    ),
}

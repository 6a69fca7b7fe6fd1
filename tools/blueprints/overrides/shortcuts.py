"""Shortcuts of the first layer of each stage, in ResNet and its kin: which there are hangs on widths that are equal."""

from collections.abc import Iterator, Mapping

from tools.blueprints.overrides.changes import Append, Change, Config, Override, Replace, Rewrite, SetFields

_LAYERS = "encoder.stages.{i}.layers.{j}."
_RANGES = "for min(len(hidden_sizes), len(depths)); max(depths[i], 1)"
_LEAVES = {
    "weight": "[hidden_sizes[i]]", "bias": "[hidden_sizes[i]]", "running_mean": "[hidden_sizes[i]]",
    "running_var": "[hidden_sizes[i]]", "num_batches_tracked": "[]",
}  # fmt: skip
_BUFFERS = {"running_mean": " buffer F32", "running_var": " buffer F32", "num_batches_tracked": " buffer I64"}
_SMALL = {"embedding_size": 16, "depths": [1, 2, 1, 2], "groups_width": 8}
_EQUAL, _UNEQUAL = [16, 32, 64, 64], [32, 16, 64, 128]

_FIRST = "embedding_size != hidden_sizes[0] or downsample_in_first_stage"
"""The condition of a shortcut in the first stage; the others halve what they take, and always have one."""


def _norms(name: str, where: str) -> Iterator[tuple[str, str]]:
    """Yield each leaf of a shortcut's norm, and its clause."""
    for leaf, shape in _LEAVES.items():
        yield leaf, f"{name}.normalization.{leaf} {shape} {_RANGES} where {where}{_BUFFERS.get(leaf, '')}"


def _changes(prefix: str, layer_types: tuple[str, ...]) -> tuple[Change, ...]:
    """Return the changes of a class with names that begin with `prefix`."""
    name = f"{prefix}{_LAYERS}shortcut"
    conv = f"{name}.convolution.weight [hidden_sizes"
    return (
        SetFields({"downsample_in_first_stage": "b"}),
        Append("assumed", (" or ".join(f"layer_type == '{name}'" for name in layer_types),)),
        Replace(
            "tensors",
            r".*\.shortcut\.convolution\.weight \[hidden_sizes\[i\].*",
            (f"{conv}[i]; hidden_sizes[i - 1]; 1; 1] {_RANGES} where j == 0 and not i == 0",),
        ),
        Replace(
            "tensors",
            r".*\.shortcut\.convolution\.weight \[hidden_sizes\[0\].*",
            (f"{conv}[0]; embedding_size; 1; 1] {_RANGES} where i == 0 and j == 0 and ({_FIRST})",),
        ),
        *(
            Replace("tensors", rf".*\.shortcut\.normalization\.{leaf} .*", (clause,))
            for leaf, clause in _norms(name, f"j == 0 and (not i == 0 or {_FIRST})")
        ),
    )


_BOTTLENECK = "layer_type == 'bottleneck'"
_KEEPS_WIDTH = "(embedding_size == hidden_sizes[0] if i == 0 else hidden_sizes[i - 1] == hidden_sizes[i])"
_HALVES = "(not i == 0 or downsample_in_first_stage)"
_DIRECT = f"(not {_HALVES} and embedding_size != hidden_sizes[0] if {_BOTTLENECK} else {_KEEPS_WIDTH})"
_POOLED = f"({_HALVES} if {_BOTTLENECK} else not {_KEEPS_WIDTH})"
"""RT-DETR's shortcuts that follow a pooling are the second of two modules."""


def _rt_detr(leaf: str, name: str, where: str) -> tuple[str, ...]:
    if leaf != "convolution.weight":
        return (dict(_norms(name, f"j == 0 and {where}"))[leaf.rpartition(".")[2]],)
    conv = f"{name}.{leaf} [hidden_sizes"
    return (
        f"{conv}[i]; hidden_sizes[i - 1]; 1; 1] {_RANGES} where j == 0 and not i == 0 and {where}",
        f"{conv}[0]; embedding_size; 1; 1] {_RANGES} where i == 0 and j == 0 and {where}",
    )


def _rt_detr_changes() -> Iterator[Change]:
    for leaf in ("convolution.weight", *(f"normalization.{leaf}" for leaf in _LEAVES)):
        for learned, name, where in (
            (r"shortcut\.", "shortcut", _DIRECT),
            (r"shortcut\.\{k\}\.", "shortcut.1", _POOLED),
        ):
            yield Replace("tensors", rf".*\.{learned}{leaf} .*", _rt_detr(leaf, _LAYERS + name, where))


def _proofs(*layer_types: str) -> tuple[Config, ...]:
    return tuple(
        {**_SMALL, "hidden_sizes": sizes, "layer_type": layer_type, "downsample_in_first_stage": downsamples}
        for sizes in (_EQUAL, _UNEQUAL)
        for layer_type in layer_types
        for downsamples in (False, True)
    )


_RESNET, _REGNET = ("basic", "bottleneck"), ("x", "y")
_UNEQUAL_ONLY = "embedding_size != hidden_sizes[i]"
_NOT_UNEQUAL_ONLY = (
    Rewrite("tensors", f" and {_UNEQUAL_ONLY}", ""),
    Rewrite("tensors", f"not j == 0 if i == 0 else {_UNEQUAL_ONLY}", "not i == 0 or not j == 0"),
    Rewrite("tensors", f"{_UNEQUAL_ONLY} if layer_type == 'bottleneck' else", "layer_type == 'bottleneck' or"),
)
"""Changes without a condition that held of all widths that were drawn, and is none of the layers."""

_REASON = (
    "should_apply_shortcut is in_channels != out_channels or stride != 1 (ResNetBasicLayer, ResNetBottleNeckLayer, and "
    "their copies), and only downsample_in_first_stage has the first stage halve what it takes. The compiler drew no "
    "widths that are equal to the one before."
)

OVERRIDES: Mapping[str, Override] = {
    "resnet": Override(
        reason=_REASON,
        classes={
            "ResNetBackbone": _changes("", _RESNET),
            "ResNetForImageClassification": (*_NOT_UNEQUAL_ONLY, *_changes("resnet.", _RESNET)),
            "ResNetModel": _changes("", _RESNET),
        },
        proofs=_proofs(*_RESNET),
        refused=({"layer_type": "wide"},),
    ),
    "regnet": Override(
        reason=_REASON,
        classes={"RegNetForImageClassification": _changes("regnet.", _REGNET), "RegNetModel": _changes("", _REGNET)},
        proofs=_proofs(*_REGNET),
        refused=({"layer_type": "z"},),
    ),
    "rt_detr_resnet": Override(
        reason=_REASON,
        classes={"RTDetrResNetBackbone": tuple(_rt_detr_changes())},
        proofs=_proofs(*_RESNET),
        refused=({"hidden_act": "prelu"},),
    ),
}

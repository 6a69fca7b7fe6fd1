"""PP-LCNet: each stage has the blocks that a list of lists gives, whose widths are scaled and rounded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, DeriveNull, Override, Remove, Replace, SetFields

_BLOCK = "block_configs[i][j]"
_KERNEL, _STRIDE, _SQUEEZES = f"{_BLOCK}[0]", f"{_BLOCK}[3]", f"{_BLOCK}[4]"
_BLOCKS = " for len(block_configs); len(block_configs[i])"


def _round(channels: str) -> str:
    """The number of channels that make_divisible makes of one."""
    return f"make_divisible({channels} * scale, divisor, divisor)"


_IN, _OUT, _STEM = _round(f"{_BLOCK}[1]"), _round(f"{_BLOCK}[2]"), _round("stem_channels")


def _norm(name: str, width: str, where: str = "") -> Iterator[str]:
    """Yield the clauses of a batch norm."""
    for leaf in ("weight", "bias"):
        yield f"{name}.{leaf} [{width}]{where}"
    for leaf in ("running_mean", "running_var"):
        yield f"{name}.{leaf} [{width}]{where} buffer F32"
    yield f"{name}.num_batches_tracked []{where} buffer I64"


def _convolution(name: str, shape: Sequence[str], where: str = "") -> Iterator[str]:
    """Yield the clauses of a convolution without a bias, and of its norm."""
    yield f"{name}.convolution.weight [{'; '.join(shape)}]{where}"
    yield from _norm(f"{name}.normalization", shape[0], where)


def _squeezing(name: str, width: str) -> Iterator[str]:
    """Yield the clauses of squeeze-and-excitation, where a block has that."""
    where, squeezed = f"{_BLOCKS} where {_SQUEEZES}", f"{width} // reduction"
    for index, (wide, narrow) in {0: (squeezed, width), 2: (width, squeezed)}.items():
        yield f"{name}.convolutions.{index}.weight [{wide}; {narrow}; 1; 1]{where}"
        yield f"{name}.convolutions.{index}.bias [{wide}]{where}"


def _affine(name: str, where: str) -> Iterator[str]:
    """Yield the clauses of a learnable affine block."""
    yield from (f"{name}.lab.{leaf} [1]{where}" for leaf in ("scale", "bias"))


def _branches(name: str, shape: Sequence[str], same: str, *, is_wide: bool) -> Iterator[str]:
    """Yield the clauses of the branches that PP-LCNetV3 adds up: convolutions, a small one, a norm alone."""
    if is_wide:
        small = [*shape[:2], "1", "1"]
        yield from _convolution(f"{name}.conv_small_symmetric", small, f"{_BLOCKS} where {_KERNEL} > 1")
    yield from _convolution(f"{name}.conv_symmetric.{{k}}", shape, f"{_BLOCKS}; conv_symmetric_num")
    yield from _norm(f"{name}.identity", shape[0], f"{_BLOCKS} where {same}")
    yield from _affine(name, _BLOCKS)
    yield from _affine(f"{name}.act", _BLOCKS)


def _first() -> Iterator[str]:
    """Yield the clauses of the encoder of PP-LCNet."""
    yield from _convolution("encoder.convolution", [_STEM, "3", "3", "3"])
    block = "encoder.blocks.{i}.layers.{j}"
    yield from _convolution(f"{block}.depthwise_convolution", [_IN, "1", _KERNEL, _KERNEL], _BLOCKS)
    yield from _squeezing(f"{block}.squeeze_excitation_module", _IN)
    yield from _convolution(f"{block}.pointwise_convolution", [_OUT, _IN, "1", "1"], _BLOCKS)


def _third() -> Iterator[str]:
    """Yield the clauses of the encoder of PP-LCNetV3."""
    yield from _convolution("encoder.convolution", [_STEM, "3", "3", "3"])
    block = "encoder.blocks.{i}.layers.{j}"
    depthwise, pointwise = [_IN, "1", _KERNEL, _KERNEL], [_OUT, _IN, "1", "1"]
    yield from _branches(f"{block}.depthwise_convolution", depthwise, f"{_STRIDE} == 1", is_wide=True)
    yield from _squeezing(f"{block}.squeeze_excitation_module", _IN)
    yield from _branches(f"{block}.pointwise_convolution", pointwise, f"{_OUT} == {_IN}", is_wide=False)


_LISTS = ("depths is None or depths == .*", "out_indices is None or .*", "out_features is None or .*")
_STAGES = {"stem", *(f"stage{number}" for number in range(1, 6))}


def _changes(tensors: Iterator[str]) -> tuple[Change, ...]:
    stages = ", ".join(map(repr, sorted(_STAGES)))
    return (
        DeriveNull("block_configs"),
        *(Replace("given", pattern) for pattern in _LISTS),
        Remove("given", frozenset(["scale == 1.0", "stem_channels == 16", "divisor == 8"])),
        Append(
            "given",
            (
                "len(block_configs) == 5",
                "divisor > 0",
                f"out_features is None or only(out_features, {{{stages}}})",
                "out_indices is None or only(out_indices, {0, 1, 2, 3, 4, 5})",
            ),
        ),
        Replace(
            "rules",
            r"depths\[.*",
            ("depths[] = len(block_configs)", "depths[i] = len(block_configs[i]) for len(block_configs)"),
        ),
        SetFields(
            {"block_configs": "Ln", "scale": "fi", "stem_channels": "i", "divisor": "i", "out_features": "nS",
             "out_indices": "nI", "depths": "nI"}
        ),
        Replace("tensors", ".*", tuple(tensors)),
    )  # fmt: skip


_BLOCKS_OF_FIVE = [
    [[3, 16, 20, 1, False]],
    [[5, 20, 40, 2, True], [3, 40, 40, 1, True]],
    [[3, 40, 40, 1, False]],
    [[3, 40, 80, [2, 1], False], [1, 80, 80, 1, False], [3, 80, 92, 1, True]],
    [[5, 92, 100, 2, True]],
]
_PROOFS: tuple[Mapping[str, Any], ...] = (
    {},
    {"scale": 0.25},
    {"scale": 0.35, "stem_channels": 24},
    {"scale": 1.5, "divisor": 16, "reduction": 2},
    {"scale": 2, "stem_channels": 7, "divisor": 4},
    {"block_configs": _BLOCKS_OF_FIVE, "out_features": ["stage2", "stage4"]},
    {"block_configs": _BLOCKS_OF_FIVE, "scale": 0.95, "divisor": 3, "out_indices": [2, 3, 5]},
)
_REFUSED = (
    {"block_configs": _BLOCKS_OF_FIVE[:4]},
    {"block_configs": 5},
    {"divisor": 0},
    {"out_features": ["stage6"]},
    {"out_indices": [6]},
    {"hidden_act": "prelu"},
)


def _override(*proofs: Mapping[str, Any], **classes: tuple[Change, ...]) -> Override:
    return Override(
        reason=(
            "PPLCNetBlock makes a layer of each item of block_configs[stage], scaled by make_divisible. The compiler "
            "saw the default list only, and no scale beside it."
        ),
        classes=classes,
        proofs=(*_PROOFS, *proofs),
        refused=_REFUSED,
    )


_HEAD = (
    f"last_convolution.weight [class_expand; {_round('block_configs[4][len(block_configs[4]) - 1][2]')}; 1; 1]",
    "head.weight [num_labels; class_expand]",
    "head.bias [num_labels]",
)
OVERRIDES: Mapping[str, Override] = {
    "pp_lcnet": _override(
        {"class_expand": 640, "id2label": {str(label): f"LABEL_{label}" for label in range(5)}},
        PPLCNetBackbone=_changes(_first()),
        PPLCNetForImageClassification=_changes(iter((*_first(), *_HEAD))),
    ),
    "pp_lcnet_v3": _override({"conv_symmetric_num": 2}, PPLCNetV3Backbone=_changes(_third())),
}

"""EfficientNet: one list of blocks over all stages, each stage with as many as a coefficient makes of its repeats."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Write


def _round(channels: str) -> str:
    """The number of channels that round_filters makes of one."""
    return f"make_divisible({channels} * width_coefficient, depth_divisor, depth_divisor)"


_FIRST = "i == 0 or stages[i - 1] != stages[i]"
_IN = f"(in_widths[stages[i]] if {_FIRST} else out_widths[stages[i]])"
_WIDE = f"{_IN} * expand_ratios[stages[i]]"
_SQUEEZED = f"max(1, int({_IN} * squeeze_expansion_ratio))"
_OUT = "out_widths[stages[i]]"
_KERNEL = "kernel_sizes[stages[i]]"
_LISTS = ("num_block_repeats", "out_channels", "kernel_sizes", "strides", "expand_ratios")


def _norm(name: str, width: str, of_blocks: str = "") -> Iterator[str]:
    """Yield the clauses of a batch norm."""
    yield f"{name}.weight [{width}]{of_blocks}"
    yield f"{name}.bias [{width}]{of_blocks}"
    yield f"{name}.running_mean [{width}]{of_blocks} buffer F32"
    yield f"{name}.running_var [{width}]{of_blocks} buffer F32"
    yield f"{name}.num_batches_tracked []{of_blocks} buffer I64"


def _tensors(prefix: str) -> Iterator[str]:
    """Yield the clauses of a class with names that begin with `prefix`."""
    stem, blocks = _round("32"), " for len(stages)"
    yield f"{prefix}embeddings.convolution.weight [{stem}; num_channels; 3; 3]"
    yield from _norm(f"{prefix}embeddings.batchnorm", stem)
    block, widened = f"{prefix}encoder.blocks.{{i}}.", f"{blocks} where not expand_ratios[stages[i]] == 1"
    yield f"{block}expansion.expand_conv.weight [{_WIDE}; {_IN}; 1; 1]{widened}"
    yield from _norm(f"{block}expansion.expand_bn", _WIDE, widened)
    yield f"{block}depthwise_conv.depthwise_conv.weight [{_WIDE}; 1; {_KERNEL}; {_KERNEL}]{blocks}"
    yield from _norm(f"{block}depthwise_conv.depthwise_norm", _WIDE, blocks)
    yield f"{block}squeeze_excite.reduce.weight [{_SQUEEZED}; {_WIDE}; 1; 1]{blocks}"
    yield f"{block}squeeze_excite.reduce.bias [{_SQUEEZED}]{blocks}"
    yield f"{block}squeeze_excite.expand.weight [{_WIDE}; {_SQUEEZED}; 1; 1]{blocks}"
    yield f"{block}squeeze_excite.expand.bias [{_WIDE}]{blocks}"
    yield f"{block}projection.project_conv.weight [{_OUT}; {_WIDE}; 1; 1]{blocks}"
    yield from _norm(f"{block}projection.project_bn", _OUT, blocks)
    yield f"{prefix}encoder.top_conv.weight [{_round('1280')}; out_widths[len(in_channels) - 1]; 1; 1]"
    yield from _norm(f"{prefix}encoder.top_bn", "hidden_dim")


def _record(prefix: str, *heads: str) -> Mapping[str, Any]:
    """The record of a class with names that begin with `prefix`."""
    fields = dict.fromkeys(("in_channels", *_LISTS), "I")
    fields |= dict.fromkeys(("width_coefficient", "depth_coefficient", "squeeze_expansion_ratio"), "f")
    fields |= {"num_channels": "i", "depth_divisor": "i", "hidden_dim": "i"}
    fields |= {"pooling_type": "s", "hidden_act": "s"} | ({"num_labels": "i"} if heads else {})
    return {
        "fields": dict(sorted(fields.items())),
        "given": [
            "is_activation(hidden_act)",
            "pooling_type == 'max' or pooling_type == 'mean'",
            "only(strides, {1, 2})",
            *(f"len({name}) >= len(in_channels)" for name in _LISTS),
        ],
        "assumed": ["not stages is None", "len(stages) > 0"],
        "rules": [
            "num_hidden_layers = sum(num_block_repeats) * 4",
            "stages = spread(num_block_repeats, depth_coefficient, len(in_channels))",
            "in_widths[] = len(in_channels)",
            f"in_widths[i] = {_round('in_channels[i]')} for len(in_channels)",
            "out_widths[] = len(out_channels)",
            f"out_widths[i] = {_round('out_channels[i]')} for len(out_channels)",
        ],
        "tensors": [*_tensors(prefix), *heads],
    }


_HEADS = (
    "classifier.weight [num_labels; hidden_dim] where num_labels > 0",
    "classifier.bias [num_labels] where num_labels > 0",
)
_THREE = {
    "in_channels": [8, 16, 24], "out_channels": [16, 24, 40], "kernel_sizes": [3, 5, 7], "strides": [1, 2, 2],
    "num_block_repeats": [2, 1, 3], "expand_ratios": [1, 4, 6],
}  # fmt: skip

OVERRIDE = Override(
    reason=(
        "EfficientNetEncoder puts the blocks of all stages into one list, ceil(depth_coefficient * repeats) of each. "
        "The compiler knows the place of a block in the list, and not its stage."
    ),
    classes={
        "EfficientNetForImageClassification": (Write(_record("efficientnet.", *_HEADS)),),
        "EfficientNetModel": (Write(_record("")),),
    },
    proofs=(
        {},
        {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280, "image_size": 224},
        {"width_coefficient": 1.1, "depth_coefficient": 1.2, "hidden_dim": 1408, "depth_divisor": 8},
        {"width_coefficient": 1.4, "depth_coefficient": 1.8, "hidden_dim": 1792, "num_channels": 1},
        _THREE | {"width_coefficient": 0.3, "depth_coefficient": 0.7, "squeeze_expansion_ratio": 0.01},
        _THREE | {"width_coefficient": 1.3, "depth_divisor": 3, "pooling_type": "max", "num_hidden_layers": 3},
        _THREE | {"in_channels": [8, 16], "width_coefficient": 0.5},
        _THREE | {"num_block_repeats": [1, 0, 1], "depthwise_padding": [0, 1], "expand_ratios": [2, 1, 1, 5]},
    ),
    refused=(
        {"strides": [1, 2, 2, 3, 1, 2, 1]},
        {"num_block_repeats": [1, 2]},
        {"expand_ratios": [1, 6]},
        {"pooling_type": "sum"},
        {"hidden_act": "prelu"},
    ),
)

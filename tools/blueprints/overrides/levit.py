"""LeViT: three stages, each with layers of attention and of an MLP by turns, and one that halves the picture."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Write

_LAST = "hidden_sizes[len(hidden_sizes) - 1]"
_WIDTH, _NEXT = "hidden_sizes[i]", "hidden_sizes[i + 1]"
_VALUES = "attention_ratio[i] * key_dim[i] * num_attention_heads[i]"
_KEYS = "key_dim[i] * num_attention_heads[i]"
_HEADS = "(hidden_sizes[i] // key_dim[0])"
_HALVED_KEYS = f"key_dim[0] * {_HEADS}"
_BIASES = "resolutions[i] * resolutions[i]"
_ATTENTION, _MLP = "j < 2 * depths[i] and j % 2 == 0", "j < 2 * depths[i] and j % 2 == 1"
_HALVING, _MLP_AFTER = "i < 2 and j == 2 * depths[i]", "i < 2 and j == 2 * depths[i] + 1"
_BLOCKS = "for 3; 2 * depths[i] + (2 if i < 2 else 0)"
_LISTS = ("hidden_sizes", "num_attention_heads", "depths", "key_dim", "mlp_ratio", "attention_ratio")


def _norm(name: str, width: str, of_blocks: str = "") -> Iterator[str]:
    """Yield the clauses of a batch norm."""
    for leaf in ("weight", "bias"):
        yield f"{name}.batch_norm.{leaf} [{width}]{of_blocks}"
    for leaf in ("running_mean", "running_var"):
        yield f"{name}.batch_norm.{leaf} [{width}]{of_blocks} buffer F32"
    yield f"{name}.batch_norm.num_batches_tracked []{of_blocks} buffer I64"


def _linear(name: str, width: str, inputs: str, of_blocks: str) -> Iterator[str]:
    """Yield the clauses of a linear layer with its norm."""
    yield f"{name}.linear.weight [{width}; {inputs}]{of_blocks}"
    yield from _norm(name, width, of_blocks)


def _layers(layer: str) -> Iterator[str]:
    """Yield the clauses of the layers of all stages."""
    attention, halving = f" {_BLOCKS} where {_ATTENTION}", f" {_BLOCKS} where {_HALVING}"
    yield f"{layer}module.attention_biases [num_attention_heads[i]; {_BIASES}]{attention}"
    yield from _linear(f"{layer}module.queries_keys_values", f"{_VALUES} + {_KEYS} * 2", _WIDTH, attention)
    yield from _linear(f"{layer}module.projection", _WIDTH, _VALUES, attention)
    for width, ratio, where in ((_WIDTH, "mlp_ratio[i]", _MLP), (_NEXT, "2", _MLP_AFTER)):
        of_blocks = f" {_BLOCKS} where {where}"
        yield from _linear(f"{layer}module.linear_up", f"{width} * {ratio}", width, of_blocks)
        yield from _linear(f"{layer}module.linear_down", width, f"{width} * {ratio}", of_blocks)
    yield f"{layer}attention_biases [{_HEADS}; {_BIASES}]{halving}"
    yield from _linear(f"{layer}keys_values", f"5 * {_HALVED_KEYS}", _WIDTH, halving)
    yield from _linear(f"{layer}queries", _HALVED_KEYS, _WIDTH, halving)
    yield from _linear(f"{layer}projection", _NEXT, f"4 * {_HALVED_KEYS}", halving)


def _tensors(prefix: str, *heads: str) -> Iterator[str]:
    """Yield the clauses of a class with names that begin with `prefix`."""
    widths = ("num_channels", *(f"hidden_sizes[0] // {by}" for by in (8, 4, 2)), "hidden_sizes[0]")
    for number in range(1, 5):
        name = f"{prefix}patch_embeddings.embedding_layer_{number}"
        yield f"{name}.convolution.weight [{widths[number]}; {widths[number - 1]}; kernel_size; kernel_size]"
        yield from _norm(name, widths[number])
    yield from _layers(f"{prefix}encoder.stages.{{i}}.layers.{{j}}.")
    for head in heads:
        yield from _norm(head, _LAST, " where num_labels > 0")
        yield f"{head}.linear.weight [num_labels; {_LAST}] where num_labels > 0"
        yield f"{head}.linear.bias [num_labels] where num_labels > 0"


def _require_down_ops(number: int) -> str:
    """The condition that a list of down_ops is as the config makes it."""
    made = ("'Subsample'", "key_dim[0]", f"hidden_sizes[{number}] // key_dim[0]", "4", "2", "2")
    equal = " and ".join(f"down_ops[{number}][{item}] == {value}" for item, value in enumerate(made))
    return f"down_ops is None or (len(down_ops) == 2 and len(down_ops[{number}]) == 6 and {equal})"


def _record(prefix: str, *heads: str) -> Mapping[str, Any]:
    """The record of a class with names that begin with `prefix`."""
    fields = dict.fromkeys(("image_size", "patch_size", "num_channels", "kernel_size"), "i") | {"down_ops": "La"}
    fields |= dict.fromkeys(_LISTS, "I") | ({"num_labels": "i"} if heads else {})
    resolution = "image_size // patch_size"
    halved = f"({resolution} - 1) // 2 + 1"
    return {
        "fields": dict(sorted(fields.items())),
        "given": [
            "len(depths) == 3",
            *(f"len({name}) >= 3" for name in _LISTS if name != "depths"),
            "min(mlp_ratio) > 0",
            "min(depths) >= 0",
            "image_size >= patch_size",
            _require_down_ops(0),
            _require_down_ops(1),
        ],
        "assumed": [],
        "rules": [
            "resolutions[] = 3",
            f"resolutions[i] = {resolution} for 3 where i == 0",
            f"resolutions[i] = {halved} for 3 where i == 1",
            f"resolutions[i] = ({halved} - 1) // 2 + 1 for 3 where i == 2",
        ],
        "tensors": list(_tensors(prefix, *heads)),
    }


_SMALL = {"hidden_sizes": [32, 64, 80], "num_attention_heads": [2, 3, 4], "depths": [2, 1, 3], "image_size": 96}

OVERRIDE = Override(
    reason=(
        "LevitStage puts attention and MLPs into one list by turns, and LevitConfig makes down_ops, a list of lists, "
        "of which the compiler reads nothing."
    ),
    classes={
        "LevitForImageClassification": (Write(_record("levit.", "classifier")),),
        "LevitForImageClassificationWithTeacher": (Write(_record("levit.", "classifier", "classifier_distill")),),
        "LevitModel": (Write(_record("")),),
    },
    proofs=(
        {},
        _SMALL,
        _SMALL | {"key_dim": [8, 16, 24], "mlp_ratio": [3, 2, 1], "attention_ratio": [1, 2, 4], "num_channels": 1},
        _SMALL | {"patch_size": 7, "kernel_size": 5, "depths": [0, 2, 1], "hidden_sizes": [48, 40, 72, 16]},
        _SMALL | {"id2label": {str(label): f"LABEL_{label}" for label in range(7)}, "image_size": 77},
    ),
    refused=(
        {"depths": [1, 1]},
        {"mlp_ratio": [2, 0, 2]},
        {"hidden_sizes": [128, 256]},
        {"down_ops": [["Subsample", 16, 8, 4, 2, 2]]},
        {"down_ops": [["Subsample", 16, 8, 4, 2, 2], ["Subsample", 16, 16, 4, 3, 2]]},
        {"image_size": [224, 224]},
    ),
)

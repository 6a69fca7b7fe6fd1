"""ViTDet: layers that attend within windows, and layers with a residual block."""

from collections.abc import Iterator, Sequence
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Rewrite, SetFields
from tools.blueprints.overrides.output_stages import STAGE_CHANGES

_GRID = "image_size // patch_size"
_SIDE = f"(window_size if i in window_block_indices and window_size != 0 else {_GRID})"


def _residual(prefix: str) -> Iterator[str]:
    """Yield the clauses of the residual blocks."""
    width, middle = "hidden_size", "hidden_size // 2"
    for number, channels, inputs, kernel in ((1, middle, width, 1), (2, middle, middle, 3), (3, width, middle, 1)):
        layer, blocks = (
            f"{prefix}encoder.layer.{{i}}.residual.",
            "for num_hidden_layers where i in residual_block_indices",
        )
        yield f"{layer}conv{number}.weight [{channels}; {inputs}; {kernel}; {kernel}] {blocks}"
        yield f"{layer}norm{number}.weight [{channels}] {blocks}"
        yield f"{layer}norm{number}.bias [{channels}] {blocks}"


_CHANGES: Sequence[Change] = (
    *STAGE_CHANGES,
    SetFields({"residual_block_indices": "IE", "window_block_indices": "IE", "window_size": "i"}),
    Remove("given", frozenset(["residual_block_indices == []", "window_block_indices == []"])),
    Append("given", ("window_size >= 0",)),
    Rewrite("tensors", f"[2 * ({_GRID}) - 1; ", f"[2 * {_SIDE} - 1; "),
    Append("tensors", tuple(_residual(""))),
)
_SMALL: dict[str, Any] = {"hidden_size": 24, "num_attention_heads": 2, "image_size": 64, "num_hidden_layers": 3}

OVERRIDE = Override(
    reason=(
        "VitDetEncoder gives a layer a window where window_block_indices names it, and a residual block where "
        "residual_block_indices does. The compiler drew neither list. No tensor follows from out_features."
    ),
    classes={"VitDetBackbone": _CHANGES, "VitDetModel": _CHANGES},
    proofs=(
        _SMALL | {"out_features": ["stage3"]},
        _SMALL | {"window_block_indices": [0, 2], "window_size": 3, "residual_block_indices": [1, 2]},
        _SMALL | {"window_block_indices": [0, 1], "window_size": 2, "use_relative_position_embeddings": True},
        _SMALL | {"window_block_indices": [0], "use_relative_position_embeddings": True, "residual_block_indices": [7]},
        _SMALL | {"num_hidden_layers": 14, "out_features": ["stem", "stage2", "stage14"]},
    ),
    refused=(_SMALL | {"out_features": ["stage4"]}, _SMALL | {"window_size": -1}),
)

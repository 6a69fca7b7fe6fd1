"""Blocks that attend in windows: which of them do sizes nothing."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Override, Remove, SetFields

_SMALL = {"num_hidden_layers": 4, "hidden_size": 24, "num_attention_heads": 2, "image_size": 64}

OVERRIDES: Mapping[str, Override] = {
    "lw_detr_vit": Override(
        reason=(
            "LwDetrViTLayer asks whether its index is one of window_block_indices, and folds its input alone. The list "
            "is empty by default, and the compiler draws no empty list anew."
        ),
        classes={
            "LwDetrViTBackbone": (
                Remove("given", frozenset(["window_block_indices == []"])),
                SetFields({"window_block_indices": "IE"}),
            )
        },
        proofs=({}, {**_SMALL, "window_block_indices": [0, 2]}, {**_SMALL, "window_block_indices": [3]}),
        refused=({**_SMALL, "window_block_indices": 2}, {**_SMALL, "window_block_indices": None}),
    ),
}

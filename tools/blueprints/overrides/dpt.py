"""DPT: the widths of its neck."""

from tools.blueprints.overrides.changes import Override, Replace

_SMALL = {
    "hidden_size": 64, "num_hidden_layers": 12, "num_attention_heads": 4, "intermediate_size": 48, "image_size": 64,
}  # fmt: skip

_STAGES = ("neck_hidden_sizes", "reassemble_factors", "backbone_out_indices")

OVERRIDE = Override(
    reason=(
        "Each stage of the neck is as wide as neck_hidden_sizes says (DPTReassembleStage, DPTNeck), and resized by "
        "reassemble_factors. The compiler found no other list that builds: those that it tried had no default number "
        "of stages."
    ),
    classes={
        "DPTForDepthEstimation": (
            Replace(
                "given",
                r"neck_hidden_sizes == \[96, 192, 384, 768\]",
                tuple(f"len({field}) == 4" for field in _STAGES),
            ),
        )
    },
    proofs=(
        _SMALL,
        _SMALL | {"neck_hidden_sizes": [256, 512, 1024, 1024]},
        _SMALL | {"neck_hidden_sizes": [8, 24, 16, 40], "readout_type": "add", "fusion_hidden_size": 16},
        {
            "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
            "neck_hidden_sizes": [256, 512, 1024, 1024], "backbone_out_indices": [5, 11, 17, 23],
        },
    ),
    refused=(
        _SMALL | {"neck_hidden_sizes": [96, 192, 384]},
        _SMALL | {"neck_hidden_sizes": [96, 192, 384, 768, 768]},
        _SMALL | {"reassemble_factors": [4, 2, 1]},
    ),
)  # fmt: skip

"""Swin and Hiera as backbones: a norm for each stage that they give out."""

from collections.abc import Iterator, Mapping

from tools.blueprints.overrides.changes import Append, Change, Config, Override, Replace

_STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")


def _norms(width: str) -> Iterator[str]:
    """Yield the clauses of the norms; without `out_features` the last stage is given out."""
    for depth, stage in enumerate(_STAGES):
        is_last = f"'{stage}' in stage_names"
        if depth + 1 < len(_STAGES):
            is_last += f" and not '{_STAGES[depth + 1]}' in stage_names"
        guard = f"'{stage}' in out_features or (out_features is None and {is_last})"
        for leaf in ("weight", "bias"):
            yield f"hidden_states_norms.{stage}.{leaf} [{width.format(depth)}] where {guard}"


def _changes(width: str) -> tuple[Change, ...]:
    return (
        Replace("tensors", r"hidden_states_norms\..*", tuple(_norms(width))),
        Replace("given", r"'stage4' in out_features", ("out_indices is None or not out_features is None",)),
        Append("assumed", ("only(out_features, stage_names)", "not 'stem' in out_features")),
    )


_REASON = (
    "The backbone has a norm for each of out_features (hidden_states_norms), which follow from out_indices where only "
    "those are stated. The compiler varies a list of words only where one is there, and by default both are null."
)
_ALL = list(_STAGES[:4])
_PROOFS: tuple[Config, ...] = (
    {},
    {"out_features": _ALL},
    {"out_features": _ALL, "out_indices": [1, 2, 3, 4]},
    {"out_features": ["stage2"]},
    {"out_features": ["stage1", "stage3"], "out_indices": [1, 3]},
)
_REFUSED = ({"out_indices": [1, 2]}, {"out_features": ["stem", "stage1"]}, {"out_features": ["stage9"]})

OVERRIDES: Mapping[str, Override] = {
    "hiera": Override(
        reason=_REASON,
        classes={"HieraBackbone": _changes("int(embed_dim * embed_dim_multiplier ** {})")},
        proofs=_PROOFS,
        refused=_REFUSED,
    ),
    "swin": Override(
        reason=_REASON,
        classes={"SwinBackbone": _changes("embed_dim * 2 ** {}")},
        proofs=(
            *_PROOFS,
            {"depths": [1, 2, 1], "num_heads": [3, 6, 12]},
            {"depths": [1, 2, 1], "num_heads": [3, 6, 12], "out_features": ["stage1", "stage3"], "embed_dim": 48},
        ),
        refused=_REFUSED,
    ),
}

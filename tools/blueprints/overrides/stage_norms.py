"""Backbones that have a norm for each stage that they give out: ConvNeXt, Hiera, Swin."""

from collections.abc import Iterator, Mapping

from tools.blueprints.overrides.changes import Append, Change, Config, Override, Replace

_STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")
_FOUR = list(_STAGES[:4])
_BY_NAMES = "'stage{this}' in stage_names and not 'stage{following}' in stage_names"
_BY_NUMBER = "num_stages == {this}"


def _norms(width: str, is_last: str) -> Iterator[str]:
    """Yield the clauses of the norms; without `out_features` the last stage is given out."""
    for depth, stage in enumerate(_STAGES):
        last = is_last.format(this=depth + 1, following=depth + 2)
        guard = f"'{stage}' in out_features or (out_features is None and {last})"
        for leaf in ("weight", "bias"):
            yield f"hidden_states_norms.{stage}.{leaf} [{width.format(depth)}] where {guard}"


_STATED_STAGES = "out_indices is None or not out_features is None"


def _change_named(width: str) -> tuple[Change, ...]:
    """Return the changes of a class whose config lists the names of its stages."""
    return (
        Replace("tensors", r"hidden_states_norms\..*", tuple(_norms(width, _BY_NAMES))),
        Replace("given", r"'stage4' in out_features", (_STATED_STAGES,)),
        Append("assumed", ("only(out_features, stage_names)", "not 'stem' in out_features")),
    )


_NUMBERED = (
    Replace("tensors", r"hidden_states_norms\..*", tuple(_norms("hidden_sizes[{}]", _BY_NUMBER))),
    Replace("given", r"'stage4' in out_features", (_STATED_STAGES,)),
    Replace("given", r"out_features == .*", (f"out_features is None or only(out_features, {_FOUR})",)),
    Replace("given", r"out_indices == .*", ("out_features is None or num_stages == 4",)),
)
_REASON = (
    "The backbone has a norm for each of out_features (hidden_states_norms), which follow from out_indices where only "
    "those are stated. The compiler varies a list of words only where one is there, and by default both are null."
)
_PROOFS: tuple[Config, ...] = (
    {},
    {"out_features": _FOUR},
    {"out_features": _FOUR, "out_indices": [1, 2, 3, 4]},
    {"out_features": ["stage2"]},
    {"out_features": ["stage1", "stage3"], "out_indices": [1, 3]},
)
_REFUSED: tuple[Config, ...] = (
    {"out_indices": [1, 2]}, {"out_features": ["stem", "stage1"]}, {"out_features": ["stage9"]},
)  # fmt: skip
_LISTS = {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 2, 1, 1]}
"""ConvNeXt's backbone adds its own list to these, which by default are tuples."""


def _convnext(name: str) -> Override:
    proofs = tuple({**_LISTS, **proof} for proof in _PROOFS)
    return Override(reason=_REASON, classes={name: _NUMBERED}, proofs=proofs, refused=_REFUSED)


OVERRIDES: Mapping[str, Override] = {
    "convnext": _convnext("ConvNextBackbone"),
    "convnextv2": _convnext("ConvNextV2Backbone"),
    "hiera": Override(
        reason=_REASON,
        classes={"HieraBackbone": _change_named("int(embed_dim * embed_dim_multiplier ** {})")},
        proofs=_PROOFS,
        refused=_REFUSED,
    ),
    "swin": Override(
        reason=_REASON,
        classes={"SwinBackbone": _change_named("embed_dim * 2 ** {}")},
        proofs=(
            *_PROOFS,
            {"depths": [1, 2, 1], "num_heads": [3, 6, 12]},
            {"depths": [1, 2, 1], "num_heads": [3, 6, 12], "out_features": ["stage1", "stage3"], "embed_dim": 48},
        ),
        refused=_REFUSED,
    ),
}

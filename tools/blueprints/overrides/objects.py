"""Fields that are null by default, for which a class fills in an object: what a config states there is checked."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Change, Override, Remove, Rewrite, SetFields


def accept_object(path: str, digest_of_default: str) -> tuple[Change, ...]:
    """Return the changes of a class that was learned with a null field, so that it takes the object's default too."""
    stated = f"{path} is None or digest({path}) == '{digest_of_default}'"
    return Rewrite("given", f"{path} is None", stated), SetFields({path: "nd"})


_SAPROT = accept_object("protein_encoder_config", "59506b5b0658ca43")
_MPT = {"d_model": 64, "n_heads": 4, "n_layers": 2, "vocab_size": 90}

OVERRIDES: Mapping[str, Override] = {
    "evolla": Override(
        reason="EvollaConfig fills in the config of SaProt; only the defaults could be learned.",
        classes={"EvollaForProteinText2Text": _SAPROT, "EvollaModel": _SAPROT},
        proofs=({},),
        refused=({"protein_encoder_config": {"hidden_size": 64}}, {"hidden_size": 64}),
    ),
    "mpt": Override(
        reason="What attn_config holds sizes nothing: MptAttention reads its rate, its scale and the clipping alone.",
        classes={
            name: (Remove("given", frozenset({"attn_config is None"})),)
            for name in (
                "MptForCausalLM",
                "MptForQuestionAnswering",
                "MptForSequenceClassification",
                "MptForTokenClassification",
                "MptModel",
            )
        },
        proofs=(
            {},
            _MPT,
            _MPT | {"attn_config": {"attn_pdrop": 1, "clip_qkv": 8.0, "qk_ln": True, "softmax_scale": 0.5}},
            _MPT | {"attn_config": {"attn_type": "multiquery_attention", "alibi": False, "prefix_lm": True}},
        ),
        refused=({"d_model": 64.5},),
    ),
}

"""Fields that are null by default, for which a class fills in an object: what a config states there is checked."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Override, Replace

_MPT = {"d_model": 64, "n_heads": 4, "n_layers": 2, "vocab_size": 90}

OVERRIDES: Mapping[str, Override] = {
    "mpt": Override(
        reason="What attn_config holds sizes nothing: MptAttention reads its rate, its scale and the clipping alone.",
        classes={
            name: (Replace("given", r"attn_config is None( or .*)?"),)
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

"""Fields that are null by default, for which a class fills in an object: what a config states there is checked."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tools.blueprints.overrides.changes import Change, Override, Remove, Rewrite, SetFields


def accept_object(path: str, default: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the changes of a class that was learned with a null field, so that it takes the object's default too."""
    digest = hashlib.sha256(json.dumps(default, sort_keys=True).encode()).hexdigest()[:16]
    stated = f"{path} is None or digest({path}) == '{digest}'"
    return Rewrite("given", f"{path} is None", stated), SetFields({path: "nd"})


_MPT = {"d_model": 64, "n_heads": 4, "n_layers": 2, "vocab_size": 90}

OVERRIDES: Mapping[str, Override] = {
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

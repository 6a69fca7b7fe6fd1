"""GPT-Neo: as many layers as `attention_types` says."""

from tools.blueprints.overrides.changes import Change, Override, Replace, Rewrite, SetFields

_CHANGES: tuple[Change, ...] = (
    SetFields({"attention_layers": None, "attention_types": "nL"}),
    Replace(
        "given",
        r".*\b(num_layers|attention_layers)\b.*",
        ("num_layers == 24 if attention_types is None else times(attention_types) == num_layers",),
    ),
    Replace("rules", r"attention_layers\[.*"),
    Rewrite("tensors", " for 24", " for num_layers"),
)
_SMALL = {"hidden_size": 32, "num_heads": 4, "vocab_size": 96, "max_position_embeddings": 64}

OVERRIDE = Override(
    reason=(
        "GPTNeoConfig expands attention_types ([[['global', 'local'], 12]]: kinds of attention, and how often) into "
        "attention_layers, and refuses a num_layers that is not their number. The compiler draws no such nested list, "
        "so num_layers never varied. The kind of attention sizes nothing: only the number of layers counts."
    ),
    classes=dict.fromkeys(
        (
            "GPTNeoForCausalLM",
            "GPTNeoForQuestionAnswering",
            "GPTNeoForSequenceClassification",
            "GPTNeoForTokenClassification",
            "GPTNeoModel",
        ),
        _CHANGES,
    ),
    proofs=(
        _SMALL,
        _SMALL | {"num_layers": 5, "attention_types": [[["global", "local"], 2], [["local"], 1]]},
        _SMALL | {"num_layers": 12, "attention_types": [[["global", "local"], 6]], "intermediate_size": 48},
        _SMALL | {"num_layers": 1, "attention_types": [[["global"], 1]], "num_labels": 3},
    ),
    refused=(
        _SMALL | {"num_layers": 12},
        _SMALL | {"num_layers": 12, "attention_types": [[["global", "local"], 5]]},
        _SMALL | {"num_layers": 12, "attention_types": [[["global"], "12"]]},
        _SMALL | {"num_layers": 12, "attention_types": []},
    ),
)

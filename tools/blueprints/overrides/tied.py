"""Heads that are tied where either of two configs says so."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Override, Remove

_INNER = "text_config.tie_word_embeddings"
_TIED = (
    Remove("given", frozenset([_INNER])),
    Remove("assumed", frozenset([f"{_INNER} or not tie_word_embeddings"])),
)
_TEXT = {"num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}

OVERRIDES: Mapping[str, Override] = {
    "glm4v": Override(
        reason=(
            "Glm4vConfig ties where text_config does, or itself. The compiler saw no config that ties itself beside a "
            "text_config that does not."
        ),
        classes={"Glm4vForConditionalGeneration": _TIED, "Glm4vModel": _TIED},
        proofs=tuple(
            {"tie_word_embeddings": outer, "text_config": {**_TEXT, "tie_word_embeddings": inner}}
            for outer in (False, True)
            for inner in (False, True)
        ),
        refused=({"text_config": {**_TEXT, "tie_word_embeddings": "yes"}},),
    ),
}

"""ColQwen2: a text model whose fields stand in the config of the model around it."""

from tools.blueprints.overrides.changes import Override

_TEXT = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip
_VISION = {"depth": 2, "embed_dim": 16, "num_heads": 2, "hidden_size": 32}

OVERRIDE = Override(
    reason=(
        "Qwen2VLConfig takes the fields of its text_config where that is not given, as the published configs of "
        "ColQwen2 have them. The compiler looks for that at the outermost config only, where there is no text_config. "
        "And ColQwen2Config sets vlm_config.vocab_size of the text model's."
    ),
    classes={"ColQwen2ForRetrieval": ()},
    proofs=(
        {"vlm_config": {"model_type": "qwen2_vl", **_TEXT, "vision_config": _VISION}},
        {"vlm_config": {"model_type": "qwen2_vl", "text_config": _TEXT, "vision_config": _VISION}, "embedding_dim": 12},
        {"vlm_config": {"model_type": "qwen2_vl", "text_config": None, "num_hidden_layers": 1}},
    ),
    refused=({"vlm_config": {"model_type": "qwen2_vl", "hidden_size": 30, "num_attention_heads": 4}},),
    unread=("vlm_config.vocab_size",),
    flat="vlm_config.text_config",
)

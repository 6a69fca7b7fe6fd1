"""Kyutai's speech-to-text: a decoder of any size, and its codec in a slot."""

from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, SetFields, SetSlots, Wrap

_PADDED: Change = Append("given", ("audio_pad_token_id <= vocab_size + num_codebooks * codebook_vocab_size",))
_UNTIED = "tie_word_embeddings is None or tie_word_embeddings == False"
_SMALL: dict[str, Any] = {
    "vocab_size": 90, "codebook_vocab_size": 40, "num_codebooks": 6, "hidden_size": 48, "ffn_dim": 20,
    "num_hidden_layers": 2, "num_attention_heads": 4, "audio_pad_token_id": 3,
}  # fmt: skip

OVERRIDE = Override(
    reason=(
        "KyutaiSpeechToTextForConditionalGeneration is KyutaiSpeechToTextModel as `model`, a head, and the codec that "
        "codec_config describes. The compiler had no time to learn both."
    ),
    classes={
        "KyutaiSpeechToTextForConditionalGeneration": (
            Wrap("KyutaiSpeechToTextModel", "model."),
            _PADDED,
            SetFields({"tie_word_embeddings": "bna"}),
            Append("given", (_UNTIED,)),
            Append("tensors", ("lm_head.weight [vocab_size; hidden_size]",)),
            SetSlots({"codec_config": {"at": "codec_model.", "takes": {"mimi": "MimiModel"}}}),
        ),
        "KyutaiSpeechToTextModel": (_PADDED,),
    },
    proofs=(
        {},
        _SMALL,
        _SMALL | {"num_key_value_heads": 2, "head_dim": 10, "sliding_window": 30, "codec_config": {"frame_rate": 12.5}},
        {"num_hidden_layers": 16, "num_attention_heads": 16, "vocab_size": 8001, "sliding_window": 750},
    ),
    refused=(_SMALL | {"ffn_dim": 21}, _SMALL | {"num_attention_heads": 5}, {"vocab_size": 90}),
)
